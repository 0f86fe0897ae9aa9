"""What a changed file is, by its path alone: what it affects before anything imports it."""

from __future__ import annotations

import fnmatch
import functools
import re
from typing import TYPE_CHECKING, Literal

from fumehood.model.globs import matches
from fumehood.reading import pytest_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.settings import AffectedSettings

Kind = Literal["everything", "nothing", "source", "other"]

EVERYTHING = (
    "noxfile.py",
    "setup.py",
    "setup.cfg",
    *pytest_settings.OWN,
    "tox.ini",
    "uv.toml",
    ".python-version",
    *(".github/workflows/*", ".github/actions/*"),
    *(".gitlab-ci.yml", ".gitlab-ci.yaml", ".gitlab/*"),
    *(".ci/*", ".circleci/*", ".buildkite/*", ".woodpecker/*", ".woodpecker.yml", ".azure-pipelines/*"),
    *("azure-pipelines.yml", "bitbucket-pipelines.yml", "Jenkinsfile", ".travis.yml", ".cirrus.yml"),
)
"""How every session is set up, and how CI runs them."""

NOTHING = (
    *("*.md", "*.rst", "*.adoc", "*.pyi"),
    *("docs/*", "doc/*", ".github/*"),
    *("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "AUTHORS*", "CITATION.cff", "CODEOWNERS"),
    *(".gitignore", ".gitattributes", ".git-blame-ignore-revs", ".mailmap", ".editorconfig", ".pre-commit-config.yaml"),
)
"""Documentation, what people and their tools read, and stubs, which only type checkers do."""

_LEFT_BEHIND = frozenset(
    {"__pycache__", ".nox", ".venv", ".tox", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".coverage"}
)
"""Files and folders that running leaves behind, also where no .gitignore says so."""

_NAMES_ANYWHERE = frozenset(pattern for pattern in NOTHING if "/" not in pattern)


def kind_of(path: str, settings: AffectedSettings, *, home: str = "") -> Kind:
    """What a file is.

    Args:
        path: From the top of the repository, with ``/``.
        settings: Its own patterns come first.
        home: The folder of the experiment that it is in, if it is in one: what is ``docs/`` there is documentation too.
    """
    if matches(path, *settings.all):
        return "everything"
    if matches(path, *settings.ignore) or not _LEFT_BEHIND.isdisjoint(path.split("/")):
        return "nothing"
    if not home and sets_up_sessions(path):
        return "everything"
    if path.endswith(".py"):
        return "source"  # Also in `docs/`: something may import it.
    inside = path.removeprefix(f"{home}/") if home else path
    is_nothing = is_documentation(inside) or _fits(path.rpartition("/")[2], _NAMES_ANYWHERE)
    return "nothing" if is_nothing else "other"


def sets_up_sessions(path: str) -> bool:
    """Whether a file is one of `EVERYTHING`."""
    return _fits(path, EVERYTHING)


def is_documentation(path: str) -> bool:
    """Whether a file is one of `NOTHING`, as a Python file can be that nothing imports."""
    return _fits(path, NOTHING)


def _fits(path: str, patterns: Iterable[str]) -> bool:
    return _compiled(tuple(patterns)).match(path) is not None


@functools.cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all of them, since a change may have ten thousand files."""
    return re.compile("|".join(map(fnmatch.translate, patterns)))
