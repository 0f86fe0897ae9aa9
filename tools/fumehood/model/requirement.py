"""Requirements as people write them, each with the place where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from packaging.specifiers import SpecifierSet

from fumehood.model.index_options import IndexOptions

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.utils import NormalizedName

    from fumehood.errors import Place


class Requirement(Struct, frozen=True, kw_only=True):
    """One parsed requirement line.

    Attributes:
        name: The normalised name; None for a path, an archive or a URL that does not say its name.
        text: The requirement as written, comments, options and continuations taken off, variables replaced.
        place: File and first line, the file relative to the repository.
        url: A direct reference (PEP 508), a VCS address or a local path, as written.
        editable: Written with ``-e``.
        constraint: Came through ``-c``: it bounds a package without asking for it.
        hashes: ``algorithm:digest`` values from ``--hash``.
        unexpanded: The requirement with the variables in its address on a server; None where there are none. uv
            replaces them itself and locks them as they are, for what they stand for may be secret.
    """

    name: NormalizedName | None
    text: str
    place: Place
    extras: tuple[str, ...] = ()
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    marker: Marker | None = None
    url: str | None = None
    editable: bool = False
    constraint: bool = False
    hashes: tuple[str, ...] = ()
    unexpanded: str | None = None

    @property
    def shown(self) -> str:
        """As people know it from the file, ``-e`` included."""
        return f"-e {self.text}" if self.editable else self.text

    @property
    def is_local(self) -> bool:
        """Whether it names a folder or file on this machine rather than something a registry or server holds."""
        return self.url is not None and ("://" not in self.url or self.url.startswith("file:"))


class RequirementSet(Struct, frozen=True, kw_only=True):
    """Everything that one requirement file says, with what it includes.

    Attributes:
        requirements: In the order of reading, includes in their place; constraints among them are marked so.
        options: Index options of all the files together.
        files: Every file that was read, relative to the repository, in the order of reading.
    """

    requirements: tuple[Requirement, ...] = ()
    options: IndexOptions = field(default_factory=IndexOptions)
    files: tuple[str, ...] = ()
