"""The text of a lock: requirements-file syntax that any pip or uv installs, with a header of comments.

No download address is ever written, so mirrors keep working; only direct references that people wrote themselves
keep their URL.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import NormalizedName, canonicalize_name

from fumehood.errors import ConfigurationError, Place
from fumehood.model.lock import Header, Lock, Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMAT = 1
_HASH = re.compile(r"\s--hash=(\S+)")
_FIELD = re.compile(r"# ([a-z-]+): ?(.*)")
_REMEDY = "run `fumehood lock`, which writes it anew"


def render(lock: Lock) -> str:
    """The whole text of a lock file."""
    header = lock.header
    if header.core is None:
        lines = ["# Core's pins, written by `fumehood lock`."]
    else:
        lines = ["# What this experiment adds to core's pins or changes in them, written by `fumehood lock`."]
    lines += [f"# fumehood-lock: {FORMAT}", f"# python: {header.python}", f"# inputs: {header.inputs}"]
    if header.core is not None:
        lines.append(f"# core: {header.core}")
    if header.removes:
        lines.append(f"# removes: {' '.join(header.removes)}")
    lines += [render_pin(pin) for pin in sorted(lock.pins)]
    return "\n".join(lines) + "\n"


def render_pin(pin: Pin) -> str:
    """One pin with its hashes, in as many physical lines as it needs."""
    return " \\\n    ".join([pin.line, *(f"--hash={digest}" for digest in pin.hashes)])


def parse(text: str, *, path: str) -> Lock:
    """Parse a lock file.

    Raises:
        ConfigurationError: It is not a lock of this format; with the line.
    """
    fields = {match[1]: match[2].strip() for line in text.splitlines() if (match := _FIELD.fullmatch(line))}
    if fields.get("fumehood-lock") != str(FORMAT):
        found = fields.get("fumehood-lock")
        what = f"is a lock of format {found}, not {FORMAT}" if found else "is not a lock that fumehood wrote"
        raise ConfigurationError(what, place=Place(path), remedy=_REMEDY)
    missing = [field for field in ("python", "inputs") if not fields.get(field)]
    if missing:
        raise ConfigurationError(f"the header lacks {' and '.join(missing)}", place=Place(path), remedy=_REMEDY)
    header = Header(
        inputs=fields["inputs"],
        python=fields["python"],
        core=fields.get("core"),
        removes=tuple(canonicalize_name(name) for name in fields.get("removes", "").split()),
    )
    return Lock(header=header, pins=tuple(sorted(parse_pins(text, path=path))))


def parse_pins(text: str, *, path: str) -> Iterator[Pin]:
    """The pins in the text of a lock, or in what uv wrote.

    Raises:
        ConfigurationError: A line is no pin.
    """
    for number, logical in _logical_lines(text):
        if logical.startswith("--"):
            continue
        hashes = tuple(sorted(_HASH.findall(logical)))
        line = _HASH.sub("", logical).strip()
        try:
            yield _pin(line, hashes)
        except (InvalidRequirement, ValueError) as error:
            raise ConfigurationError(
                f"{line!r} is no pin: a pin is name==version or a direct reference",
                place=Place(path, number),
                remedy=_REMEDY,
            ) from error


def digest(pins: Iterable[Pin], *extra: str) -> str:
    """A digest of pins, whatever their order, and of what else decides."""
    state = hashlib.sha256()
    for line in [*extra, *(render_pin(pin) for pin in sorted(pins))]:
        state.update(line.encode())
        state.update(b"\0")
    return f"sha256:{state.hexdigest()}"


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


def _pin(line: str, hashes: tuple[str, ...]) -> Pin:
    editable = line.startswith("-e ")
    reference, _, marker = line.removeprefix("-e ").partition(" ; ")
    if editable or reference.startswith((".", "/", "file:")):
        return Pin(
            name=NormalizedName(reference), url=reference, editable=editable, marker=marker.strip(), hashes=hashes
        )
    parsed = Pep508(line)
    marker_text = str(parsed.marker or "")
    name = canonicalize_name(parsed.name)
    if parsed.url:
        return Pin(name=name, url=parsed.url, marker=marker_text, hashes=hashes)
    specifiers = list(parsed.specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in {"==", "==="} or "*" in specifiers[0].version:
        raise ValueError(line)
    return Pin(name=name, version=specifiers[0].version, marker=marker_text, hashes=hashes)
