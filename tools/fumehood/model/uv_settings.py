"""What the repository's configuration of uv says about what a lock holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from packaging.utils import NormalizedName


class UvSettings(Struct, frozen=True, kw_only=True):
    """The part of it that decides what uv resolves to; where packages come from is no part of that.

    Attributes:
        digest: Of all that part; empty where there is nothing of it.
        environments: Markers of which one holds wherever a lock is for; empty for everywhere.
        overridden: Packages of which requirement lines do not decide.
    """

    digest: str = ""
    environments: tuple[str, ...] = ()
    overridden: frozenset[NormalizedName] = frozenset()
