"""requests: a session with a retrying adapter prepares a request and reads a canned response."""

from import_clock import imports_timed

with imports_timed():
    import requests
    import requests.adapters

with requests.Session() as session:
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=3))
    request = requests.Request("POST", "https://example.org/items?page=1", json={"name": "value"}, auth=("u", "w"))
    prepared = session.prepare_request(request)
response = requests.Response()
response.status_code = 200
response._content = b'{"answer": 42}'
response.encoding = "utf-8"
print(prepared.method, prepared.url, response.json())
