"""What a work tree is compared with: what was asked for, what the CI platform says, else the default branch.

Sources: GitHub's "Variables reference" and "Webhook events and payloads"; GitLab's "Predefined CI/CD variables".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fumehood.outside.work_tree import WorkTree

_BRANCHES = ("main", "master", "trunk", "develop")
_SHORT = 9


class Base(Struct, frozen=True, kw_only=True):
    """The commit that a work tree is compared with.

    Attributes:
        commit: Its full name.
        described: How it was arrived at, for people.
    """

    commit: str
    described: str

    def __str__(self) -> str:
        return f"{self.commit[:_SHORT]}, {self.described}"


def find_base(git: WorkTree, ref: str | None, environ: Mapping[str, str]) -> Base:
    """Where the checked out commit branched off from what it will be merged into.

    Args:
        git: The door to git.
        ref: A branch, a tag or a commit that was asked for; None to find the usual one.
        environ: The variables of the CI platform, if there is one.

    Raises:
        UsageError: There is no such commit, no commit at all, nothing to compare with, or no common ancestor here.
    """
    if not git.has("HEAD"):
        git.prefix()  # Says so where there is no repository at all.
        raise UsageError("nothing is committed here yet", remedy="commit something first, so that there is a base")
    if ref is None:
        ref = next((name for name in _said_by_platform(environ) if name.strip("0")), None)
    if ref is None:
        ref = next((name for name in _default_branches(git, environ) if git.has(name)), None)
    if ref is None and git.is_shallow():
        raise UsageError(
            "this clone is shallow, and no default branch is in it",
            remedy="`git fetch --unshallow origin +refs/heads/*:refs/remotes/origin/*` gets the history; "
            "with actions/checkout, `fetch-depth: 0`",
        )
    if ref is None:
        raise UsageError(
            "there is no default branch to compare with: no remote has one here, and none is called "
            + " or ".join(_BRANCHES),
            remedy="name a branch or a commit with --base",
        )
    commit = git.commit(ref)
    found = git.merge_base(commit)
    if found is None:
        raise _no_ancestor(git, ref)
    return Base(commit=found, described=ref if ref == found else f"the merge base with {ref}")


def _said_by_platform(environ: Mapping[str, str]) -> Iterator[str]:
    """The commits or branches that GitHub and GitLab name for a run; zeros stand for a branch that is new."""
    if target := environ.get("GITHUB_BASE_REF"):
        yield f"origin/{target}"
    yield from _said_by_event(environ.get("GITHUB_EVENT_PATH"))
    for name in ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_COMMIT_BEFORE_SHA"):
        yield environ.get(name, "")


def _said_by_event(path: str | None) -> Iterator[str]:
    """The commit before a push, or the one that a merge queue builds on."""
    if not path:
        return
    try:
        with open(path, encoding="utf-8") as file:
            event = json.load(file)
        if isinstance(group := event.get("merge_group"), dict):
            yield str(group.get("base_sha", ""))
        if "before" in event and "pusher" in event:
            yield str(event["before"])
    except (OSError, ValueError, AttributeError):
        return


def _default_branches(git: WorkTree, environ: Mapping[str, str]) -> Iterator[str]:
    remotes = git.remotes()
    named = environ.get("CI_DEFAULT_BRANCH")
    for remote in remotes:
        if named:
            yield f"{remote}/{named}"
        yield f"{remote}/HEAD"
        yield from (f"{remote}/{branch}" for branch in _BRANCHES)
    yield from _BRANCHES


def _no_ancestor(git: WorkTree, ref: str) -> UsageError:
    if git.is_shallow():
        return UsageError(
            f"this clone is shallow, and where it branched off from {ref} is not in it",
            remedy="`git fetch --unshallow` gets the history; with actions/checkout, `fetch-depth: 0`",
        )
    return UsageError(f"HEAD and {ref} have no common ancestor", remedy="name another one with --base")
