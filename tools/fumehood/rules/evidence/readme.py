"""The README of an experiment as evidence: which of its sections is about what, and what its numbers were taken on."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import canonicalize_name

from fumehood.errors import Place
from fumehood.reading import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fumehood.model.experiment import Experiment
    from fumehood.reading.markdown import Document, Section
    from fumehood.rules.seen import Seen

MODEL = "model"
_NAME = re.compile(r"readme(?:\.(?:md|markdown|rst|txt))?", re.IGNORECASE)

KINDS: Mapping[str, re.Pattern[str]] = {
    "motivation": re.compile(r"\b(?:motivat|why\b|background|rationale|problem|goals?\b|purpose|introduction)"),
    "innovation": re.compile(r"\b(?:innovat|novel|new\b|contribution|key idea|approach|method)"),
    "performance": re.compile(
        r"\b(?:performance|benchmark|numbers|throughput|speed|fast|results?\b|evaluation|measure)"
    ),
    # A loss that something is trained with, or that is computed, is a part of a method.
    "convergence": re.compile(
        r"\b(?:converge|(?:loss|training|learning) curve)|^(?!.*\b(?:using|with|without)\b.*\bloss\b)"
        r".*\bloss\b(?! (?:calculation|computation|formula|function|module|term|weight))"
    ),
}
"""What a README shows, each with the headings that it goes by, in lower case."""

_PARTICULARS = re.compile(r"\b(?:setup|environment|hardware|reproduc|how (?:it|this|they|we) \w*\s*measured)")
"""The headings of sections that say what numbers were taken on, wherever the numbers are."""

_PURPOSE = re.compile(
    r"\b(?:motivat|the (?:aim|goal|idea|problem|purpose)\b"
    r"|(?:built|designed|intended|meant) (?:for|to)\b|in order to\b)",
    re.IGNORECASE,
)
"""How introductions that have no heading of their own say what something is for."""

_CLAIM = re.compile(
    r"\d\s*(?:x|\N{MULTIPLICATION SIGN}|times|%|percent)\s+(?:as\s+)?(?:faster|slower|less|more|higher|lower|fewer)"
    r"|\b(?:faster|slower) than\b|\bspeed-?ups?\b|\btokens(?:/s| per second)",
    re.IGNORECASE,
)
_HARDWARE = re.compile(
    r"(?:\b|(?<=\d[x\N{MULTIPLICATION SIGN}]))(?:(?:A|B|H|L|T|V|GB|GH|MI)\d{1,4}[A-Z]{0,2}s?"
    r"|(?:RTX|GTX|Quadro|Tesla|Titan|Radeon|Instinct)[ -]?\w+"
    r"|Gaudi\s?\d?|TPU\s?\w*|Trainium\d?|Inferentia\d?"
    r"|Xeon|EPYC|Ryzen|Threadripper|Graviton\d?|Core i\d|Apple M\d|M\d (?:Pro|Max|Ultra)"
    r"|\d+ (?:\w+ ){0,2}(?:cores?|CPUs?|GPUs?|vCPUs?|TPUs?))\b"
)
_USUAL_NAMES = frozenset(
    {"cpython", "cuda", "cudnn", "driver", "fumehood", "jax", "linux", "nccl", "numpy", "python", "pytorch", "rocm"}
    | {"tensorflow", "torch", "transformers", "triton", "version", "versions"}
)
_VERSION = re.compile(r"\b([A-Za-z](?:[\w.-]*\w)?)\s*(?:==|[=:])?\s*v?\d+(?:\.\d+)*\b")
_LOCKED = re.compile(r"requirements\.lock\b|\buv\.lock\b|\bpylock[\w.]*\.toml\b|\d+\.\d+\.\d+")
_COMMIT = re.compile(r"(?<![\w.])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}(?![\w.])|(?<=commit )[0-9a-f]{7,40}\b")
_OPTION = re.compile(r"(?<!\S)(?:--[A-Za-z][\w.-]*(?:[ =]\S+)?|[A-Z][A-Z\d_]*=\S+)")
"""What a command is given: its options, and variables before it."""
_OF_A_COMMIT = re.compile(r"/commits?/|^[^:]*$")
"""An address that leads to a commit; one of a file as it was in some commit may be of any repository."""
_NUMBER = re.compile(
    r"(?<![\w.-])[<>~+-]?\d[\d.,_]*(?![\w-])|(?<![\w.-])\d[\d.,]*\s?(?:[a-zA-Z\N{MICRO SIGN}%/]{1,6})\b"
)


class Readme(Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """What one README shows.

    Attributes:
        document: None where it is neither Markdown nor reStructuredText, so that nothing is known of its sections.
        packages: Names whose versions count, normalised.
    """

    path: str
    document: Document | None
    packages: frozenset[str]

    @cached_property
    def sections(self) -> Mapping[str, tuple[Section, ...]]:
        """For each kind the sections about it, without those that are inside another one about it."""
        return {kind: tuple(self._about(pattern)) for kind, pattern in KINDS.items()}

    def _about(self, pattern: re.Pattern[str]) -> Iterator[Section]:
        inside: set[int] = set()
        # The title of the whole is about everything.
        for section in self.document.sections if self.document else ():
            is_about = section.level > 0 and section is not self._title and pattern.search(section.title.lower())
            if is_about and id(section) not in inside:
                inside |= {id(part) for part in self.parts(section)}
                yield section

    @cached_property
    def _title(self) -> Section | None:
        """The only heading of the first level: it names the experiment."""
        first = [section for section in self.document.sections if section.level == 1] if self.document else []
        return first[0] if len(first) == 1 else None

    @property
    def introduces(self) -> bool:
        """Whether what stands before the second heading says what the experiment is for."""
        first = self.document.sections[:2] if self.document else ()
        return any(_PURPOSE.search(section.text) for section in first)

    def parts(self, section: Section) -> tuple[Section, ...]:
        """A section with those below it."""
        return self.document.whole(section) if self.document else ()

    def text(self, section: Section) -> str:
        """All that is read in a section and below it, the headings below it included."""
        parts = self.parts(section)
        return "\n".join([parts[0].text, *(f"{part.title}\n{part.text}" for part in parts[1:])])

    def claims_performance(self) -> bool:
        """Whether it claims anywhere to be faster or to need less."""
        return any(_CLAIM.search(section.text) for section in (self.document.sections if self.document else ()))

    def has_number(self, section: Section) -> bool:
        """Whether something was measured: a number that is no version, option, name of hardware or commit."""
        text = self.text(section)
        for match in reversed(self._versions(text)):
            text = f"{text[: match.start()]} {text[match.end() :]}"
        for pattern in (_OPTION, _COMMIT, _LOCKED, _HARDWARE):
            text = pattern.sub(" ", text)
        return _NUMBER.search(text) is not None

    def lacks(self, section: Section) -> tuple[str, ...]:
        """What its numbers do not say of themselves, in the order in which one would ask."""
        text = "\n".join([section.title, self.text(section), *map(self.text, self._about(_PARTICULARS))])
        found = {
            "hardware": _HARDWARE.search(text),
            "versions": self._versions(text) or _LOCKED.search(text),
            "commit": self.commits(section),
        }
        return tuple(what for what, is_there in found.items() if not is_there)

    def commits(self, section: Section) -> tuple[tuple[str, int], ...]:
        """The commits that a section, or one about how it was measured, names in text or in links, with lines."""
        found: dict[str, int] = {}
        for about in (section, *self._about(_PARTICULARS)):
            for part in self.parts(about):
                links = (
                    (target.address, target.line) for target in part.targets if _OF_A_COMMIT.search(target.address)
                )
                for text, line in [(part.text, part.line), *links]:
                    for match in _COMMIT.finditer(text.replace("/", " ")):
                        found.setdefault(match[0], line)
        return tuple(found.items())

    def _versions(self, text: str) -> list[re.Match[str]]:
        """Where the text names the version of a package that is known here."""
        return [
            match
            for match in _VERSION.finditer(text)
            if match[1].lower() in _USUAL_NAMES or canonicalize_name(match[1]) in self.packages
        ]

    def has_text(self, section: Section) -> bool:
        """Whether there is anything to read in it."""
        return any(part.text for part in self.parts(section))

    def has_picture(self, section: Section) -> bool:
        """Whether there is anything to look at in it."""
        return any(target.is_picture for part in self.parts(section) for target in part.targets)

    def at(self, line: int) -> Place:
        """A line of it."""
        return Place(self.path, line)


def find_all(seen: Seen) -> dict[str, Readme]:
    """The READMEs of the experiments in question, by the experiment's name; Markdown rather than something else."""
    paths = {experiment.name: _path(seen, experiment) for experiment in seen.experiments}
    found_documents = documents.read(seen.root, filter(documents.is_read, paths.values()), seen.book.environ)
    core = frozenset(line.name for line in seen.lines(None).requirements if line.name)
    core |= {canonicalize_name(name) for name in seen.core.packages}
    found = {}
    for experiment in seen.experiments:
        if path := paths[experiment.name]:
            packages = core | {line.name for line in seen.lines(experiment).requirements if line.name}
            found[experiment.name] = Readme(path=path, document=found_documents.get(path), packages=packages)
    return found


