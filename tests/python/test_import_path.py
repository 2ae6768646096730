"""The way from the import statement to a served module's body: what a program sees on it is what a plain import shows.

Each case is a program that imports by statements and prints what it sees.  It runs plain and served in fresh processes;
both must end alike and print the same, and the served one must have run modules without importlib's frames.
"""

# ruff: noqa: E501 - the programs in the table are easier to compare with a statement a line
from __future__ import annotations

import sys
import textwrap

import pytest

from conftest import MakeArchive, Python, write_files
from sample_program import Sample
from test_sameness import CASES as SAMENESS
from test_sameness import MODULES, SHOW, sample  # noqa: F401 - a fixture

FILES = {
    "good.py": "VALUE = 1\n",
    "other.py": "VALUE = 2\n",
    "fails.py": "VALUE = 1\ndef fail():\n    raise ValueError('on purpose')\nfail()\n",
    "exits.py": "raise SystemExit(7)\n",
    "interrupted.py": "raise KeyboardInterrupt\n",
    "lacks.py": "import good\nfrom good import nothing\n",
    "needs.py": "import not_there_at_all\n",
    "package/__init__.py": "from . import first\nimport package.second\nNAME = __name__\n",
    "package/first.py": "VALUE = 1\n",
    "package/second.py": "from package import first\nVALUE = 2\n",
    "package/broken.py": "from . import first\n1 / 0\n",
    "package/deep/__init__.py": "",
    "package/deep/leaf.py": "from .. import first, second\nVALUE = first.VALUE + second.VALUE\n",
    "circle_a.py": "import circle_b\nVALUE = 1\n",
    "circle_b.py": "import circle_a\nVALUE = getattr(circle_a, 'VALUE', 'not yet')\nfrom circle_a import VALUE as again\n",
    "parted/__init__.py": "import parted.one\n",
    "parted/one.py": "import parted.two\nparted.one\n",
    "parted/two.py": "VALUE = 1\n",
    "vanishes.py": "import sys\ndel sys.modules[__name__]\n",
    "replaced.py": "import sys\nclass Other:\n    VALUE = 'another object'\nsys.modules[__name__] = Other()\n",
    "renamed.py": "__spec__.name = 'good'\n",
    "closed/__init__.py": """\
        import sys
        class Closed:
            __slots__ = ()
            __name__, __path__, __spec__ = __name__, __path__, __spec__
        sys.modules[__name__] = Closed()
        """,
    "closed/child.py": "VALUE = 1\n",
    "moves/__init__.py": "import sys\nimport moves.part\n",
    "moves/part.py": "import sys\nsys.modules.pop('moves')\nVALUE = 1\n",
    "patches/__init__.py": """\
        import importlib.machinery as machinery
        original = machinery.SourceFileLoader.path_stats
        machinery.SourceFileLoader.path_stats = lambda self, path: original(self, path)
        """,
    "patches/child.py": "VALUE = 1\n",
    "warns.py": "import warnings\nwarnings.warn('at level 1')\nwarnings.warn('at level 2', stacklevel=2)\n",
    "looks.py": """\
        import inspect, sys
        def seen(frame):
            while frame:
                if 'importlib' not in frame.f_code.co_filename:
                    yield frame.f_code.co_name, frame.f_lineno, frame.f_globals['__name__']
                frame = frame.f_back
        FRAMES = list(seen(sys._getframe()))
        """,
    "framed.py": "import sys\nABOVE = sys._getframe(1).f_code.co_filename.rpartition('/')[2]\n",
    "slow.py": "import time\ntime.sleep(0.3)\nVALUE = 1\n",
    "slow_to_fail.py": "import time\ntime.sleep(0.3)\nraise ValueError('at last')\n",
    "locked.py": """\
        import _frozen_importlib as bootstrap
        lock = bootstrap._get_module_lock(__name__)
        OWNED = lock.owner, lock.acquire(), lock.owner == bootstrap._thread.get_ident(), lock.release()
        OWNED = (OWNED[0] == bootstrap._thread.get_ident(), *OWNED[1:])
        """,
    "chain0.py": "VALUE = 0\n",
    **{f"chain{i}.py": f"import chain{i - 1}\nVALUE = {i}\n" for i in range(1, 60)},
}

