"""TOML files with the line that each key stands on, and a checker that reports every mistake at once.

``tomllib`` gives values without positions; people need ``file:line``. The position is found again in the text, which
is cheap, and only done when there is something to report.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import tomllib
from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fumehood.errors import ConfigurationError, FumehoodError, Place
from fumehood.outside.files import without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# As text, which `re` compiles where there is something to report.
_HEADER = r"^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$"
_KEY = r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
_PART = r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'"""
_MAX_BYTES = 1024 * 1024
_POSITION = r"\s*\(at (?:line (\d+), column \d+|end of document)\)"


class TomlFile(Struct, frozen=True, kw_only=True):
    """A parsed TOML file that can say where a key stands."""

    name: str
    """How the user would type its path."""
    text: str
    data: Mapping[str, Any]

    def place(self, *keys: str) -> Place:
        """The line of a key, or of its nearest parent that is written out."""
        best_line, best_depth = 0, 0
        for line, path in _written_keys(self.text):
            depth = len(path)
            if depth > best_depth and path == keys[:depth]:
                best_line, best_depth = line, depth
        return Place(self.name, best_line)


def _written_keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each key with its line; of an array of tables, each element is known by its number too, counted from 0."""
    table: tuple[str, ...] = ()
    counts: Counter[tuple[str, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(_HEADER, line):
            table = _parts(header[1])
            yield number, table
            if line.lstrip().startswith("[["):
                counts[table] += 1
                table = (*table, str(counts[table] - 1))
                yield number, table
        elif key := re.match(_KEY, line):
            yield number, table + _parts(key[1])


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def load(path: str | Path, *, name: str) -> TomlFile:
    """Read a TOML file.

    Raises:
        ConfigurationError: It cannot be read, is too large, is not UTF-8 or is not TOML; with the line where known.
    """
    try:
        with open(path, "rb", opener=without_waiting) as file:
            status = os.fstat(file.fileno())
            is_large = status.st_size > _MAX_BYTES
            data = b"" if is_large else file.read()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"cannot be read: {reason}", place=Place(name), remedy="make it readable") from error
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError("is no ordinary file", place=Place(name), remedy="write a TOML file there")
    if is_large:
        raise ConfigurationError("is larger than 1 MiB", place=Place(name), remedy="keep settings only in it")
    try:
        text = data.decode("utf-8-sig")
        return TomlFile(name=name, text=text, data=_parsed(text))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError("is not UTF-8 text", place=Place(name, line), remedy="save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        position = re.search(_POSITION, message)
        line = int(position[1]) if position and position[1] else len(text.splitlines())
        sentence = re.sub(_POSITION, "", message)
        raise ConfigurationError(
            f"not valid TOML: {sentence}", place=Place(name, line), remedy="correct the syntax at this line"
        ) from error


@functools.lru_cache(maxsize=32)
def _parsed(text: str) -> Mapping[str, Any]:
    """Once for the same text: every environment of a run asks for what core's pyproject.toml says."""
    return tomllib.loads(text)


def table_at(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table that keys lead to; empty where there is none, or something else."""
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


class TableReader(Struct):
    """Reads one table of a TOML file with types checked, and keeps every mistake for one report.

    Each reading method names a key and returns its value, or the default after a mistake; `finish` then reports the
    keys that nothing asked for.
    """

    file: TomlFile
    keys: tuple[str, ...]
    mistakes: list[FumehoodError]
    known: list[str] = field(default_factory=list)

    @property
    def table(self) -> Mapping[str, Any]:
        """The table's own values; empty where it is not written."""
        data: Any = self.file.data
        for key in self.keys:
            match data:
                case list():
                    data = data[int(key)]
                case dict():
                    data = data.get(key, {})
                case _:
                    return {}
        return data if isinstance(data, dict) else {}

    def complain(self, key: str, what: str, remedy: str) -> None:
        """Keep a mistake about a key."""
        self.mistakes.append(ConfigurationError(what, place=self.file.place(*self.keys, key), remedy=remedy))

    def string(self, key: str, default: str | None = None, *, choices: tuple[str, ...] = ()) -> str | None:
        """A string, from a fixed set if there is one."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.complain(key, f"{key} is a string, not {_kind(value)}", f'write {key} = "…"')
            return default
        if choices and value not in choices:
            self.complain(key, f"{key} is {value!r}", f"use one of {', '.join(choices)}")
            return default
        return value

    def strings(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of strings; a single string stands for a list of one."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str):
            return (value,)
        others = [item for item in value if not isinstance(item, str)] if isinstance(value, list) else [value]
        if others:
            contrast = "but holds" if isinstance(value, list) else "not"
            self.complain(key, f"{key} is a list of strings, {contrast} {_kind(others[0])}", f'write {key} = ["…"]')
            return default
        return tuple(value)

    def integer(self, key: str, default: int | None = None) -> int | None:
        """A whole number of at least 1."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self.complain(key, f"{key} is a whole number of at least 1, not {_kind(value)}", f"write {key} = 1")
            return default
        return value

    def subtable(self, key: str) -> TableReader:
        """A reader for a table inside this one."""
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            self.complain(key, f"{key} is a table, not {_kind(value)}", f"write [{'.'.join((*self.keys, key))}]")
        return TableReader(self.file, (*self.keys, key), self.mistakes)

    def tables(self, key: str) -> tuple[TableReader, ...]:
        """A reader for each table of an array of tables."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.complain(key, f"{key} is an array of tables", f"write [[{'.'.join((*self.keys, key))}]]")
            return ()
        return tuple(
            TableReader(self.file, (*self.keys, key, str(number)), self.mistakes) for number in range(len(value))
        )

    def day(self, key: str) -> date | None:
        """A day, as a TOML date or as a string that looks like one."""
        value = self._take(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                return date.fromisoformat(value)
        shown = repr(value) if isinstance(value, str) else _kind(value)
        self.complain(key, f"{key} is a day, not {shown}", f"write {key} = 2026-12-31")
        return None

    def finish(self) -> None:
        """Report the keys that nothing asked for, each with the nearest known one."""
        for key in self.table:
            if key not in self.known:
                import difflib  # noqa: PLC0415 - only a mistake pays for it

                near = difflib.get_close_matches(key, self.known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(set(self.known)))}"
                self.complain(key, f"unknown key {key!r}", hint)

    def has(self, key: str) -> bool:
        """Whether a key, which may be there, is."""
        self.known.append(key)
        return key in self.table

    def _take(self, key: str) -> Any:  # noqa: ANN401 - a TOML value is of any kind until it is checked
        self.known.append(key)
        return self.table.get(key)


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a table"}
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return names.get(type(value), f"a {type(value).__name__}")
