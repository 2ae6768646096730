"""The one error that a user sees: a line of text and an exit code."""

SUCCESS = 0
PROBLEMS_FOUND = 1
USAGE = 2
ARCHIVE_UNUSABLE = 3
NOTHING_DUMPED = 4
INTERRUPTED = 130


class PycdsError(Exception):
    """Something that the user can put right: ``str()`` is one line saying what, where and what to do."""

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(PycdsError):
    """The command line or an argument makes no sense."""


def refuse_empty(name: str, what: str) -> None:
    """Raises UsageError where a name is empty: a message with nothing in its place would say nothing."""
    if not name:
        raise UsageError(f"an empty name was given for {what}; is a variable not set?")


class TraceListError(PycdsError):
    """A trace list cannot be read or written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NOTHING_DUMPED)


class NothingDumped(PycdsError):
    """A trace list led to no module that could be archived, or the archive could not be written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NOTHING_DUMPED)


class NothingArchivable(NothingDumped):
    """None of the modules could be archived."""
