"""docs/guides/jupyter.md: kernels, the shell of IPython, notebooks, and modules that are loaded anew."""

from __future__ import annotations

from collections.abc import Callable

from environment import Environment
from measurement import Timed, until_ready, whole
from page import Page

SECONDS = 400
PAGE = Page("jupyter")

RELOADING = """\
import pathlib, time
import nbformat
from nbclient import NotebookClient

changes = '''
import pathlib, time
pathlib.Path("changing.py").write_text("def value():\\\\n    return 'new, and longer'")
'''
cells = ["%load_ext autoreload", "%autoreload 2", "import changing; print(changing.value())", changes,
         "print(changing.value(), 'pycds._core' in __import__('sys').modules)"]
pathlib.Path("changing.py").write_text("def value():\\n    return 'old'")
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
NotebookClient(notebook, timeout=120).execute()
print([output.text for cell in notebook.cells for output in cell.outputs if "text" in output])
"""


def test_kernels(environment_of: Callable[[str], Environment], measure: Callable[[str, Timed, Timed], None]) -> None:
    environment = environment_of("servers")
    PAGE.write(environment.directory, "kernel.py")
    environment.follow(PAGE.commands("What to do"))
    made = environment.wait_for_archives(2, SECONDS, again=lambda: environment.run("python", "kernel.py"))
    kernels = [path for path in made if path.name.startswith("ipykernel")]
    assert len(kernels) == 1
    assert "6 * 7" not in kernels[0].with_name(f"{kernels[0].name}.lst").read_text()
    with environment.statistics() as (path, found):
        assert "\n42\n" in environment.run("python", "kernel.py", PYCDSSTATS=path).stdout
    archives = [archive for one in found for archive in one["archives"]]
    assert len(archives) == 2
    (kernel,) = (archive for archive in archives if archive["archive"] == str(kernels[0]))
    assert {"ipykernel.kernelapp", "IPython.core.interactiveshell", "zmq"} <= set(kernel["served"])
    assert kernel["missed"] == []
    off = {"PYCDSENABLED": "off"}
    words = ("python", "kernel.py")
    measure("kernel ready", until_ready(environment, *words, **off), until_ready(environment, *words))
    words = ("ipython", "--no-banner", "-c", "pass")
    environment.run(*words)
    environment.wait_for_archives(3, SECONDS)
    measure("`ipython -c pass`", whole(environment, *words, **off), whole(environment, *words))


def test_a_changed_module_is_loaded_anew(environment_of: Callable[[str], Environment]) -> None:
    environment = environment_of("servers")
    environment.follow(PAGE.commands("What to do")[:1])
    (environment.directory / "notebook.py").write_text(RELOADING)

    def run() -> str:
        return environment.run("python", "notebook.py").stdout

    run()
    environment.wait_for_archives(2, SECONDS, again=run)  # nbclient does not wait for the end of a kernel
    assert {run(), run()} == {"['old\\n', 'new, and longer True\\n']\n"}
