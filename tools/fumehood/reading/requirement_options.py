"""The options of one line of a requirements file: what pip knows, what fits together, what it adds up to."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from fumehood.errors import ConfigurationError

if TYPE_CHECKING:
    import optparse
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from fumehood.errors import Place
    from fumehood.model.index_options import IndexOptions

_WITH_VALUE = (
    ("-r", "--requirement"),
    ("-c", "--constraint"),
    ("-e", "--editable"),
    ("-i", "--index-url"),
    ("--extra-index-url",),
    ("-f", "--find-links"),
    ("--no-binary",),
    ("--only-binary",),
    ("--trusted-host",),
    ("--use-feature",),
    ("--hash",),
    ("-C", "--config-settings", "--config-setting"),
    ("--global-option",),
)
_FLAGS = ("--no-index", "--pre", "--prefer-binary", "--require-hashes")
_OF_ONE_REQUIREMENT = ("--hash", "--config-settings", "--global-option")
_OF_BUILDS = ("--config-settings", "--global-option")
_SAY_TO_UV = "remove it, and write config-settings-package in [tool.uv] of pyproject.toml"
_ALONE = ("--requirement", "--constraint", "--editable")

_MARKER = re.compile(r"\s;|;\s")
_NAMED_ADDRESS = re.compile(r"[\w.-]+(?: ?\[[^\]]*\])? ?@ ?\S+(?: ;|$)")
_HASH = re.compile(r"(?:sha256|sha384|sha512):[0-9a-fA-F]+")


@functools.cache
def _option_parser() -> optparse.OptionParser:
    """The parser that pip uses too, so abbreviations and glued values are understood alike; it raises, never exits."""
    import optparse  # noqa: PLC0415 - many files have no options

    class Raising(optparse.OptionParser):
        def error(self, msg: str) -> NoReturn:
            raise ValueError(msg)

    parser = Raising(usage="", add_help_option=False)
    for names in _WITH_VALUE:
        parser.add_option(*names, action="append", dest=next(name for name in names if name.startswith("--")))
    for flag in _FLAGS:
        parser.add_option(flag, action="append_const", const="", dest=flag)
    return parser


class LineOptions(Struct, frozen=True, kw_only=True):
    """What the options of one line say.

    Attributes:
        values: By the option's long name, in the order given; a flag holds one empty string.
        editable: The whole requirement after ``-e``, marker included; None without one.
    """

    values: Mapping[str, Sequence[str]]
    editable: str | None = None

    def hashes(self, place: Place) -> tuple[str, ...]:
        """The values of ``--hash``, each once.

        Raises:
            ConfigurationError: One is malformed, or of an algorithm that pip does not take.
        """
        values = self.values.get("--hash", ())
        if wrong := [value for value in values if not _HASH.fullmatch(value)]:
            raise ConfigurationError(
                f"no hash that pip takes: {', '.join(map(repr, wrong))}",
                place=place,
                remedy="write --hash=sha256:…, sha384:… or sha512:… with hexadecimal digits",
            )
        return tuple(dict.fromkeys(values))


_NONE = LineOptions(values={})


def parse(text: str, *, place: Place, requirement: bool) -> LineOptions:
    """Parse the options of one line, quoted as a shell does.

    Args:
        text: The line from its first option on, variables replaced.
        place: Where it stands.
        requirement: Whether a requirement stands before them.

    Raises:
        ConfigurationError: They cannot be read, or pip would drop some of them, or a word, without saying so.
    """
    if not text:
        return _NONE
    import shlex  # noqa: PLC0415 - as above

    head, marker = _without_marker(text)
    try:
        parsed, words = _option_parser().parse_args(shlex.split(head))
    except ValueError as error:
        known = ", ".join([*(names[0] for names in _WITH_VALUE), *_FLAGS])
        raise ConfigurationError(
            f"options cannot be read: {error}", place=place, remedy=f"a requirements file may say {known}"
        ) from None
    values = {name: tuple(given) for name, given in vars(parsed).items() if given}
    editable = " ".join([*values["--editable"], *words]) + marker if "--editable" in values else None
    # Behind `-e` and its value, only the rest of a `name @ URL` and a marker may follow.
    stray = bool(words) and not _NAMED_ADDRESS.match(editable) if editable else bool(words or marker)
    if said := _without_effect(values, requirement=requirement, stray=stray):
        what, remedy = said
        raise ConfigurationError(what, place=place, remedy=remedy)
    return LineOptions(values=values, editable=editable)


def _without_marker(text: str) -> tuple[str, str]:
    """Split the marker off an editable requirement: it needs the quotes that splitting as a shell takes away."""
    separator = _MARKER.search(text)
    if separator and all(text.count(quote, 0, separator.start()) % 2 == 0 for quote in "'\""):
        return text[: separator.start()], f" ; {text[separator.end() :].strip()}"
    return text, ""


def _without_effect(values: Mapping[str, Sequence[str]], *, requirement: bool, stray: bool) -> tuple[str, str] | None:
    """What pip would drop from the line, or uv, and what to write instead."""
    alone = [name for name in _ALONE for _ in values.get(name, ())]
    own = [name for name in _OF_ONE_REQUIREMENT if name in values]
    builds = [name for name in _OF_BUILDS if name in values]
    others = [name for name in values if name not in (*_ALONE, *_OF_ONE_REQUIREMENT)]
    if requirement and (alone or others):
        return f"{(alone + others)[0]} has no effect behind a requirement", "write it on a line of its own"
    if alone and (len(alone) > 1 or others or (own and alone != ["--editable"])):
        return f"{alone[0]} must be the only option of its line", "write each of them on a line of its own"
    if alone and "--hash" in own:
        return "--hash has no effect on an editable requirement", "remove it"
    if builds and (requirement or alone):
        return f"{builds[0]} cannot be given to uv for one requirement", _SAY_TO_UV
    if own and not requirement and not alone:
        return f"{own[0]} has no effect without a requirement", "write it behind the requirement that it is about"
    word = "a word behind the options has no effect", "write the requirement before its options, or on its own line"
    return word if stray else None


def merged(options: IndexOptions, line: LineOptions, *, link: Callable[[str], str]) -> IndexOptions:
    """The index options after one more line: the last index wins, everything else adds up.

    Args:
        options: What the lines before say.
        line: The line.
        link: Turns a value of ``--find-links`` into what the whole repository understands.
    """
    said = line.values
    return replace(
        options,
        index_url=[options.index_url, *said.get("--index-url", ())][-1],
        extra_index_urls=_joined(options.extra_index_urls, said.get("--extra-index-url", ())),
        find_links=_joined(options.find_links, [link(value) for value in said.get("--find-links", ())]),
        no_index=options.no_index or "--no-index" in said,
        pre=options.pre or "--pre" in said,
        no_binary=_formats(options.no_binary, said.get("--no-binary", ())),
        only_binary=_formats(options.only_binary, said.get("--only-binary", ())),
        prefer_binary=options.prefer_binary or "--prefer-binary" in said,
        require_hashes=options.require_hashes or "--require-hashes" in said,
        trusted_hosts=_joined(options.trusted_hosts, said.get("--trusted-host", ())),
    )


def _joined(known: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _formats(known: tuple[str, ...], more: Sequence[str]) -> tuple[str, ...]:
    """Names between commas; ``:all:`` stands for every package, ``:none:`` takes back what was said before."""
    for name in ",".join(more).split(","):
        match name.strip():
            case "":
                continue
            case ":none:":
                known = ()
            case ":all:":
                known = (":all:",)
            case given:
                known = _joined(known, (canonicalize_name(given),))
    return known
