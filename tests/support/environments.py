"""Repositories with environments to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.project import Project

BARE = {"pyproject.toml": "[tool.fumehood]\ntest-requirements = []\n"}
"""Settings of a repository whose experiments get nothing for their tests, not even pytest: that builds faster."""


def write(
    project: Project,
    *,
    core: Sequence[str] = (),
    a: Sequence[str] = (),
    experiments: Mapping[str, Sequence[str]] | None = None,
    bare: bool = True,
) -> None:
    """Write a repository with requirement lines of core and of experiments: of one that is called `a`, or of more."""
    files = {"requirements.txt": lines(core)} if core else {}
    wanted = {"a": a} if experiments is None else experiments
    files |= {f"experiments/{name}/requirements.txt": lines(one) for name, one in wanted.items()}
    project.write({**files, **(BARE if bare else {})})


def lines(requirements: Sequence[str]) -> str:
    """The text of a requirements file."""
    return "".join(f"{line}\n" for line in requirements)


def folder(project: Project, name: str = "a") -> Path:
    """Where an experiment's environment is, or would be."""
    return project.root / ".nox" / f"exp-{name}"


def state(environment: Path) -> dict[str, Any]:
    """What fumehood remembers of an environment."""
    content: dict[str, Any] = json.loads((environment / "fumehood.json").read_bytes())
    return content


def cache(project: Project) -> Path:
    """The cache folder of a project."""
    return Path(project.env["FUMEHOOD_CACHE"])


def layers(project: Project) -> dict[str, Path]:
    """The published layers by the distributions in them, ``alpha,beta``; views by ``view``."""
    found = {}
    for path in sorted((cache(project) / "layers").glob("[!.]*")):
        index = path / "layer.json"
        names = (
            [item["name"] for item in json.loads(index.read_bytes())["distributions"]] if index.exists() else ["view"]
        )
        found[",".join(sorted(names))] = path
    return found


def leftovers(project: Project) -> list[Path]:
    """What could be taken for whole and is not: private places of builds, and environments set aside."""
    return [*(cache(project) / "layers").glob(".*"), *(project.root / ".nox").glob(".*.previous*")]
