"""The start-up hook: does what the environment asks for, before the program begins.

``pycds.pth`` calls ``start()`` when PYCDSMODE is set, unless the core has served by itself: ``src/bindings/start.cpp``
knows the usual cases and does the same.  Everything here is on the start-up path: it uses modules that are loaded at
that time anyway, and the core.

    PYCDSMODE=SHARE     serve imports from PYCDSARCHIVE (of several, with colons between, the first is asked first),
                        under PYCDSPOLICY (auto, on, off) and PYCDSVALIDATION (exact, digest, sealed), and with
                        PYCDSMEMO (on, off) results of pure work
    PYCDSMODE=TRACE     record imports and, with PYCDSMEMO, such work into PYCDSLIST
    PYCDSMODE=DUMP      make PYCDSARCHIVE from PYCDSLIST and exit
    PYCDSMODE=MANUALLY  nothing: the program calls cds.trace(), cds.share() or pycds.attach() itself

With SHARE, TRACE and MANUALLY, PYCDSSTARTUPGC and PYCDSFASTEXIT (archive, on, off) do what ``startup_gc.py`` and
``fast_exit.py`` say.  PYCDSPHASES=FILE is what `pycds bench --explain` sets for the program that it measures.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Sequence

    from pycds._core import Finder, PhaseClock

MODES = ("SHARE", "TRACE", "DUMP", "MANUALLY")
POLICIES = ("auto", "on", "off")
VALIDATIONS = ("exact", "digest", "sealed")
MEMO = ("on", "off")
OPTIONS = {"startup-gc": "PYCDSSTARTUPGC", "fast-exit": "PYCDSFASTEXIT"}
"""Options of a run, which an archive may carry, and the variables that decide whatever the archive says."""

_core = sys.modules.get("pycds._core")

finders: "List[Finder]" = getattr(_core, "attached", [])
"""The archives attached to this interpreter, the newest last; some of them by the core itself, on its short way."""

refusals: "List[Dict[str, str]]" = []
"""The archives that could not be attached: archive, reason, message."""

_started = bool(finders)
_verbosity: "int | None" = None


def start() -> None:
    """Do what PYCDSMODE says; once in an interpreter."""
    global _started
    if _started:
        note("start-up hook entered again", 2)
        return
    environ = os.environ
    mode = environ.get("PYCDSMODE")
    if mode is None:
        return  # by a .start file, which cannot look first
    _started = True
    if is_secure_execution():
        return  # whoever set these variables has not the rights of this process
    command = command_line()
    if is_pycds(command):
        note("the command pycds is not served itself", 2)
        return
    is_observed = "PYCDSPHASES" in environ and mode in ("SHARE", "MANUALLY")
    clock = _observe(environ, mode) if is_observed else None
    if clock is not None and mode != "SHARE":
        clock.change_to("rest")
        return  # a plain run, which no option of PyCDS is to change
    for name in ("PYCDSARCHIVE", "PYCDSLIST", "PYCDSSTATS"):
        path = environ.get(name)
        if path:
            _make_absolute(environ, name, path, mode == "SHARE" and name == "PYCDSARCHIVE")
    if mode == "SHARE":
        _share(environ, command)
    elif mode == "TRACE":
        trace(environ.get("PYCDSLIST"), command)
    elif mode == "DUMP":
        _dump(environ.get("PYCDSLIST"), environ.get("PYCDSARCHIVE"))
    elif mode and mode != "MANUALLY":
        warn(f"PYCDSMODE={mode!r} is not one of {', '.join(MODES)}; ignored")
        return
    if mode:
        apply_options(environ)
    if clock is not None:
        clock.change_to("rest")


def _observe(environ: "os._Environ[str]", mode: str) -> "PhaseClock | None":
    """Count the time of this process by phase, and of no child of it: see ``phases.py``.

    A plain run is observed under PYCDSMODE=MANUALLY, and is to see nothing of that.
    """
    from time import monotonic_ns

    begun = attached = monotonic_ns()
    path = environ.pop("PYCDSPHASES")
    if mode == "SHARE":
        try:
            import pycds._core  # noqa: F401 - what attaching an archive costs is no cost of measuring

            attached = monotonic_ns()
        except ImportError:
            return None
    else:
        del environ["PYCDSMODE"]
    try:
        from pycds import phases

        clock = phases.observe(path, begun, attached)
    except (ImportError, OSError) as error:
        warn(f"no phases: {error}")
        return None
    if mode == "SHARE":
        clock.change_to("attach")
    return clock


def is_secure_execution() -> bool:
    """Whether this process has rights that its caller has not: setuid, setgid, file capabilities.

    See ``secure_getenv(3)``: such a process must not do what the environment says.
    """
    if not hasattr(os, "getuid"):  # not a POSIX system
        return False
    if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        return True
    try:
        descriptor = os.open("/proc/self/auxv", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:  # a process that may not look at itself is one of these
        return True
    except OSError:
        return False
    try:
        words = memoryview(os.read(descriptor, 4096))
    finally:
        os.close(descriptor)
    words = words[: len(words) // 16 * 16].cast("Q")
    at_secure = 23  # <elf.h>
    return any(words[i] == at_secure and words[i + 1] for i in range(0, len(words), 2))


def command_line() -> "List[str]":
    """The interpreter and its arguments, as they were given; nothing where that cannot be known."""
    command: List[str] | None = getattr(sys, "orig_argv", None)
    if command is None:  # before 3.10, and on some other interpreters
        try:
            with open("/proc/self/cmdline", "rb") as file:
                command = os.fsdecode(file.read()).split("\0")[:-1]
        except OSError:
            command = []
    return command


def _make_absolute(environ: "os._Environ[str]", name: str, path: str, has_several: bool) -> None:
    """Children may begin in another directory."""
    paths = path.split(os.pathsep) if has_several else [path]
    if all(one[:1] == "/" for one in paths):
        return
    try:
        environ[name] = os.pathsep.join(os.path.abspath(one) for one in paths if one)
    except OSError:  # the working directory is gone
        pass


def is_pycds(command: "List[str]") -> bool:
    """Whether this interpreter runs PyCDS's own command, which must work whatever the environment asks for.

    A console script is known by its name (``bin/pycds``, after the options of its first line), ``python -m pycds``
    by these words.  Only what stands before the program's own arguments is looked at.
    """
    takes_value = False
    for word in command[1:]:
        if takes_value:
            takes_value = False
        elif word == "-m":
            return command[command.index("-m") + 1 : command.index("-m") + 2] in (["pycds"], ["cds.dump"])
        elif word[:1] != "-":
            return word.endswith("/pycds") or word == "pycds"
        elif word in ("-mpycds", "-mcds.dump"):
            return True
        elif word == "-c" or word[1:2] == "c":
            return False
        else:
            takes_value = word in ("-X", "-W", "--check-hash-based-pycs")
    return False


def _share(environ: "os._Environ[str]", command: "List[str]") -> None:
    policy = _choice(environ, "PYCDSPOLICY", POLICIES)
    if policy == "off":
        return
    validation = validation_of(environ)
    archives = [path for path in environ.get("PYCDSARCHIVE", "").split(os.pathsep) if path]
    if archives:
        for archive in archives[:0:-1]:
            attach(archive, policy, validation, fatal=True)
        serve(archives[0], policy, validation, command)
    else:
        refuse("", "missing", "PYCDSMODE=SHARE without PYCDSARCHIVE: name the archive there", policy)
    _report(environ)


def _report(environ: "Mapping[str, str]") -> None:
    if "PYCDSSTATS" in environ or "PYCDSREFRESH" in environ:
        report_at_exit(environ.get("PYCDSSTATS"), environ.get("PYCDSREFRESH"))


def finish() -> None:
    """Do what the environment asks for besides an archive that the core has attached by itself (``_core.start()``)."""
    _report(os.environ)
    apply_options(os.environ)


def serve(archive: str, policy: str, validation: str, command: "List[str]", memo: "bool | None" = None) -> bool:
    """Attach an archive for the program that ``command`` runs; True if it is used."""
    if not attach(archive, policy, validation, fatal=True, memo=memo):
        return False
    _serve_script(finders[-1], command)
    return True


def apply_options(environ: "Mapping[str, str]") -> None:
    """Do what the environment, else the archive, asks for besides."""
    archived = finders[-1].options() if finders else []
    chosen = []
    for name, variable in OPTIONS.items():
        word = _choice(environ, variable, ("archive", "on", "off"))
        if word == "on" or (word == "archive" and name in archived):
            chosen.append(name)
    if chosen:
        from pycds import options

        options.apply(chosen)


def _choice(environ: "Mapping[str, str]", name: str, choices: "Sequence[str]") -> str:
    """The value of a variable, or the first of its choices."""
    value = environ.get(name) or choices[0]
    if value in choices:
        return value
    warn(f"{name}={value!r} is not one of {', '.join(choices)}; using {choices[0]}")
    return choices[0]


def validation_of(environ: "Mapping[str, str]") -> str:
    """What PYCDSVALIDATION says; "exact" without it."""
    return _choice(environ, "PYCDSVALIDATION", VALIDATIONS)


def uses_memo(environ: "Mapping[str, str]") -> bool:
    """Whether results of pure work are taken from archives and noted for them: what PYCDSMEMO says, "on" without it."""
    return _choice(environ, "PYCDSMEMO", MEMO) == "on"


def attach(
    archive: "str | os.PathLike[str]",
    policy: str = "on",
    validation: str = "exact",
    *,
    fatal: bool = False,
    memo: "bool | None" = None,
) -> bool:
    """Serve the imports of this interpreter from an archive from now on; True if it does.

    ``validation`` says how it is made sure that the archive holds what a plain import would load: "exact" by the
    stamps of files and directories and, where these differ, by contents; "digest" by contents alone; "sealed" not at
    all, for images in which nothing ever changes.  ``memo``: whether results of pure work are taken from it; None
    leaves that to PYCDSMEMO.

    Nothing is done for a module until it is imported.  Attaching an archive that is attached already changes
    nothing.  With ``policy`` "on" an archive that cannot be used raises ``pycds.Refusal`` (or, with ``fatal``, ends
    the process with one line on stderr and code 3); with "auto" it is left out, counted in ``statistics()``, and
    False is returned; "off" does nothing.  Raises ValueError for another policy or validation.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy {policy!r} is not one of {', '.join(POLICIES)}")
    if validation not in VALIDATIONS:
        raise ValueError(f"validation {validation!r} is not one of {', '.join(VALIDATIONS)}")
    if policy == "off":
        return False
    path = os.path.abspath(os.fspath(archive))
    for known in finders:
        if known.statistics()["archive"] == path:
            return True
    try:
        require_final()
        from pycds._core import Finder, ImportPath

        finder = Finder(path, validation, uses_memo(os.environ) if memo is None else memo)
    except Exception as error:
        if policy == "on" and not fatal:
            if isinstance(error, ImportError):
                from pycds import unsupported

                raise unsupported.as_refusal(error) from error
            raise
        refuse(path, *_why(error), policy)
        return False
    finders.append(finder)
    sys.meta_path.insert(0, finder)
    _serve_compilations(finder)
    try:
        ImportPath(finder).install()
    except Exception as error:  # noqa: BLE001 - no memory, an importlib that is not the interpreter's: the finder serves
        note(f"imports go importlib's own way: {type(error).__name__}: {error}", 1)
    if verbosity():
        from pycds.narration import Narrator

        sys.meta_path.insert(0, Narrator(finder))
    return True


