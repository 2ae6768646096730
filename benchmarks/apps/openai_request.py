"""OpenAI: a client, and a request that is built and not sent."""

from import_clock import imports_timed

with imports_timed():
    import openai

client = openai.OpenAI(api_key="none", base_url="http://localhost:9")
request = client._build_request(
    openai._models.FinalRequestOptions.construct(method="post", url="/chat/completions", json_data={"model": "none"})
)
print(request.method, request.url.path)
