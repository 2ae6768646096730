"""typer: a command line with one command, and its help."""

from import_clock import imports_timed

with imports_timed():
    import typer

app = typer.Typer(add_completion=False)


@app.command()
def greet(name: str = "world", times: int = 1):
    """Greet someone."""
    for _ in range(times):
        print("hello", name)


app(["--help"])
