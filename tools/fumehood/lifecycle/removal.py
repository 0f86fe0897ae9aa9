"""Carrying out what retiring an experiment comes to.

The order makes a kill at any instant harmless: the record is written first and the folder goes last, by one rename.
Until then the same command finds the experiment and does all of it again; afterwards it finds the record.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fumehood.environments import envdir, housekeeping
from fumehood.environments.lease import Lease
from fumehood.environments.store import LayerStore
from fumehood.errors import UsageError, WorldError
from fumehood.lifecycle import record as records
from fumehood.lifecycle.obstacles import is_product
from fumehood.lifecycle.retire import content
from fumehood.outside.files import disk_errors, remove_tree, write_inside
from fumehood.outside.private_folder import private_folder, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from fumehood.lifecycle.retire import Retirement
    from fumehood.repository import Repository


def carry_out(repository: Repository, retirement: Retirement, *, cache: Path, say: Callable[[str], None]) -> None:
    """Do what a plan says.

    Raises:
        UsageError: Something has changed since it was made; running it again makes another.
        WorldError: The disk refused, or an environment is in use; running it again does the rest.
    """
    root = repository.root
    above = root / os.path.dirname(retirement.folder or retirement.record_file)
    sweep(above)
    with contextlib.ExitStack() as stack:
        for environment in retirement.environments:
            stack.callback(_lease(environment, say).release)
        private = stack.enter_context(private_folder(above))
        _write(root, retirement, private)
        for environment in retirement.environments:
            remove_tree(environment)
        store = LayerStore(cache=cache, say=say)
        for digest in retirement.layers:
            housekeeping.remove_unused(store, digest)
        if retirement.folder:
            _remove_folder(root / retirement.folder, frozenset(retirement.files), private)


def _write(root: Path, retirement: Retirement, scratch: Path) -> None:
    if retirement.record:
        before = content(root, retirement.record_file) or ""
        write_inside(root, retirement.record_file, records.add(before, retirement.record), scratch=scratch)
    for workflow in retirement.workflows:
        if content(root, workflow.file) not in {workflow.text, None}:
            raise UsageError(f"{workflow.file} has changed meanwhile", remedy="run it again")
        with disk_errors(f"removing {workflow.file}"):
            (root / workflow.file).unlink(missing_ok=True)
    for change in retirement.edits:
        if content(root, change.file) != change.before:
            raise UsageError(f"{change.file} has changed meanwhile", remedy="run it again")
        write_inside(root, change.file, change.after, scratch=scratch)


def _lease(environment: Path, say: Callable[[str], None]) -> Lease:
    """An environment, held alone: it is not taken away from under a run of tests."""
    lease = Lease(environment.parent / envdir.OWN / f"{environment.name}.lease", say)
    if not lease.try_exclusive():
        who = " and ".join(lease.holders()) or "another process"
        raise WorldError(f"{environment} is in use by {who}", remedy="wait for it to end, and run it again")
    return lease


def _remove_folder(folder: Path, known: frozenset[str], private: Path) -> None:
    """Take a folder away by one rename; it comes back if somebody has written to it since it was looked at."""
    with disk_errors(f"removing {folder}"):
        gone = private / folder.name
        folder.rename(gone)
        new = sorted(file for file in _files(gone) if file not in known and not is_product(file))
        if new:
            gone.rename(folder)
            raise UsageError(
                f"{folder} was written to meanwhile", details="\n".join(new), remedy="look at it, and run it again"
            )


def _files(folder: Path) -> Iterable[str]:
    if folder.is_symlink():
        return
    for top, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        for name in (*names, *links):
            yield os.path.relpath(os.path.join(top, name), folder)