def _path(seen: Seen, experiment: Experiment) -> str:
    """Where the README of an experiment is; empty where there is none."""
    try:
        names = sorted(filter(_NAME.fullmatch, os.listdir(seen.root / experiment.path)))
    except OSError:
        return ""
    name = next(filter(documents.is_markdown, names), names[0] if names else "")
    return f"{experiment.path}/{name}" if name else ""


def sections(seen: Seen, *kinds: str) -> Iterator[tuple[Experiment, Readme, Section]]:
    """The sections of all READMEs that are about one of these kinds, each once."""
    for experiment in seen.experiments:
        if readme := seen.readmes.get(experiment.name):
            found = {id(section): section for kind in kinds for section in readme.sections[kind]}
            for section in found.values():
                yield experiment, readme, section


def required(experiment: Experiment, readme: Readme) -> Iterable[str]:
    """The kinds of section that an experiment has to have."""
    yield from ("motivation", "innovation")
    has_some = bool(readme.sections["performance"])
    if experiment.theme == MODEL or has_some or readme.claims_performance():
        yield "performance"
    if experiment.theme == MODEL:
        yield "convergence"


def measured(readme: Readme) -> tuple[str, ...]:
    """The commits that its numbers were taken on."""
    sections = (*readme.sections["performance"], *readme.sections["convergence"])
    return tuple(dict.fromkeys(commit for section in sections for commit, _ in readme.commits(section)))