def _serve_compilations(finder: "Finder") -> None:
    from pycds._core import serve_compilations

    try:
        serve_compilations(finder)
    except MemoryError:  # texts are compiled as ever
        pass


def _serve_script(finder: "Finder", command: "List[str]") -> None:
    """Have the script that the interpreter was started with taken from the archive, if it has it."""
    name = script(command)
    if name is None:
        return
    from pycds._core import serve_script

    try:
        serve_script(finder, name)
    except MemoryError:  # it is compiled as ever
        pass


def script(command: "List[str]") -> "str | None":
    """What the interpreter is about to run, under the filename that its code will have, if that is a file's name.

    None where there is more to running it: with ``-i`` its exceptions do not end the process, ``-x`` skips a line.
    """
    words = getattr(sys, "argv", None)
    if not words or words[0][:1] in ("", "-") or sys.flags.inspect or _skips_first_line(command):
        return None
    name: str = words[0]
    if name[0] != "/" and sys.version_info >= (3, 9):  # as the interpreter makes it: nothing is resolved
        try:
            return f"{os.getcwd()}/{name}"
        except OSError:  # the working directory is gone
            return None
    return name


def _skips_first_line(command: "List[str]") -> bool:
    """Whether the interpreter was given ``-x``, alone or among other letters."""
    takes_value = False
    for word in command[1:]:
        if takes_value:
            takes_value = False
        elif word[:1] != "-" or word == "-":
            return False
        elif word[:2] != "--":
            letters = word[1:]
            end = min((letters.find(letter) for letter in "cmWX" if letter in letters), default=-1)
            if "x" in (letters if end < 0 else letters[:end]):
                return True
            takes_value = end == len(letters) - 1 and end >= 0
        else:
            takes_value = word == "--check-hash-based-pycs"
    return False


