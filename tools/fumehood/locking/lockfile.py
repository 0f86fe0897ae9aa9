"""The text of a lock: requirements-file syntax that any pip or uv installs, with a header of comments.

No download address is ever written, so mirrors keep working; only direct references that people wrote themselves
keep their URL.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from fumehood.errors import WorldError, quoted
from fumehood.model.digest import sha256
from fumehood.model.lock import Header, Lock, Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from packaging.utils import NormalizedName

FORMAT = 1
_HASH = re.compile(r"\s--hash=(\S+)")
_FIELD = re.compile(r"# ([a-z-]+): ?(.*)")
_LOCAL = re.compile(r"(?!-)[^=@:]+/[^=@:]*|[^=@:/]+\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))")
"""A path that begins with neither a dot nor a slash, which uv writes as it was given."""
_RELEASED = re.compile(
    r"([a-z0-9]+(?:-[a-z0-9]+)*)==(\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?)", re.ASCII
)
"""What most pins are: a name in normal form and a version in normal form, which needs no parser."""
_PYTHON = re.compile(r"3(?:\.\d{1,3}){1,2}")


def render(lock: Lock) -> str:
    """The whole text of a lock file."""
    header = lock.header
    if header.core is None:
        lines = ["# Core's pins, written by `fumehood lock`."]
    else:
        lines = ["# What this experiment adds to core's pins or changes in them, written by `fumehood lock`."]
    lines += [f"# fumehood-lock: {FORMAT}", *(f"# {name}: {value}" for name, value in _fields(lock))]
    lines.append(f"# digest: {_seal(lock)}")
    lines += [render_pin(pin) for pin in sorted(lock.pins)]
    return "\n".join(lines) + "\n"


def render_pin(pin: Pin) -> str:
    """One pin with its hashes, in as many physical lines as it needs."""
    return " \\\n    ".join([pin.line, *(f"--hash={digest}" for digest in pin.hashes)])


@functools.lru_cache(maxsize=64)
def parse(text: str, *, path: str) -> Lock:
    """Parse a lock file; of one that is damaged, whatever can be read, and what is wrong with it."""
    # In what `fumehood lock` wrote markers are in their normal form, and the digest shows whether it is that.
    lock = _parse(text, path, _written)
    return _parse(text, path, _pin) if lock.damage else lock


def _parse(text: str, path: str, pin_of: Callable[[str], Pin]) -> Lock:
    comments = (line for line in text.splitlines() if line.startswith("#"))
    fields = {match[1]: match[2].strip() for line in comments if (match := _FIELD.fullmatch(line))}
    damage = _header_damage(fields, path)
    pins = []
    for number, line, pin in _pins(text, pin_of):
        if pin is not None:
            pins.append(pin)
        elif not damage:
            damage = f"{path}:{number}: {quoted(line)} is no pin"
    header = Header(
        inputs=fields.get("inputs", ""),
        python=fields["python"] if _PYTHON.fullmatch(fields.get("python", "")) else "",
        core=fields.get("core"),
        removes=_names(fields.get("removes", "")),
    )
    lock = Lock(header=header, pins=tuple(sorted(pins)))
    if not damage and fields["digest"] != _seal(lock):
        damage = f"{path} was changed after `fumehood lock` wrote it"
    return Lock(header=header, pins=lock.pins, damage=damage)


def parse_pins(text: str) -> tuple[Pin, ...]:
    """The pins in what uv wrote, sorted.

    Raises:
        WorldError: A line is no pin.
    """
    found = []
    for _, line, pin in _pins(text, _pin):
        if pin is None:
            remedy = "reinstall fumehood, which brings along a uv that it understands"
            raise WorldError("uv's answer cannot be read: one line of it is no pin", details=line, remedy=remedy)
        found.append(pin)
    return tuple(sorted(found))


def pins_digest(lock: Lock) -> str:
    """A digest of what a lock installs and removes, whatever it was made from."""
    return _digest([*lock.header.removes, *(render_pin(pin) for pin in sorted(lock.pins))])


def _fields(lock: Lock) -> Iterator[tuple[str, str]]:
    header = lock.header
    yield "python", header.python
    yield "inputs", header.inputs
    if header.core is not None:
        yield "core", header.core
    if header.removes:
        yield "removes", " ".join(header.removes)


def _seal(lock: Lock) -> str:
    """A digest of all that a lock file says, so that no edit of it goes unseen."""
    return _digest([*(f"{name}: {value}" for name, value in _fields(lock)), pins_digest(lock)])


def _digest(lines: Iterable[str]) -> str:
    state = sha256("\0".join(lines).encode())
    return f"sha256:{state.hexdigest()}"


def _header_damage(fields: dict[str, str], path: str) -> str:
    found = fields.get("fumehood-lock")
    if found != str(FORMAT):
        return f"{path} is a lock of format {found}, not {FORMAT}" if found else f"{path} has no header of a lock"
    missing = [name for name in ("python", "inputs", "digest") if not fields.get(name)]
    return f"{path} lacks {' and '.join(missing)} in its header" if missing else ""


def _pins(text: str, pin_of: Callable[[str], Pin]) -> Iterator[tuple[int, str, Pin | None]]:
    """Each logical line that is no comment: where it begins, its text, and the pin that it is."""
    for number, logical in _logical_lines(text):
        hashes = tuple(sorted(_HASH.findall(logical)))
        line = _HASH.sub("", logical).strip()
        try:
            pin = pin_of(line)
            yield number, line, replace(pin, hashes=hashes) if hashes else pin
        except ValueError:
            yield number, line, None


def _names(text: str) -> tuple[NormalizedName, ...]:
    if not text:
        return ()
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - most locks remove nothing

    return tuple(map(canonicalize_name, text.split()))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not pending:
            start = number
            if line.lstrip().startswith("#"):
                continue
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        logical = (pending + line).split(" #")[0].strip()
        pending = ""
        if logical:
            yield start, logical
    if pending.strip():
        yield start, pending.strip()


@functools.lru_cache(maxsize=16384)
def _written(line: str) -> Pin:
    """The same as `_pin`, of a line whose marker is known for a sound one."""
    reference, semicolon, marker = line.partition(" ; ")
    if semicolon and (released := _RELEASED.fullmatch(reference)):
        return Pin(name=cast("NormalizedName", released[1]), version=released[2], marker=marker)
    return _pin(line)


@functools.lru_cache(maxsize=16384)
def _pin(line: str) -> Pin:
    """A pin without its hashes: a thousand locks name the same ones again and again."""
    if released := _RELEASED.fullmatch(line):
        return Pin(name=cast("NormalizedName", released[1]), version=released[2])
    editable = line.startswith("-e ")
    reference, _, marker = line.removeprefix("-e ").partition(" ; ")
    if editable or reference.startswith((".", "/", "file:")) or _LOCAL.fullmatch(reference):
        name = cast("NormalizedName", reference)
        return Pin(name=name, url=reference, editable=editable, marker=marker.strip())
    from packaging.requirements import Requirement  # noqa: PLC0415 - most locks need no parser
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - as above

    parsed = Requirement(line)
    marker_text = str(parsed.marker or "")
    name = canonicalize_name(parsed.name)
    if parsed.url:
        return Pin(name=name, url=parsed.url, marker=marker_text)
    specifiers = list(parsed.specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in {"==", "==="} or "*" in specifiers[0].version:
        raise ValueError(line)
    return Pin(name=name, version=specifiers[0].version, marker=marker_text)
