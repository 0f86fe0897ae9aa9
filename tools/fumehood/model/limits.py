"""How long the steps of an experiment's life may take."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """How many days things may take; ``[tool.fumehood.lifecycle]``.

    Attributes:
        commit: Without a commit to the experiment's folder.
        green: Without a green result.
        answer: From a failure to the next commit to the folder.
        suspend: From the day on which an experiment is stale to the one on which it is to be suspended.
        remove: From there to the one on which its removal is proposed.
    """

    commit: int = 180
    green: int = 90
    answer: int = 30
    suspend: int = 30
    remove: int = 90