PRELUDE = """\
import re, sys
def show(*values):
    print(*(re.sub(r" at 0x[0-9a-f]+", "", str(value)) for value in values), flush=True)
def present(*names):
    show({name: name in sys.modules for name in names})
"""

TRACED = """
for name in "framed good other package package.first package.second package.deep package.deep.leaf looks locked slow chain59 warns replaced patches patches.child".split():
    __import__(name)
for name in "closed.child fails lacks needs package.broken circle_a parted vanishes exits interrupted slow_to_fail moves renamed".split():
    try:
        __import__(name)
    except BaseException:
        pass
"""

CASES = {
    "a module and a package": """
        import good, package, package.deep.leaf
        from package import second, deep
        from package.deep.leaf import VALUE
        show(good.VALUE, package.NAME, second.VALUE, deep.leaf, VALUE, list(sys.modules)[-8:])
        """,
    "an error in the body": "import fails",
    "an error in a submodule": "import package.broken",
    "an error below other modules": """
        import traceback
        def importer(name):
            exec(f"import {name}")
        for name in ("fails", "package.broken", "lacks", "needs", "exits", "interrupted"):
            try:
                importer(name)
            except BaseException as error:
                show(traceback.format_exc(), repr(error.__context__), error.__suppress_context__)
            present(name, "package", "good")
        """,
    "an exit": "import exits",
    "an interruption": "import interrupted",
    "what is not there": """
        import package
        for name in ("package.nothing", "good.below", "nothing", "nothing.at.all"):
            try:
                __import__(name)
            except ModuleNotFoundError as error:
                show(error, error.name, error.path, error.__context__)
        """,
    "a circle": """
        try:
            import circle_a
        except ImportError as error:
            show(error, error.name)
        present("circle_a", "circle_b")
        """,
    "a circle within a package": """
        try:
            import parted
        except AttributeError as error:
            show(error)
        present("parted", "parted.one", "parted.two")
        """,
    "a module that takes itself away": """
        try:
            import vanishes
        except KeyError as error:
            show(repr(error))
        """,
    "a module that puts another object in its place": "import replaced; show(replaced.VALUE, type(replaced))",
    "a module that renames its spec": """
        import good
        try:
            import renamed
            show(renamed)
        except BaseException as error:
            show(repr(error))
        present("good", "renamed")
        """,
    "a package that takes no attributes": """
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                import closed.child
            except AttributeError as error:
                show(repr(error))
        show([(str(warning.message), warning.category) for warning in caught if "Cannot set" in str(warning.message)], sys.modules["closed.child"].VALUE)
        """,
    "a package that goes away": """
        try:
            import moves
        except BaseException as error:
            show(repr(error))
        present("moves", "moves.part")
        """,
    "a package that patches a loader": "import patches.child; show(patches.child.VALUE)",
    "a warning names the line": "import warns",
    "frames of the program": """
        def importer():
            import looks
            return looks.FRAMES
        show(importer())
        """,
    "the lock of a module": """
        import _frozen_importlib as bootstrap, gc, locked
        gc.collect()
        show(locked.OWNED, sorted(bootstrap._module_locks))
        """,
    "another thread waits": """
        import threading
        def work():
            import slow
            found.append(slow.VALUE)
        found = []
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        import _frozen_importlib as bootstrap, gc
        gc.collect()
        show(found, sorted(bootstrap._module_locks))
        """,
    "another thread waits for the first": """
        import threading, time
        def work():
            while "slow" not in sys.modules: time.sleep(0.001)
            import slow
            found.append(slow.VALUE)
        found = []
        thread = threading.Thread(target=work)
        thread.start()
        import slow
        thread.join()
        import _frozen_importlib as bootstrap, gc
        gc.collect()
        show(found, sorted(bootstrap._module_locks))
        """,
    "another thread waits for a failure of the first": """
        import threading, time
        def work():
            while "slow_to_fail" not in sys.modules: time.sleep(0.001)
            try:
                import slow_to_fail
            except ValueError as error:
                found.append(str(error))
        found = []
        thread = threading.Thread(target=work)
        thread.start()
        try:
            import slow_to_fail
        except ValueError as error:
            show(error)
        thread.join()
        present("slow_to_fail")
        show(found)
        """,
    "another thread waits for a failure": """
        import threading
        def work():
            try:
                import slow_to_fail
            except ValueError as error:
                found.append(str(error))
        import time
        found = []
        threads = [threading.Thread(target=work) for _ in range(2)]
        threads[0].start()
        while "slow_to_fail" not in sys.modules: time.sleep(0.001)
        threads[1].start()
        for thread in threads: thread.join()
        present("slow_to_fail")
        show(found)
        """,
    "audit events": """
        events = []
        names = {"good", "package", "package.first", "package.second", "needs", "not_there_at_all"}
        def hook(event, arguments):
            if event == "import" and arguments[0] in names:
                events.append((event, arguments[0], *map(type, arguments[1:])))
            elif event == "exec" and arguments[0].co_filename.endswith((".py",)):
                events.append((event, arguments[0].co_filename.rpartition("/")[2]))
        sys.addaudithook(hook)
        import good, package
        try:
            import needs
        except ModuleNotFoundError as error:
            show(error)
        for event in events: show(*event)
        """,
    "an audit hook that refuses": """
        def hook(event, arguments):
            if event == "exec" and arguments[0].co_filename.endswith("other.py"):
                raise RuntimeError("not this one")
        sys.addaudithook(hook)
        try:
            import other
        except RuntimeError as error:
            show(error)
        present("other")
        """,
    "globals with builtins of their own": """
        import builtins
        own = {**vars(builtins), "print": None}
        exec("import good", {"__builtins__": own})
        show(sys.modules["good"].__builtins__ is vars(builtins))
        """,
    "a replaced __import__": """
        import builtins
        original, seen = builtins.__import__, []
        def importing(name, *rest, **named):
            seen.append(name)
            return original(name, *rest, **named)
        builtins.__import__ = importing
        import good, package.deep.leaf
        show([name for name in seen if name in ("good", "package.deep.leaf", "first", "package.second", "package")])
        """,
    "a long chain": "import chain59; show(chain59.VALUE, list(sys.modules)[-3:])",
    "a finder in front that imports": """
        class Finder:
            def find_spec(self, name, path=None, target=None):
                asked.append(name)
                if name == "good" and asked.count("good") == 1:
                    import other
                    import good
        asked = []
        sys.meta_path.insert(0, Finder())
        import good
        show(asked, good.VALUE)
        """,
    "a finder in front that fails": """
        class Finder:
            def find_spec(self, name, path=None, target=None):
                raise OSError("no finding today")
        sys.meta_path.insert(0, Finder())
        try:
            import good
        except OSError as error:
            show(error)
        present("good")
        """,
    "sys.modules replaced": """
        class Modules(dict):
            def __setitem__(self, name, module):
                stored.append(name)
                super().__setitem__(name, module)
        stored = []
        sys.modules = Modules(sys.modules)
        import good, package.second
        show([name for name in stored if name.startswith(("good", "package"))])
        """,
    "reload": """
        import importlib, good, package.first
        show(importlib.reload(good) is good, importlib.reload(package.first) is package.first)
        """,
}