def require_final() -> None:
    """Raise ImportError in an alpha or beta: a core would load there, but is made for the final release's objects."""
    if sys.hexversion & 0xF0 < 0xC0:
        raise ImportError("this is a pre-release of Python")


def _why(error: Exception) -> "tuple[str, str]":
    """Reason and message of an archive that could not be attached."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, str):
        return reason, str(getattr(error, "message", error))
    if isinstance(error, ImportError):
        from pycds import unsupported

        return "unsupported", unsupported.without_core(error)
    return "error", f"{type(error).__name__}: {error}"


def refuse(archive: str, reason: str, message: str, policy: str) -> None:
    """Count an archive that is not used; under policy "on" that ends the process."""
    refusals.append({"archive": archive, "reason": reason, "message": message})
    note(f"archive not used ({reason}): {message}", 1)
    if policy == "on" and not (reason == "unsupported" and _in_subinterpreter()):
        warn(message)
        os._exit(3)


def is_main_interpreter() -> bool:
    """Whether signals can be handled here: neither in a subinterpreter nor outside the main thread."""
    import _signal  # type: ignore[import-not-found]  # typeshed knows `signal`, which would import enum and more

    try:
        descriptor = _signal.set_wakeup_fd(-1)
    except ValueError:
        return False
    if descriptor != -1:
        _signal.set_wakeup_fd(descriptor)
    return True


def _in_subinterpreter() -> bool:
    """Whether this is not the main interpreter, which has already judged the archive."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = __import__(name)
        except ImportError:
            continue
        current, main = module.get_current(), module.get_main()
        # 3.13 gives pairs of id and origin
        return bool(
            (current[0] if isinstance(current, tuple) else current) != (main[0] if isinstance(main, tuple) else main)
        )
    return False


