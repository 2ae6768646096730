"""A small script: arguments, a path, JSON in and out."""

from import_clock import imports_timed

with imports_timed():
    import argparse
    import json
    import pathlib

parser = argparse.ArgumentParser(description="sum the sizes of files by suffix")
parser.add_argument("directory", nargs="?", default=pathlib.Path(__file__).parent, type=pathlib.Path)
arguments = parser.parse_args()
sizes = {}
for file in sorted(arguments.directory.glob("*.py")):
    sizes[file.suffix] = sizes.get(file.suffix, 0) + file.stat().st_size
print(json.dumps(sizes))