# Here the interpreter's own functions do all of it, and their frames are there.
FRAMED = {
    "importlib.import_module": """
        import importlib, traceback
        show(importlib.import_module("framed").ABOVE)
        try:
            importlib.import_module("fails")
        except ValueError:
            show(traceback.format_exc())
        """,
    "a trace function": """
        def trace(frame, event, argument):
            if "importlib" not in frame.f_code.co_filename:
                show(event, frame.f_code.co_name, frame.f_lineno)
            return trace
        sys.settrace(trace)
        import framed
        sys.settrace(None)
        show(framed.ABOVE)
        """,
    "a profile function": """
        def profile(frame, event, argument):
            if "importlib" not in frame.f_code.co_filename and "c_" not in event:
                show(event, frame.f_code.co_name, frame.f_lineno)
        sys.setprofile(profile)
        import framed
        sys.setprofile(None)
        show(framed.ABOVE)
        """,
    "a replaced function of importlib": """
        import _frozen_importlib as bootstrap
        original, loaded = bootstrap._load_unlocked, []
        def load(spec):
            loaded.append(spec.name)
            return original(spec)
        bootstrap._load_unlocked = load
        import framed
        show(loaded, framed.ABOVE)
        """,
}
if sys.version_info >= (3, 12):
    FRAMED["a monitoring tool"] = """
        tool, events = 3, sys.monitoring.events
        sys.monitoring.use_tool_id(tool, "looks")
        import framed
        show(framed.ABOVE)
        """


