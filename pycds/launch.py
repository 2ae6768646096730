"""Starting interpreters: the flags to give them, and how their end is passed on."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, NoReturn, Optional, Sequence

# Runs `function` of `module` with the rest of the arguments.  The working directory, which -c puts at the head of
# sys.path, is put back behind the import: a directory called pycds there must not be taken for this package.
_CALL = (
    "import sys; head = sys.path[:1] == ['']; head and sys.path.pop(0); "
    "name, _, function = sys.argv[1].partition(':'); "
    "call = getattr(__import__(name, None, None, [function]), function); "
    "head and sys.path.insert(0, ''); sys.exit(call(sys.argv[2:]))"
)

# sys.flags attribute to the option that sets it; counted ones are given as often as they count.
_FLAG_OPTIONS = (
    ("debug", "-d"),
    ("optimize", "-O"),
    ("dont_write_bytecode", "-B"),
    ("no_user_site", "-s"),
    ("no_site", "-S"),
    ("ignore_environment", "-E"),
    ("safe_path", "-P"),
    ("isolated", "-I"),
    ("verbose", "-v"),
    ("bytes_warning", "-b"),
    ("quiet", "-q"),
)


def interpreter_flags() -> "List[str]":
    """The options that make another interpreter run as this one does."""
    options: List[str] = []
    isolated = sys.flags.isolated
    for attribute, option in _FLAG_OPTIONS:
        if isolated and option in ("-s", "-E", "-P"):  # -I says it
            continue
        options += [option] * int(getattr(sys.flags, attribute, 0))
    for name, value in sys._xoptions.items():
        options += ["-X", name if value is True else f"{name}={value}"]
    for warning in sys.warnoptions:
        options += ["-W", warning]
    return options


def pycds_command(flags: "Sequence[str]", function: str, arguments: "Sequence[str]") -> "List[str]":
    """The command that calls ``module:function`` of PyCDS with ``arguments`` in an interpreter with these flags."""
    return [sys.executable, *flags, "-c", _CALL, function, *arguments]


def execute(command: "List[str]", environ: "Dict[str, str]") -> "NoReturn":
    """Become this program.  Raises OSError when that is impossible."""
    _flush()
    if os.name != "posix":  # there, execve() starts another process and ends this one at once
        import subprocess

        sys.exit(subprocess.call(command, env=environ))
    os.execve(command[0], command, environ)


def _flush() -> None:
    """Let go of what was printed; there is no stream where the descriptor was closed when this process began."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def run_in_foreground(
    command: "Sequence[str]", environ: "Dict[str, str]", started: "Optional[List[int]]" = None
) -> int:
    """Run a program as if it stood in this process's place; its return code, ``-n`` for a death by signal ``n``.

    Its process's number goes into ``started``.

    The terminal's signals reach the program by themselves, for it is in the same process group; those sent to this
    process alone are passed on.  Raises OSError when the program cannot be started.
    """
    import signal
    import subprocess

    child: List[subprocess.Popen[bytes]] = []
    early: List[int] = []  # signals that came while the program was being started

    def pass_on(number: int, frame: object) -> None:
        if not child:
            early.append(number)
        elif child[0].returncode is None:
            child[0].send_signal(number)

    def leave_alone(number: int, frame: object) -> None:
        """The terminal has sent it to the program, too."""

    handlers = {signal.SIGINT: leave_alone, signal.SIGQUIT: leave_alone}
    handlers.update(dict.fromkeys((signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2), pass_on))
    before = {}
    for number, handler in handlers.items():
        if signal.getsignal(number) != signal.SIG_IGN:  # what is ignored stays so in the program
            before[number] = signal.signal(number, handler)
    try:
        child.append(subprocess.Popen(command, env=environ, close_fds=False))
        if started is not None:
            started.append(child[0].pid)
        while early:
            child[0].send_signal(early.pop(0))
        return child[0].wait()
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def end_as(return_code: int) -> int:
    """End as the program did: its code, or by the signal that ended it."""
    if return_code >= 0:
        return return_code
    import signal

    number = -return_code
    _flush()
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    # A second core file would be of no use to anyone.
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.kill(os.getpid(), number)
    return 128 + number
