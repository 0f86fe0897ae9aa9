"""``fumehood check --without-experiments``: core's tests, in a clone that has no experiments."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood import running
from fumehood.commands import check
from fumehood.environments import registry
from fumehood.errors import UsageError
from fumehood.extensions import SessionCall
from fumehood.outside.files import cache_folder, disk_errors, remove_tree
from fumehood.outside.work_tree import WorkTree
from fumehood.rules.boundary.core_needs_experiments import RULE
from fumehood.rules.crossing import folders_of_experiments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fumehood.commands.memo import Said
    from fumehood.extensions import SessionResult
    from fumehood.repository import Repository

_NOXFILE = "import fumehood.nox\n\nfumehood.nox.register()\n"


def run(
    repository: Repository,
    names: tuple[str, ...],
    *,
    format_: str,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> Said:
    """Run core's tests without the experiments, and say in one of the formats what a check has to say of it.

    Raises:
        UsageError: Experiments are named, or the repository is none of git's.
    """
    if names:
        raise UsageError("--without-experiments is about core", remedy="name no experiments")

    def alone() -> SessionResult:
        result = _run_core_alone(repository, say)
        say(f"core without experiments: {result.status} after {result.seconds:.1f} s")
        return result

    options = check.Options(rules=(RULE.id,), run_core_alone=alone)
    return check.run(repository, options, format_=format_, environ=environ)


def _run_core_alone(repository: Repository, say: Callable[[str], None]) -> SessionResult:
    """Run the session ``core`` in a clone, which is removed whatever happens."""
    top = repository.root
    for _ in Path(WorkTree(cwd=repository.root).prefix()).parts:
        top = top.parent
    tree = WorkTree(cwd=top)
    inside = repository.root.relative_to(top).as_posix()
    places = (
        *folders_of_experiments(repository),
        *(experiment.path for experiment in repository.experiments),
        *(broken.path for broken in repository.broken),
    )
    gone = tuple(f"{place}/" if inside == "." else f"{inside}/{place}/" for place in places)
    without = frozenset(path for path in tree.listed().files if path.startswith(gone))
    say(f"copying {top} without {len(without)} files of experiments")
    with disk_errors("preparing a clone"):
        scratch = Path(tempfile.mkdtemp(prefix="fumehood-without-"))
    try:
        tree.copy_to(scratch / top.name, without=without)
        root = scratch / top.name / inside
        if not (root / "noxfile.py").exists():
            (root / "noxfile.py").write_text(_NOXFILE, encoding="utf-8")
        call = SessionCall(session=running.CORE, experiment=None, root=root)
        return running.run_session(call, options=("--envdir", str(root / ".nox")))
    finally:
        remove_tree(scratch)
        registry.environments(cache_folder(os.environ))  # Its environment is gone, and is forgotten with this.