def trace(list_path: "str | None", command: "List[str]", unheard: bool = False, memo: "bool | None" = None) -> bool:
    """Record this process into a trace list, from now to its end; True if that has begun, else why not is said.

    ``memo``: as for ``attach()``.  ``unheard``: only to who asked for it with PYCDSVERBOSE, and at the end nothing is
    waited for.
    """
    from pycds import unsupported

    say = note if unheard else warn
    obstacle = unsupported.obstacle(unsupported.this_interpreter())
    if obstacle is not None:
        note(f"not tracing: {obstacle}", 1)
        return False
    if not list_path:
        say("PYCDSMODE=TRACE without PYCDSLIST: name the trace list there; not tracing")
        return False
    import atexit

    from pycds import tracer
    from pycds.errors import UsageError

    try:
        records_memo = uses_memo(os.environ) if memo is None else memo
        recording = tracer.Recording(list_path, note if verbosity() else None, records_memo)
        recording.script = script(command)
        recording.start()
    except UsageError as error:
        say(f"{error}; the program runs untraced")
        return False
    except OSError as error:
        say(f"cannot trace into {list_path}: {error.strerror or error}; the program runs untraced")
        return False
    # Registered before anything of the program, so that it runs after everything of the program.
    atexit.register(tracer.close_unheard if unheard else tracer.close_quietly, recording)
    return True


