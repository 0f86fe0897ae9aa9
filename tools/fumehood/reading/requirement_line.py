"""One requirement: a name with versions, a URL, a version control address or a path, as pip takes them."""

from __future__ import annotations

import contextlib
import functools
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import packaging.requirements
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

from fumehood.errors import ConfigurationError, Place, quoted
from fumehood.model.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.utils import NormalizedName

# As text, for `re` to compile where a line needs them: most lines are plain, and all of these take 2 ms.
_ADDRESS = r"(?i:(?P<vcs>(?:git|hg|svn|bzr)(?:\+[a-z][a-z+.-]*)?://|file:)|(?:https?|ftps?|ssh|sftp)://)"
_NAMED_ADDRESS = r"(?a:[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\]\s*)?@)"
_PATH = r"[./\\]|[^\s<>=!~;@\[]+/"
_TEXT_FILE = r"(?i:\S+\.(?:txt|in))"
_FOLDER = r"[^<>=!~@\[]+"
_EGG = r"[#&]egg=(?P<name>[^&\[\s]+)(?:\[(?P<extras>[^\]]*)\])?"
_ONE_EQUALS_SIGN = r"[\w.\[\],-]+\s*=[^=]"
_SHORT_SSH = r"(?:git|hg|svn|bzr)\+[\w.-]+@"

_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$", re.IGNORECASE)
_BOUND = r"(?:[<>=!~]=|[<>])\s*[A-Za-z0-9.*+!_-]+"
_PLAIN = re.compile(
    rf"(?=.{{0,500}}$)(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*"
    rf"(?P<bounds>{_BOUND}(?:\s*,\s*{_BOUND})*)?",
    re.ASCII,
)
"""A name with versions, short enough that no number in it is too large for Python."""
_LONGEST = 10_000
"""No requirement is near it, and what is beyond it could keep a regular expression busy for minutes."""

_NOWHERE = Place("")


def parse_line(text: str, *, place: Place, written: str = "", editable: bool = False) -> Requirement:
    """Parse one requirement, without options and comments: an argument, a setting, or the rest of a file's line.

    Nothing is looked up on disk: what cannot be a name and looks like a path is one.

    Args:
        text: The requirement with variables replaced.
        place: Where it stands.
        written: The line as written: an error quotes this, not what a variable may keep secret.
        editable: Whether it was written with ``-e``: a plain word is a folder then.

    Raises:
        ConfigurationError: It is none of the forms that pip documents; quotes the first thing that packaging said.
    """
    try:
        return replace(_parse(text.strip(), editable=editable), place=place)
    except (ValueError, RecursionError) as error:
        raise mistake(written or text, error, place=place) from None


def parse_pep508(text: str, *, place: Place) -> Requirement:
    """Parse a dependency specifier of PEP 508, the only form that ``pyproject.toml`` has: a name always comes first.

    Raises:
        ConfigurationError: It is no dependency specifier.
    """
    try:
        return replace(_named(text.strip()), place=place)
    except (ValueError, RecursionError) as error:
        raise mistake(text, error, place=place) from None


def mistake(text: str, reason: Exception, *, place: Place) -> ConfigurationError:
    """The error for a text that is no requirement."""
    match reason:
        case RecursionError():
            said = "its parentheses are nested too deeply"
        case _:
            said = str(reason).partition("\n")[0]
    return ConfigurationError(f"{quoted(text)} is not a requirement: {said}", place=place, remedy=_remedy(text))


def _remedy(text: str) -> str:
    if text.startswith(("-e", "--e")):
        return "write -e and a folder, or -e and git+https://HOST/PATH#egg=NAME"
    if re.fullmatch(_TEXT_FILE, text):
        return "write -r before it; if git wrote a symbolic link as text, check it out again with core.symlinks=true"
    if re.match(_SHORT_SSH, text):
        return "write the address as git+ssh://git@HOST/PATH"
    if re.match(_ONE_EQUALS_SIGN, text):
        return "write == for one exact version"
    return "write a name with versions and a marker, as in numpy[extra]>=2,<3; python_version < '3.13', a URL or a path"


