"""Google Cloud Storage: a client without credentials, and the address of an object."""

from import_clock import imports_timed

with imports_timed():
    from google.cloud import storage

client = storage.Client.create_anonymous_client()
print(client.bucket("bucket").blob("a/b.txt").public_url)