def _dump(list_path: "str | None", archive: "str | None") -> None:
    """Start over as a process that only dumps: here the interpreter is not yet complete."""
    if not list_path or not archive:
        missing = "PYCDSARCHIVE" if list_path else "PYCDSLIST"
        warn(f"PYCDSMODE=DUMP needs PYCDSLIST and PYCDSARCHIVE; {missing} is not set")
        os._exit(2)
    from pycds.launch import interpreter_flags, pycds_command

    environ = {name: value for name, value in os.environ.items() if name != "PYCDSMODE"}
    command = pycds_command(interpreter_flags(), "pycds.dumper:main", [list_path, archive])
    try:
        os.execve(command[0], command, environ)
    except OSError as error:
        warn(f"cannot start {command[0]}: {error.strerror}")
        os._exit(4)


def report_at_exit(statistics_path: "str | None", marker: "str | None") -> None:
    """Write what was counted when the process ends.

    What that needs is imported here: at exit the program may have taken importing apart or put hooks into it.  And up
    to 3.12 the interpreter's end frees the import lock while a daemon thread may still wait for it (``_PyImport_Fini``
    in Python/import.c), which it does when both import at the end.
    """
    import atexit

    from pycds import run_report

    # A directory that goes while the program runs belongs to somebody who does not wait for this process.
    directory = os.path.dirname(statistics_path or "")
    was_there = os.path.isdir(directory)

    def report() -> None:
        try:
            gone = was_there and not os.path.isdir(directory)
            run_report.at_exit(statistics(), None if gone else statistics_path, marker)
        except Exception as error:  # noqa: BLE001 - anything may come of what the program has done to its modules
            note(f"no statistics: {type(error).__name__}: {error}", 1)

    atexit.register(report)


def statistics() -> "Dict[str, Any]":
    """What the archives attached to this interpreter have done so far.

    ``hits`` (modules served), ``misses`` (reason to count), ``regexes`` and ``codes`` (compiled regular expressions,
    and texts compiled by exec, eval and compile: ``served``, and ``missed`` because no archive has them), ``refused``
    (archives left out: archive, reason, message), ``attach_ns`` and ``link_ns`` (nanoseconds), and ``archives``: for
    each attached archive what the core counts (see ``pycds/_core.pyi``, ``Finder.statistics``).
    """
    archives = [finder.statistics() for finder in finders]
    misses: Dict[str, int] = {}
    for archive in archives:
        for reason, count in archive["misses"].items():
            misses[reason] = misses.get(reason, 0) + count

    def memo(kind: str) -> "Dict[str, int]":
        return {name: sum(archive[kind][name] for archive in archives) for name in ("served", "missed")}

    return {
        "pid": os.getpid(),
        "executable": sys.executable,
        "hits": sum(archive["hits"] for archive in archives),
        "misses": misses,
        "regexes": memo("regexes"),
        "codes": memo("codes"),
        "attach_ns": sum(archive["attach_ns"] for archive in archives),
        "link_ns": sum(archive["link_ns"] for archive in archives),
        "refused": [dict(refusal) for refusal in refusals],
        "archives": archives,
    }


def verbosity() -> int:
    """PYCDSVERBOSE: 0 (nothing but errors), 1 (what is done), 2 (details)."""
    global _verbosity
    if _verbosity is None:
        value = os.environ.get("PYCDSVERBOSE") or "0"
        _verbosity = int(value) if value in ("0", "1", "2") else 0
        if value not in ("0", "1", "2"):
            warn(f"PYCDSVERBOSE={value!r} is not 0, 1 or 2; using 0")
    return _verbosity


def note(message: str, level: int = 1) -> None:
    """Say something to whoever asked for it with PYCDSVERBOSE."""
    if verbosity() >= level:
        _say("[cds]", message)


def warn(message: str) -> None:
    """One line on stderr, whatever the verbosity."""
    _say("pycds:", message)


def printable(text: str) -> str:
    """Text that any terminal and any encoding of stdout can take: what is not, as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def counted(number: int, noun: str) -> str:
    """``1 module``, ``2 modules``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(who: str, message: str) -> None:
    # Not sys.stderr: the program may have replaced it, and at start-up and at exit there may be none.
    try:
        os.write(2, f"{who} {printable(message)}\n".encode())
    except OSError:
        pass
