"""HTTPie: a request that is built and not sent."""

import sys

from import_clock import imports_timed

with imports_timed():
    from httpie.core import main

sys.exit(
    main(
        ["http", "--ignore-stdin", "--offline", "--pretty=none", "POST", "example.org/items", "name=value", "count:=3"]
    )
)
