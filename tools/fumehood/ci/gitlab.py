"""GitLab: the child pipeline with a job for each row, and the file that starts it.

Sources: GitLab's "CI/CD YAML syntax reference", "Downstream pipelines" (dynamic child pipelines), "Unit test reports".
JSON is YAML too (YAML 1.2, 1.3 "Relation to JSON"), and needs no library to be written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.ci import answers
from fumehood.ci.github import python_of
from fumehood.model.runner import WORKFLOWS

if TYPE_CHECKING:
    from fumehood.ci.matrix import Matrix, Row
    from fumehood.repository import Repository

PATH = WORKFLOWS["gitlab"]
_RESULTS = "fumehood-results"
_HISTORY = "fumehood-history"
_ROWS = "fumehood-matrix.json"


class Facts(Struct, frozen=True, kw_only=True):
    """What the pipelines say of the repository.

    Attributes:
        image: The container image of the jobs.
        install: The command that installs fumehood and nox.
    """

    image: str
    install: str


def facts(repository: Repository) -> Facts:
    """What the settings say, and what follows from them."""
    ci = repository.settings.ci
    return Facts(image=ci.image or f"python:{python_of(repository)}", install=ci.install)


def child(matrix: Matrix, facts: Facts) -> str:
    """The child pipeline: a job for each row, and the verdict, which is there also when there are no rows."""
    pipeline: dict[str, Any] = {
        "stages": ["experiments", "verdict"],
        "default": {"image": facts.image, "interruptible": True},
        "variables": _variables(),
    }
    for row in matrix.rows:
        pipeline[row.name] = _job(row, facts)
    pipeline["fumehood"] = {
        "stage": "verdict",
        "when": "always",
        "cache": {"key": _HISTORY, "paths": [f"{_HISTORY}/"]},
        "script": [
            f"mkdir -p {_RESULTS} {_HISTORY} && cp -R {_RESULTS}/. {_HISTORY}/",
            facts.install,
            f"cat > {_ROWS} <<'ROWS'\n{answers.github(matrix)}\nROWS",
            f"fumehood ci verdict --rows {_ROWS} {_RESULTS}",
        ],
    }
    return json.dumps(pipeline, indent=2, ensure_ascii=False)


def _variables() -> dict[str, str]:
    return {
        "FUMEHOOD_CACHE": "$CI_PROJECT_DIR/.cache/fumehood",
        "FUMEHOOD_RESULTS": _RESULTS,
        "UV_CACHE_DIR": "$CI_PROJECT_DIR/.cache/uv",
    }


def _job(row: Row, facts: Facts) -> dict[str, Any]:
    job: dict[str, Any] = {
        "stage": "experiments",
        "script": [facts.install, row.command],
        "timeout": f"{row.timeout} minutes",
        "allow_failure": row.advisory,
        "cache": {"key": f"fumehood-{row.cache}", "paths": [".cache/"]},
        "artifacts": {
            "when": "always",
            "paths": [f"{_RESULTS}/"],
            "reports": {"junit": f"{_RESULTS}/*.xml"},
        },
    }
    if row.runner:
        job["tags"] = list(row.runner)
    return job


def parent(facts: Facts) -> str:
    """The file that a repository includes: it selects, and starts the child pipeline."""
    select = (
        'if [ "$CI_PIPELINE_SOURCE" = schedule ]; then fumehood matrix --all --lowest --format gitlab; '
        "else fumehood matrix --format gitlab; fi > fumehood-child.yml"
    )
    pipeline: dict[str, Any] = {
        "fumehood-select": {
            "stage": "test",
            "image": facts.image,
            "variables": {"GIT_DEPTH": "0", "FUMEHOOD_RESULTS": _HISTORY},
            "cache": {"key": _HISTORY, "paths": [f"{_HISTORY}/"], "policy": "pull"},
            "script": [facts.install, "fumehood ci check gitlab", select],
            "artifacts": {"paths": ["fumehood-child.yml"]},
            "interruptible": True,
        },
        "fumehood-experiments": {
            "stage": "test",
            "needs": ["fumehood-select"],
            "trigger": {
                "include": [{"artifact": "fumehood-child.yml", "job": "fumehood-select"}],
                "strategy": "depend",
            },
        },
    }
    head = (
        "# Written by `fumehood ci write gitlab`, and kept so by `fumehood ci check`: change the settings, not this.\n"
    )
    return f"{head}{json.dumps(pipeline, indent=2, ensure_ascii=False)}\n"
