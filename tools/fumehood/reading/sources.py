"""The requirement lines of core or of an experiment, from every file they are written in."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.errors import FumehoodError, Place, raise_all
from fumehood.model.index_options import IndexOptions
from fumehood.model.uv_settings import UvSettings
from fumehood.reading import local_project, requirement_line, requirements_txt, text_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fumehood.model.experiment import RequirementSource
    from fumehood.model.requirement import Requirement

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s'\"]*@")

_NO_OPTIONS = IndexOptions()

_PUBLIC_LOGINS = frozenset({"git@", "@"})
"""What stands before a host without being secret."""

BUILT_IN = "[tool.fumehood] test-requirements"
"""Where a requirement stands that no file of the repository says: in the settings, or their default."""


class Inputs(Struct, frozen=True, kw_only=True):
    """Requirement lines, where their packages may come from, and the files they were read from.

    Attributes:
        lines: What uv is asked. It is given no requirement file: it reads them in its own way, without continuations
            inside of a requirement, quotes, glued or abbreviated options, and names between commas.
        constraint_lines: Likewise, what files say with ``-c``.
        folders: For each folder and file on this machine that a line names, a digest of what it says that it requires.
        settings: What uv is configured to.
    """

    requirements: tuple[Requirement, ...] = ()
    options: IndexOptions = field(default_factory=IndexOptions)
    files: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    constraint_lines: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    settings: UvSettings = UvSettings()

    def digest(self, python: str) -> str:
        """A digest of what a resolution of these lines depends on.

        It does not depend on comments, on the order of lines or on where they stand, nor on user names and passwords
        in addresses, which differ from one machine to the next.
        """
        lines = sorted({f"{line.constraint}\0{_written(line)}" for line in self.requirements})
        others = [*sorted(set(self.folders)), *([self.settings.digest] if self.settings.digest else [])]
        everything = "\0".join([f"python>={python}", str(self.options), *lines, *others])
        return f"sha256:{hashlib.sha256(_CREDENTIALS.sub('', everything).encode()).hexdigest()}"

    def __add__(self, other: Inputs) -> Inputs:
        return Inputs(
            requirements=self.requirements + other.requirements,
            options=_merged(self.options, other.options),
            files=self.files + other.files,
            lines=self.lines + other.lines,
            constraint_lines=self.constraint_lines + other.constraint_lines,
            folders=self.folders + other.folders,
            settings=self.settings,
        )


def read(
    root: Path, sources: Iterable[RequirementSource], *, environ: Mapping[str, str], extra: Iterable[str] = ()
) -> Inputs:
    """Read requirement sources, and lines that the settings add.

    Raises:
        ConfigurationError: Every mistake in all the files at once.
    """
    mistakes: list[FumehoodError] = []
    inputs = Inputs()
    for source in sources:
        try:
            inputs += with_folders(root, _read_one(root, source, environ))
        except FumehoodError as error:
            mistakes.append(error)
    added = []
    for line in extra:
        try:
            added.append(requirement_line.parse_line(line, place=Place(BUILT_IN)))
        except FumehoodError as error:
            mistakes.append(error)
    raise_all(mistakes)
    return inputs + with_folders(root, of_lines(added, _NO_OPTIONS))


def without_credentials(text: str) -> str:
    """A text for people, with asterisks for what addresses in it say of users, passwords and tokens."""
    return _CREDENTIALS.sub(lambda login: login[0] if login[0] in _PUBLIC_LOGINS else "****@", text)


def of_lines(requirements: Iterable[Requirement], options: IndexOptions) -> Inputs:
    """Inputs of which uv gets each line by itself."""
    chosen = tuple(requirements)
    return Inputs(
        requirements=chosen,
        options=options,
        lines=tuple(_line(line) for line in chosen if not line.constraint),
        constraint_lines=tuple(_line(line) for line in chosen if line.constraint),
    )


def _read_one(root: Path, source: RequirementSource, environ: Mapping[str, str]) -> Inputs:
    path = root / source.path
    if source.is_pyproject:
        from fumehood.reading import pyproject_requirements  # noqa: PLC0415 - many repositories need only one kind

        found = pyproject_requirements.read_project(path, root=root, groups=source.groups, extras=source.extras)
    elif source.is_setup_script:
        from fumehood.reading import setup_script  # noqa: PLC0415 - as above

        found = setup_script.read(path, root=root)
    else:
        found = requirements_txt.read(path, root=root, environ=environ)
    return replace(of_lines(found.requirements, found.options), files=found.files)


def with_folders(root: Path, found: Inputs) -> Inputs:
    """The inputs with what the folders and files that they name say themselves."""
    places = [local_project.location(root, line.url) for line in found.requirements if line.is_local and line.url]
    if not places:
        return found
    read = [place / name for place in places if place.is_dir() for name in local_project.BUILD_FILES]
    files = (*found.files, *(text_file.shown(path, root) for path in read if path.is_file()))
    return replace(found, files=tuple(dict.fromkeys(files)), folders=tuple(map(local_project.digest, places)))


def _is_editable(requirement: Requirement) -> bool:
    """Whether it is installed editable: not a checkout of a repository elsewhere, which pip makes and uv refuses.

    In an environment that is made of immutable layers, the same commit installed plainly is what comes closest.
    """
    return requirement.editable and requirement.is_local


def _written(requirement: Requirement) -> str:
    return " ".join([f"{'-e ' * _is_editable(requirement)}{requirement.text}", *sorted(requirement.hashes)])


def _line(requirement: Requirement) -> str:
    return " ".join([asked_of_uv(requirement), *(f"--hash={digest}" for digest in requirement.hashes)])


def asked_of_uv(requirement: Requirement) -> str:
    """A requirement as uv takes it."""
    editable = "-e " if _is_editable(requirement) else ""
    return f"{editable}{_before_address(requirement)}{requirement.unexpanded or requirement.text}"


def _before_address(requirement: Requirement) -> str:
    """What uv needs before an address that the line begins with.

    That is a dot before a path with a space, which would be a name, and the name and extras of a checkout, which
    ``egg`` says to pip only.
    """
    if not (requirement.url and requirement.text.startswith(requirement.url)):
        return ""
    if requirement.is_local:
        return "./" if " " in requirement.url and not requirement.url.startswith((".", "/", "file:")) else ""
    if not (requirement.editable and requirement.name):
        return ""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    return f"{requirement.name}{extras} @ "


def _merged(first: IndexOptions, second: IndexOptions) -> IndexOptions:
    """What two files say together: the last ``--index-url`` counts, the rest adds up in order."""
    if _NO_OPTIONS in (first, second):
        return second if first == _NO_OPTIONS else first

    def union(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*getattr(first, name), *getattr(second, name))))

    return IndexOptions(
        index_url=second.index_url or first.index_url,
        extra_index_urls=union("extra_index_urls"),
        find_links=union("find_links"),
        no_index=first.no_index or second.no_index,
        pre=first.pre or second.pre,
        no_binary=union("no_binary"),
        only_binary=union("only_binary"),
        prefer_binary=first.prefer_binary or second.prefer_binary,
        require_hashes=first.require_hashes or second.require_hashes,
        trusted_hosts=union("trusted_hosts"),
    )
