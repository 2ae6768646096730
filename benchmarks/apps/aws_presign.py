"""awscli: the real command ``aws s3 presign``, run in this process."""

import os
import sys

from import_clock import imports_timed

os.environ.update(
    AWS_ACCESS_KEY_ID="key",
    AWS_SECRET_ACCESS_KEY="secret",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
)

with imports_timed():
    import awscli.clidriver

sys.argv = ["aws", "s3", "presign", "s3://bucket/object"]
sys.exit(awscli.clidriver.main())
