"""The text of a file that people wrote, whatever they saved it as, or an error that says what is wrong with it."""

from __future__ import annotations

import codecs
import functools
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.errors import ConfigurationError, Place

if TYPE_CHECKING:
    from typing import NoReturn

MAX_BYTES = 1024 * 1024
"""The largest requirement files seen in public, locks with every hash, stay under half of it."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose mark is the start of this one.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARATION = re.compile(rb"^#.*?coding[:=]\s*([-\w.]+)")
_PLAIN = r"\u0041+AGE-.xn--mnchen-3ya"
"""ASCII that the encodings which are no file encodings (unicode-escape, UTF-7, IDNA, EBCDIC) read as other text."""

_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def shown(path: Path, root: Path) -> str:
    """A path as a message says it: relative to the root with ``/`` when inside it, absolute otherwise.

    Symbolic links keep their own name; only where ``..`` leads through one is it followed.
    """
    lexical = os.path.abspath(path)
    if ".." in str(path) and ".." in path.parts and os.path.realpath(lexical) != os.path.realpath(path):
        lexical = os.path.realpath(path)
    for base in _bases(root):
        if os.path.join(lexical, "").startswith(base):
            return Path(lexical[len(base) :]).as_posix()
    return Path(lexical).as_posix()


@functools.lru_cache(maxsize=8)
def _bases(root: Path) -> tuple[str, ...]:
    """How paths inside of a folder begin."""
    return tuple(os.path.join(base, "") for base in (os.path.abspath(root), os.path.realpath(root)))


def read(path: Path, *, name: str, asked_by: Place | None = None) -> str:
    """Read a text file as pip reads a requirements file: byte order marks, PEP 263 declarations, else UTF-8.

    Args:
        path: The file.
        name: How the user would type it.
        asked_by: The line that names the file, which is then to blame for a file that is not there.

    Raises:
        ConfigurationError: The file is missing, no ordinary file, unreadable, too large or no text.
    """
    subject = f"{name!r} " if asked_by else ""
    place = asked_by or Place(name)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
            raise ConfigurationError(f"{subject}is {kind}", place=place, remedy="name a requirements file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{subject}does not exist", place=place, remedy="correct the path, or add the file"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"{subject}cannot be read: {reason}", place=place, remedy="correct the path, or make the file readable"
        ) from None
    if len(data) > MAX_BYTES:
        raise ConfigurationError(
            "is larger than 1 MiB, so it is no requirements file",
            place=Place(name),
            remedy="name a requirements file, or split it",
        )
    return decode(data, name=name)


def decode(data: bytes, *, name: str) -> str:
    """Turn the bytes of a file into text.

    Raises:
        ConfigurationError: They are not text in the encoding that the file says; with the line where known.
    """
    mark, encoding = next(((mark, each) for mark, each in _BOMS if data.startswith(mark)), (b"", ""))
    data = data[len(mark) :]
    encoding = encoding or _declared(data, name=name)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        _refuse(f"byte 0x{data[error.start]:02x} is not {encoding.upper()} text", name=name, before=before)
    except UnicodeError:
        _refuse(f"is not {encoding.upper()} text", name=name)
    if found := _NOT_TEXT.search(text):
        _refuse("holds binary data, so it is no requirements file", name=name, before=text[: found.start()])
    return text


def _refuse(what: str, *, name: str, before: str | None = None) -> NoReturn:
    line = 0 if before is None else len(f"{before}.".splitlines())
    raise ConfigurationError(what, place=Place(name, line), remedy="save the file as UTF-8 text") from None


def _declared(data: bytes, *, name: str) -> str:
    for number, line in enumerate(data.split(b"\n", 2)[:2], start=1):
        if declaration := _DECLARATION.match(line):
            encoding = declaration[1].decode("ascii")
            try:
                usable = _PLAIN.encode("ascii").decode(encoding) == _PLAIN
            except (LookupError, UnicodeError):
                usable = False
            if not usable:
                raise ConfigurationError(
                    f"declares the encoding {encoding!r}, which no text file can have",
                    place=Place(name, number),
                    remedy="save the file as UTF-8 and remove the declaration",
                )
            return encoding
    return "utf-8"
