"""What ``pycds doctor`` looks at.  Nothing is changed, but that the interpreter passes its self-check once."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import site
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Set

from pycds import __version__, background, configuration, pruning, store, switch, unsupported, wrapping
from pycds._startup import counted
from pycds.errors import PycdsError


class Finding(NamedTuple):
    """One thing that was looked at."""

    topic: str
    is_problem: bool
    text: str
    advice: str = ""
    """What to do about it."""


_OTHER_INTERPRETERS = ("interpreter", "flags", "format-version")
"""Reasons of archives that others have made, or for other flags: they may share the store."""


def examine() -> List[Finding]:
    """Look at everything; without a core, at nothing else."""
    found = list(_interpreter())
    if not found[-1].is_problem:
        looks = (
            _hook, _wrapped, _other_hooks, _configuration, _store, _base, _archives, _hit_rate, _background,
        )  # fmt: skip
        for look in looks:
            try:
                found += look()
            except (PycdsError, OSError) as error:
                if all(one.text != str(error) for one in found):
                    advice = "mend that, and ask again"
                    found.append(Finding(look.__name__.strip("_").replace("_", " "), True, str(error), advice))
    return found


def _interpreter() -> Iterator[Finding]:
    from pycds import self_check

    topic = "interpreter"
    line = unsupported.reason()
    if line is not None:
        yield Finding(topic, True, line)
        return
    yield Finding(topic, False, f"CPython {platform.python_version()}, {sys.executable}, PyCDS {__version__}")
    try:
        self_check.ensure()
    except PycdsError as error:
        yield Finding(topic, True, str(error), "use a build of Python that was not patched; programs run without PyCDS")


def _hook() -> Iterator[Finding]:
    """The line in pycds.pth, and whether the interpreter executes it."""
    file = switch.path()
    directory = os.path.dirname(file)
    places = [*site.getsitepackages(), site.getusersitepackages() if site.ENABLE_USER_SITE else ""]
    if not any(place and os.path.isdir(place) and os.path.samefile(place, directory) for place in places):
        advice = f"install PyCDS with pip into {sys.prefix}"
        yield Finding("hook", True, f"{directory} is no site directory: {file} is not executed", advice)
    if not switch.is_known():
        advice = "`pycds enable` or `pycds disable` writes it again, without wrapped commands"
        yield Finding("hook", True, f"{file} was changed by hand", advice)
    elif switch.state().settings is not None:
        here = "; but PYCDSENABLED=off here" if os.environ.get("PYCDSENABLED") == "off" else ""
        yield Finding("hook", False, f"enabled for every program{here}")
    else:
        wrapped = " and wrapped commands" if switch.state().wrapped else ""
        line = f"in place; `pycds run`, PYCDSMODE{wrapped} alone are served"
        yield Finding("hook", False, line, "" if wrapped else "pycds enable")
    lost = switch.lost()
    if lost is not None:
        advice = " or ".join(_again(lost)) + " switches all of it on again; `pycds disable` forgets it"
        yield Finding("hook", True, f"{file} came anew with a PyCDS that was installed: what was on is off", advice)


def _again(lost: switch.State) -> Iterator[str]:
    """Commands of which any switches on what was lost."""
    if lost.settings is not None:
        yield " ".join(["pycds enable", *wrapping.in_words(lost.settings)])
    else:
        for name, settings in sorted(lost.wrapped.items()):
            yield " ".join(["pycds wrap", *wrapping.in_words(settings), name])


def _wrapped() -> Iterator[Finding]:
    """Whether the scripts of wrapped commands are there."""
    for one in wrapping.commands() if switch.is_known() else ():
        if one.script:
            made = "" if one.has_archive else ", without an archive until its next run has ended"
            words = ", ".join(wrapping.all_in_words(one.settings))
            name = one.name + (f" {words}" if words else "")
            if "PYCDSSNAPSHOT" in one.settings and not wrapping.is_restored(one):
                line = f"{name}: its script does not name the restorer any more, as after an upgrade of its package"
                yield Finding("wrapped", True, line, f"pycds wrap {words} {one.name}")
                continue
            yield Finding("wrapped", False, name + made)
        else:
            yield Finding("wrapped", True, one.problem, f"pycds unwrap {one.name}, or install it again")


def _other_hooks() -> Iterator[Finding]:
    """What else runs at start-up, before PyCDS (and so is never served) or in its way."""
    topic = "other hooks"
    try:
        importlib.metadata.distribution("code-data-share")
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        advice = "uninstall it, then install PyCDS again"
        yield Finding(
            topic, True, "code-data-share is installed: it owns the package cds and pycds.pth as well", advice
        )
    directory = os.path.dirname(switch.path())
    earlier = [name for name in sorted(os.listdir(directory)) if name < "pycds.pth" and _imports(directory, name)]
    if earlier:
        yield Finding(topic, False, f"{', '.join(earlier)} run before PyCDS: what they import is not served")
    for name in ("sitecustomize", "usercustomize"):
        spec = importlib.util.find_spec(name)
        if spec is not None:
            yield Finding(topic, False, f"{name} runs behind PyCDS: {spec.origin}")


def _imports(directory: str, name: str) -> bool:
    if not name.endswith(".pth"):
        return False
    try:
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            return any(line.startswith(("import ", "import\t")) for line in file)
    except OSError:
        return False


def _configuration() -> Iterator[Finding]:
    for name, setting in configuration.read(os.environ).items():
        yield Finding("configuration", False, f"{name}={setting.value} from {setting.file}")


def _store() -> Iterator[Finding]:
    home = store.home()
    kept = pruning.kept(home)
    total, most = sum(one.bytes for one in kept), pruning.limit(os.environ)
    obstacle = background.obstacle(os.path.join(home, "any.pycds"))
    if obstacle is None:
        yield Finding("store", False, f"{home}, {pruning.in_words(total)} of at most {pruning.in_words(most)}")
    else:
        is_chosen = obstacle == "CI is set"
        is_needed = not is_chosen and (switch.state().settings is not None or bool(switch.state().wrapped))
        advice = "set PYCDS_HOME to a directory that only you can write to" if is_needed else ""
        yield Finding("store", is_needed, f"{home}: nothing is made in the background: {obstacle}", advice)


def _base() -> Iterator[Finding]:
    """The archive of the whole environment, and the one beside it: of what has changed since, and asked first."""
    from pycds._core import Finder, Image, Refusal

    newer: Set[str] = set()
    for base in store.bases()[::-1]:
        try:
            stale = [name for name, reason in Finder(base).stale() if name not in newer and reason not in _GONE]
            image = Image(base)
            newer.update(entry["name"] for entry in (*image.modules(), *image.places()))
        except Refusal as refusal:
            yield Finding("base", True, refusal.message, "pycds build --full")
        else:
            changed = f"; {counted(len(stale), 'module')} changed" if stale else ""
            yield Finding("base", False, base + changed, "pycds build" if stale else "")


_GONE = ("source is gone", "its .pyc is gone", "not found any more")
"""Reasons of modules that no new archive would have."""


def _archives() -> Iterator[Finding]:
    """Which of them this interpreter can use, and how much of them is outdated."""
    from pycds._core import Finder, Refusal

    kept = (one.archive for one in pruning.kept(store.home()))
    archives = [archive for archive in kept if os.path.isfile(archive) and not pruning.is_base(archive)]
    elsewhere = outdated = 0
    reasons: Dict[str, int] = {}
    for archive in archives:
        try:
            stale = Finder(archive).stale()
        except Refusal as refusal:
            if refusal.reason in _OTHER_INTERPRETERS:
                elsewhere += 1
            else:
                yield Finding("archives", True, refusal.message, "remove it; the program's next run makes it again")
            continue
        outdated += bool(stale)
        for _name, reason in stale:
            reasons[reason] = reasons.get(reason, 0) + 1
    line = counted(len(archives), "archive")
    if elsewhere:
        line += f", {elsewhere} of other interpreters"
    yield Finding("archives", False, line)
    if outdated:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
        yield Finding(
            "archives", False, f"modules changed in {counted(outdated, 'archive')}: {told}",
            "these modules are imported as ever, until the archive is made anew by a run of its program",
        )  # fmt: skip


_LAST_RUNS = 20


def _hit_rate() -> Iterator[Finding]:
    """How much of what the last runs of each program of this environment imported came from its archive."""
    rates = {}
    runs = hits = modules = 0
    for one in pruning.kept(store.home()):
        counts = [line.split() for line in (_read(store.runs_of(one.archive)) or "").splitlines()[-_LAST_RUNS:]]
        last = [
            (int(words[0]), sum(map(int, words))) for words in counts if len(words) == 2 and "".join(words).isdigit()
        ]
        if last and sum(asked for _, asked in last) and _is_of_this_environment(one.archive):
            runs += len(last)
            hits += sum(served for served, _ in last)
            modules += sum(asked for _, asked in last)
            rates[one.archive] = sum(served for served, _ in last) / sum(asked for _, asked in last)
    if rates:
        last_runs = f"the last {runs} runs" if runs > 1 else "the last run"
        told = f"{counted(len(rates), 'program')}, {last_runs}: {_percent(hits / modules)} of {modules} modules"
        yield Finding("hit rate", False, told)
    advice = "`pycds stats -- PROGRAM` tells which modules are not served, and why"
    for archive, rate in sorted(rates.items(), key=lambda item: item[1]):
        if rate < _GOOD_RATE:
            yield Finding("hit rate", False, f"{os.path.basename(archive)}: {_percent(rate)}", advice)


def _is_of_this_environment(archive: str) -> bool:
    """Whether an archive was dumped in this environment: several may share a store, an interpreter and directories."""
    from pycds._core import Image, Refusal

    try:
        path = [entry["path"] for entry in Image(archive).header["search_path"]]
    except Refusal:
        return False
    own = next((place for place in sys.path if place in site.getsitepackages()), None)
    # A virtual environment has its own directory first, and may go on to that of another.
    first = next((place for place in path if place == own or os.path.exists(f"{place}/../../../pyvenv.cfg")), None)
    return own is not None and first == own


_GOOD_RATE = 0.98


def _percent(rate: float) -> str:
    """Rounded down: 100 % are all."""
    return f"{int(rate * 1000) / 10:g} %"


def _background() -> Iterator[Finding]:
    home = store.home()
    for one in pruning.kept(home):
        reason = _read(background.failed_of(one.archive))
        if reason is not None and background.has_failed(one.archive):
            yield Finding("background", True, reason, f"mend it, and remove {background.failed_of(one.archive)}")
    said = _read(os.path.join(home, background.LOG))
    if said:
        yield Finding("background", False, f"last: {said.splitlines()[-1]}")


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None
