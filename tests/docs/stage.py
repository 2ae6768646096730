"""Where the commands of a page run: a home, a working directory, and an environment with the wheel installed."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import textwrap
from pathlib import Path

from pages import ROOT

DEPENDENCIES = ("pip", "click", "rich", "markdown-it-py", "mdurl", "Pygments", "packaging")
"""What the wheel depends on, and pip: taken from the environment of the tests, not from the network."""

STAND_INS = {"http": "argparse, json, urllib.request", "aws": "argparse, configparser, logging"}
"""Console scripts that the pages name, and what programs of ours, which have their names here, import."""


class Stage:
    """One page's place.  ``/srv/venv``, ``/srv/app`` and ``/home/me`` in the pages are directories of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.places = {name: directory / name[1:] for name in ("/srv/venv", "/srv/app", "/home/me")}
        for place in self.places.values():
            place.mkdir(parents=True)
        self.bin = self.places["/srv/venv"] / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.places["/srv/venv"]], check=True)
        self._link_dependencies()
        self._write_scripts()

    def _link_dependencies(self) -> None:
        """In a directory of their own: the PyCDS beside them must not be seen."""
        directory = self.directory / "dependencies"
        directory.mkdir()
        for name in DEPENDENCIES:
            for file in importlib.metadata.files(name) or ():
                head = directory / file.parts[0]
                if head.name != ".." and not head.exists():
                    head.symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / head.name)
        (site_packages,) = (self.places["/srv/venv"] / "lib").glob("python*/site-packages")
        (site_packages / "dependencies.pth").write_text(f"{directory}\n")

    def _write_scripts(self) -> None:
        """As pip writes them; and the file that many pages run."""
        python = self.bin / "python"
        self._script("pip", f"#!{python}\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n")
        for name, imported in STAND_INS.items():
            text = f"#!{python}\nimport {imported}\nif __name__ == '__main__':\n    print('{name} 1.0')\n"
            self._script(name, text)
        app = 'import json, email.message, sys\nprint(json.dumps({"arguments": sys.argv[1:]}))\n'
        self.write("app.py", app)
        self.write("the_program.py", "import json, email.message\n")

    def _script(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """A file that a page shows, in the working directory."""
        (self.places["/srv/app"] / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def environ(self) -> dict[str, str]:
        """What a user has in a shell with the environment active, and where pip looks for the wheel."""
        (wheel,) = (ROOT / "build" / Path(sys.prefix).name / "dist").glob("*.whl")
        return {
            "HOME": str(self.places["/home/me"]), "PATH": f"{self.bin}:/usr/bin:/bin", "LANG": "C.UTF-8",
            "COLUMNS": "200", "VIRTUAL_ENV": str(self.places["/srv/venv"]), "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheel.parent), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_COLOR": "1", "PIP_ROOT_USER_ACTION": "ignore",
        }  # fmt: skip

    def run(self, command: str) -> tuple[int, list[str]]:
        """A command line, by bash, to the end of all that it started; its exit code, and what it printed."""
        for shown, place in self.places.items():
            command = command.replace(shown, str(place))
        status = self.directory / "status"
        status.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("reaper.py")), str(status), "/bin/bash", "-c", command],
            cwd=self.places["/srv/app"], env=self.environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=300, check=True,
        )  # fmt: skip
        printed = done.stdout
        for shown, place in self.places.items():
            printed = printed.replace(str(place), shown)
        return int(status.read_text()), printed.splitlines()
