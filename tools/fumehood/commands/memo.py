"""The answer of the last run, as long as nothing that it looked at has changed: said again without looking.

What a run opens and lists is heard through Python's audit events, each file and folder with its state from before it
was read; so is what others look at on its behalf and say so (`outside.hearing`). The memo is believed on the same day,
while every one of them is in that state. As git does with its index, an entry that had
just been modified is not relied upon: a second change within one tick of the clock would go unseen. Source: Python's
"audit events table"; git's "racy-git" documentation.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood import __version__
from fumehood.errors import UsageError, WorldError
from fumehood.outside import hearing
from fumehood.outside.files import cache_folder, read_json, to_json, write_whole
from fumehood.outside.kept import PACKAGE, RACY, changed, written
from fumehood.outside.noted import State, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


class Said(Struct, frozen=True, kw_only=True):
    """What a command had to say.

    Attributes:
        code: How it ends.
        is_final: Whether it follows from files and variables alone, so that the same again would lead to the same.
    """

    text: str
    code: int
    is_final: bool


TODAY = "FUMEHOOD_TODAY"
"""The variable that says which day it is to be taken for, as ``2026-12-31``; for tests, and for a look ahead."""

_WRITING = os.O_WRONLY | os.O_RDWR
_CODE = (".py", ".pyc", ".so", ".pyd")
_NOT_ITS_FILES = (*_CODE, hearing.ONLY_FASTER)
"""How files end that are opened for the sake of the program, and not of its answer; unless it says that it looks."""
_WHOLE = re.compile(r"(?:/[^/.][^/]*)+")
"""A path without parts that say nothing or lead up; hidden files are not worth telling apart."""
_SCRATCH = f"{os.sep}fumehood-ask-"


def said(key: tuple[str, ...], run: Callable[[Mapping[str, str]], Said]) -> Said:
    """What a command says: remembered, if nothing has changed that it looked at, else by running it.

    Args:
        key: All that its answer depends on besides files and variables: the command, the repository, the options.
        run: Runs it, looking up variables in what it is given and nowhere else.
    """
    environ = _Watched(os.environ)
    memo = Memo(key=key, environ=environ)
    known = memo.answer()
    if known is not None:
        return known
    environ.names.clear()
    with memo.listening():
        found = run(environ)
    if found.is_final:
        memo.keep(found, variables={name: os.environ.get(name) for name in sorted(environ.names)})
    return found


def today(environ: Mapping[str, str]) -> date:
    """The day that it is, in UTC, so that it is the same day for everybody.

    Raises:
        UsageError: The variable that says another has no date in it.
    """
    said = environ.get(TODAY)
    try:
        return date.fromisoformat(said) if said else datetime.now(tz=UTC).date()
    except ValueError:
        raise UsageError(f"{TODAY} is {said!r}", remedy="write a day such as 2026-12-31") from None


class _Watched(Mapping[str, str]):
    """Variables, and the names that were looked up among them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.names: set[str] = set()
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


class _Kept(Struct, frozen=True, kw_only=True):
    """What is kept of an answer.

    Attributes:
        answer: Its text and how the command ends.
        day: On which it was given.
        variables: Those that were looked up, with their values.
        digest: Of `paths`, each with the state that it was in.
    """

    answer: tuple[str, int]
    day: str
    variables: dict[str, str | None]
    digest: str
    paths: list[str]


class Memo(Struct):
    """What is remembered of one command in one repository, and what is heard while it runs anew.

    Attributes:
        key: All that the answer depends on besides files and variables: the command, the repository, the options.
        environ: The variables; those that the run looks up in it count.
    """

    key: tuple[str, ...]
    environ: Mapping[str, str]
    _began: int = 0
    _seen: dict[str, State | None] = field(default_factory=dict)
    _has_called: bool = False
    _excuses: int = 0

    def answer(self) -> Said | None:
        """What was said last; None where something changed since, or nothing is remembered."""
        known = read_json(self._path, _Kept)
        if known is None or known.day != str(today(self.environ)):
            return None
        if any(self.environ.get(name) != value for name, value in known.variables.items()):
            return None
        if _digest((path, state_of(path)) for path in known.paths) != known.digest:
            return None
        text, code = known.answer
        return Said(text=text, code=code, is_final=True)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what is looked at in this block."""
        self._began = time.time_ns()
        _listeners.append(self)
        try:
            _install()
            with hearing.heard():
                yield
        finally:
            _listeners.remove(self)

    def keep(self, found: Said, *, variables: Mapping[str, str | None]) -> None:
        """Remember what was said, unless a program was asked for it, or what it follows from has just changed.

        Args:
            found: What was said.
            variables: Those that the run looked up, with their values.
        """
        modules = (getattr(module, "__file__", None) for name, module in sys.modules.items() if _is_own(name))
        entries = self._seen | {path: state_of(path) for path in modules if path}
        if self._has_called or any(state and state[0] > self._began - RACY for state in entries.values()):
            return
        paths = sorted(entries)
        digest = _digest((path, entries[path]) for path in paths)
        kept = _Kept(
            answer=(found.text, found.code),
            day=str(today(self.environ)),
            variables=dict(variables),
            digest=digest,
            paths=paths,
        )
        with contextlib.suppress(WorldError):  # What cannot be remembered is looked at again.
            write_whole(self._path, to_json(kept))

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Note what an audit event says was looked at."""
        match event, arguments:
            case hearing.LOOKED, (path,):
                self._note(path)
            case "subprocess.Popen", _:
                self._has_called |= not self._excuses
            case hearing.EXCUSED, (bool() as is_excused,):
                self._excuses += 1 if is_excused else -1
            case "open", (str() | os.PathLike() as path, _, int(flags)) if not flags & _WRITING:
                if not os.fspath(path).endswith(_NOT_ITS_FILES):
                    self._note(os.fspath(path))
            case (("os.scandir" | "os.listdir"), (str() | os.PathLike() as path, *_)):
                self._note(os.fspath(path))
            case _:
                pass

    def _note(self, path: object) -> None:
        if isinstance(path, str) and _SCRATCH not in path:
            # Most paths are whole already, and there are tens of thousands.
            whole = path if _WHOLE.fullmatch(path) else os.path.abspath(path)
            if whole not in self._seen:
                self._seen[whole] = state_of(whole)

    @property
    def _path(self) -> Path:
        everything = "\0".join([__version__, str(changed(PACKAGE)), sys.version, *self.key])
        name = hashlib.sha256(everything.encode("utf-8", "surrogateescape")).hexdigest()
        return cache_folder(self.environ) / "memos" / f"{name}.json"


_listeners: list[Memo] = []
_installed: list[bool] = []


def _install() -> None:
    """One hook for the whole process, since none can be taken away again."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    for memo in _listeners:
        memo.hear(event, arguments)


def _is_own(module: str) -> bool:
    return module == "fumehood" or module.startswith("fumehood.")


def _digest(entries: Iterable[tuple[str, State | None]]) -> str:
    return hashlib.sha256(written(list(entries))).hexdigest()
