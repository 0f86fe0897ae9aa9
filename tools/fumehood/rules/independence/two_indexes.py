"""``independence/two-indexes``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.reading.sources import without_credentials
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.model.index_options import IndexOptions
    from fumehood.reading.sources import Inputs
    from fumehood.rules.seen import Seen

_OPTION = re.compile(r"^\s*(?:--extra-index-url|--index-url|--find-links|-i|-f)(?:\s*=\s*|\s+|(?=\S))(\S+)")


def check(seen: Seen) -> Iterator[Finding]:
    """Core, and each experiment that adds an index to those of core."""
    core = seen.lines(None)
    yield from _of(seen, "", core, _addresses(core.options))
    for experiment in seen.experiments:
        own = seen.lines(experiment)
        added = tuple(address for address in _addresses(own.options) if address not in _addresses(core.options))
        yield from _of(seen, experiment.name, own, added)


def _of(seen: Seen, name: str, lines: Inputs, added: tuple[str, ...]) -> Iterator[Finding]:
    """What is to be said about addresses that lines bring; an index in place of the default one is no second one."""
    core = seen.book.core_inputs.options
    replaced = not name or core.index_url is None
    second = [address for address in added if not (replaced and address == lines.options.index_url)]
    if not second or lines.options.require_hashes or (_all_hashed(lines) and _all_hashed(seen.book.core_inputs)):
        return
    first = core.index_url or lines.options.index_url or "the default index"
    for address in second:
        shown = without_credentials(address)
        yield RULE.finding(
            name,
            _place(seen, lines, address),
            f"packages may come from {shown} and from {without_credentials(first)}, whichever has the name",
            remedy="give what is only there as `name @ address` or with `--hash`, and take the option out",
            subject=shown,
        )


def _addresses(options: IndexOptions) -> tuple[str, ...]:
    named = (options.index_url,) if options.index_url else ()
    remote = tuple(link for link in options.find_links if "://" in link)
    return (*named, *options.extra_index_urls, *remote)


def _all_hashed(lines: Inputs) -> bool:
    return all(line.hashes or line.url for line in lines.requirements if line.place.line)


def _place(seen: Seen, lines: Inputs, address: str) -> Place:
    """Where an address is written; the first file where it is put together from variables."""
    for file in lines.files:
        for number, line in enumerate((seen.text(file) or "").splitlines(), start=1):
            if (option := _OPTION.match(line)) and option[1].strip("\"'") == address:
                return Place(file, number)
    return Place(lines.files[0] if lines.files else "")


RULE = Rule(
    id="independence/two-indexes",
    severity="error",
    summary="Packages may come from either of two indexes, so that one could shadow the other's.",
    why="""\
Where two indexes have a package of the same name, pip takes the higher version, whichever it is from, and uv the first
index that has the name. So who can upload to one of them decides what is installed of everything that the other was
asked for: "dependency confusion" is the name for it.""",
    remedy="""\
Take `--extra-index-url` (or `--find-links`) out of the requirement file. What only the other index has can be written
as a direct reference, `name @ https://…`, or with `--hash=sha256:…` on each line, which fixes what is installed
wherever it comes from. An index of your own that mirrors all others can be the only one, with `--index-url`.""",
    waive="An index that one vendor runs and that is trusted as the default one is, such as for builds of PyTorch.",
    check=check,
)
