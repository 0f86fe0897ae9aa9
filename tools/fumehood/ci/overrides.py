"""What people ask for beyond what a change affects: in a label, or in a line of a commit message.

Sources: GitHub's "Webhook events and payloads" (``pull_request``); GitLab's "Predefined CI/CD variables".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ALL = "all"
CORE = "core"

_LINE = re.compile(r"^fumehood:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE | re.IGNORECASE)


class Wish(Struct, frozen=True, kw_only=True):
    """One name that was asked for, ``all`` or that of an experiment or ``core``, and where."""

    name: str
    where: str


def wishes(labels: Iterable[str], messages: str) -> tuple[Wish, ...]:
    """What is asked for, in its order, each name once.

    Args:
        labels: Of the change, such as ``fumehood: rl``.
        messages: The commit messages of the change, one after the other.
    """
    found: dict[str, Wish] = {}
    for text, where in (*((label, "the label") for label in labels), (messages, "a commit message")):
        for match in _LINE.finditer(text):
            for name in re.split(r"[,\s]+", match[1]):
                if name:
                    found.setdefault(name, Wish(name=name, where=f"{where} `fumehood: {match[1]}`"))
    return tuple(found.values())


def labels_of(environ: Mapping[str, str]) -> Iterator[str]:
    """The labels that the CI platform knows of the change."""
    yield from filter(None, environ.get("CI_MERGE_REQUEST_LABELS", "").split(","))
    if not (path := environ.get("GITHUB_EVENT_PATH")):
        return
    try:
        with open(path, encoding="utf-8") as file:
            event = json.load(file)
        yield from [str(label["name"]) for label in event["pull_request"]["labels"]]
    except (OSError, ValueError, KeyError, TypeError):
        return
