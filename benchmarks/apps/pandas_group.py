"""pandas: read a small CSV, group, sum."""

from import_clock import imports_timed

with imports_timed():
    import io

    import pandas as pd

frame = pd.read_csv(io.StringIO("city,count\nOslo,1\nBern,2\nOslo,3\n"))
print(frame.groupby("city")["count"].sum().to_dict())
