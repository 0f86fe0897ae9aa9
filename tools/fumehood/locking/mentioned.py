"""Packages that uv speaks of where it explains a failure: whom to ask about, and never an answer by itself."""

from __future__ import annotations

import re

_WORD = re.compile(r"(?<![\w.-])[a-z](?:[a-z0-9-]*[a-z0-9])?(?![\w-])")
"""How uv writes the names of packages: normalised."""

_OF_SENTENCES = frozenset({
    "a", "abi", "all", "an", "and", "any", "are", "as", "at", "be", "because", "by", "can", "cannot", "cause",
    "conclude", "currently", "dependencies", "depend", "depends", "do", "e", "environment", "error", "extra",
    "following", "for", "found", "from", "g", "has", "have", "hint", "if", "in", "included", "incompatible",
    "index", "is", "it", "lower", "marker", "markers", "matching", "more", "no", "not", "of", "on", "one", "only",
    "or", "other", "package", "packages", "platform", "project", "python", "registry", "require", "required",
    "requirements", "requires", "resolving", "satisfied", "satisfies", "satisfy", "satisfying", "solution",
    "source", "split", "sys", "tag", "than", "that", "the", "their", "there", "these", "this", "to",
    "unsatisfiable", "usable", "used", "user", "version", "versions", "was", "we", "were", "wheels", "when",
    "which", "with", "you", "your"
})  # fmt: skip
"""Words of uv's sentences. One that is missing here costs time, since it is asked about like a package."""


def mentioned(text: str) -> frozenset[str]:
    """What may be names of packages in an explanation of uv's."""
    return frozenset(_WORD.findall(text)) - _OF_SENTENCES