def run_both(python: Python, make_archive: MakeArchive, body: str) -> int:
    """Run a program plain and served; how many modules were run without frames of importlib."""
    write_files(python.directory, {**FILES, "all.py": TRACED, "app.py": PRELUDE + textwrap.dedent(body)})
    made = make_archive("all.py")
    plain = python("app.py", code=None)
    served = python.served(made.archive, "app.py", code=None)
    seen = [(done.returncode, done.stdout, done.stderr) for done in (plain, served.done)]
    assert seen[1] == seen[0]
    assert served.statistics["hits"] or not served.statistics
    return sum(archive["direct"] for archive in served.statistics.get("archives", []))


@pytest.mark.parametrize("case", CASES)
def test_a_program_sees_the_same(python: Python, make_archive: MakeArchive, case: str) -> None:
    direct = run_both(python, make_archive, CASES[case])
    # A killed process leaves no statistics; a dictionary of the program's own is left to the interpreter.
    assert direct or case in ("an interruption", "sys.modules replaced")


@pytest.mark.parametrize("case", FRAMED)
def test_what_the_interpreter_does_itself(python: Python, make_archive: MakeArchive, case: str) -> None:
    run_both(python, make_archive, FRAMED[case])


def test_what_was_replaced_before_an_archive_is_attached(python: Python, make_archive: MakeArchive) -> None:
    text = """
        import sys, pycds, _frozen_importlib as bootstrap
        original, loaded = getattr(bootstrap, sys.argv[2]), []
        setattr(bootstrap, sys.argv[2], lambda *arguments: (loaded.append(1), original(*arguments))[1])
        assert pycds.attach(sys.argv[1])
        import framed
        print(bool(loaded), framed.ABOVE)
        """
    write_files(python.directory, {**FILES, "all.py": "import framed\n", "app.py": text})
    made = make_archive("all.py")
    for function in ("_load_unlocked", "_find_and_load", "module_from_spec"):
        done = python("app.py", made.archive, function)
        assert done.stdout == "True <frozen importlib._bootstrap>\n", (function, done.stderr)


def test_there_are_no_frames_in_between(python: Python, make_archive: MakeArchive) -> None:
    write_files(python.directory, {**FILES, "app.py": "import framed\nprint(framed.ABOVE)\n"})
    made = make_archive("app.py")
    assert python("app.py").stdout == "<frozen importlib._bootstrap>\n"
    assert python.served(made.archive, "app.py").stdout == "app.py\n"


def test_nor_are_there_after_a_circular_import(python: Python, make_archive: MakeArchive) -> None:
    """Where importlib has made a lock of its own for the package, which this thread holds."""
    files = {
        "circular/__init__.py": "import circular.one\nimport circular.framed\n",
        "circular/one.py": "from circular import two\n",
        "circular/two.py": "",
        "circular/framed.py": FILES["framed.py"],
        "app.py": "import circular\nprint(circular.framed.ABOVE)\n",
    }
    write_files(python.directory, files)
    made = make_archive("app.py")
    assert python("app.py").stdout == "<frozen importlib._bootstrap>\n"
    assert python.served(made.archive, "app.py").stdout == "__init__.py\n"


@pytest.mark.parametrize("case", [case for case in SAMENESS if "MODULES" in SAMENESS[case]])
def test_sameness_after_import_statements(sample: Sample, case: str) -> None:  # noqa: F811
    """The cases of test_sameness, whose modules are imported by importlib.import_module there."""
    imports = f"MODULES = [__import__(name, fromlist=['x']) for name in {MODULES!r}.split()]\n"
    code = SHOW + "import importlib\n" + imports + textwrap.dedent(SAMENESS[case])
    plain = sample.plain("-c", code, code=None)
    env = {"PYTHONPATH": sample.path, "PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(sample.archive)}
    served = sample.python("-c", code, code=None, env=env)
    assert (served.returncode, served.stdout, served.stderr) == (plain.returncode, plain.stdout, plain.stderr)
