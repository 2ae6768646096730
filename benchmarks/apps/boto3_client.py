"""boto3: create a client and sign a URL with it."""

from import_clock import imports_timed

with imports_timed():
    import boto3

session = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name="eu-central-1")
client = session.client("s3")
url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "object"})
print(url.split("?")[0])