@functools.lru_cache(maxsize=16384)
def _parse(text: str, *, editable: bool) -> Requirement:
    """A requirement that stands nowhere yet: a thousand experiments ask for the same packages again and again."""
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters")
    if not editable and _PLAIN.fullmatch(text) and not _ARCHIVE.search(text):
        return _named(text)
    if address := re.match(_ADDRESS, text):
        if editable and not address["vcs"]:
            raise ValueError("only a folder or a version control address can be editable")
        # Only a semicolon beside a space surely begins a marker; any other is refused with the URL.
        body, *marker = re.split(r"\s;|;\s", text, maxsplit=1)
        return _located(text, body.strip(), "".join(marker).strip())
    body, _, after = text.partition(";")
    if (
        not re.match(_NAMED_ADDRESS, body)
        and not re.match(_SHORT_SSH, body)
        and _is_path(body.strip(), editable=editable)
    ):
        if re.fullmatch(_TEXT_FILE, text):
            raise ValueError("it is a file with requirements, not a package")
        return _located(text, body.strip(), after.strip())
    parsed = _named(text)
    if editable and parsed.url is None:
        raise ValueError("only a folder or a version control address can be editable")
    return parsed


def _is_path(body: str, *, editable: bool) -> bool:
    bare = _without_extras(body)[0]
    return bool(re.match(_PATH, body) or _ARCHIVE.search(bare) or (editable and re.fullmatch(_FOLDER, bare)))


def _without_extras(body: str) -> tuple[str, str]:
    path, bracket, extras = body.removesuffix("]").rpartition("[")
    return (path.rstrip(), extras) if body.endswith("]") and bracket and path else (body, "")


def _located(text: str, body: str, marker: str) -> Requirement:
    """A URL or a path, which says its name only in a wheel's file name or in an ``egg`` fragment."""
    _check_end(body)
    egg = re.search(_EGG, body)
    url, extras = (body, egg["extras"] or "") if egg else _without_extras(body)
    name, specifier = _wheel(url) or (canonicalize_name(egg["name"], validate=True) if egg else None, SpecifierSet())
    return Requirement(
        name=name,
        text=text,
        place=_NOWHERE,
        extras=_extras(part.strip() for part in extras.split(",") if part.strip()),
        specifier=specifier,
        marker=Marker(marker) if marker else None,
        url=url,
    )


def _named(text: str) -> Requirement:
    if plain := _PLAIN.fullmatch(text):
        # What nearly all lines are, in a third of the time; whatever is wrong with one is for packaging to say.
        with contextlib.suppress(InvalidSpecifier):
            specifier = SpecifierSet(plain["bounds"] or "")
            return Requirement(name=canonicalize_name(plain["name"]), text=text, place=_NOWHERE, specifier=specifier)
    parsed = packaging.requirements.Requirement(text)
    # Versions are read lazily: a number too large for Python must fail here, where the line is known.
    hash(parsed.specifier)
    name, specifier = canonicalize_name(parsed.name), parsed.specifier
    wheel = None
    if parsed.url:
        _check_end(parsed.url)
        wheel = _wheel(parsed.url)
    return Requirement(
        name=name,
        text=text,
        place=_NOWHERE,
        extras=_extras(parsed.extras),
        specifier=wheel[1] if wheel and wheel[0] == name else specifier,
        marker=parsed.marker,
        url=parsed.url,
    )


def _check_end(url: str) -> None:
    """Refuse to guess whether a semicolon inside of a URL is part of it, or begins a marker: pip and uv differ."""
    if ";" in url:
        raise ValueError("a space is missing between the URL and the semicolon")


def _extras(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({canonicalize_name(name, validate=True) for name in names}))


def _wheel(url: str) -> tuple[NormalizedName, SpecifierSet] | None:
    """The name of a wheel and the one version that it is, as its file name says them (pip reads it as ``==``)."""
    file = unquote(urlsplit(url).path).rpartition("/")[2]
    if not file.lower().endswith(".whl"):
        return None
    name, version, _, _ = parse_wheel_filename(file)
    return name, SpecifierSet(f"=={version}")
