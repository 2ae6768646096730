"""rich: a table on a console that is no terminal."""

from import_clock import imports_timed

with imports_timed():
    from rich.console import Console
    from rich.table import Table

table = Table("application", "ms")
for row in (("requests", "96"), ("django", "265")):
    table.add_row(*row)
Console(width=60).print(table)
