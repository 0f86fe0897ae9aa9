"""A matrix as text for the three that read it: GitHub, GitLab, and whoever takes plain JSON; and read again."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from msgspec import convert
from msgspec.structs import asdict

from fumehood.ci.matrix import Matrix, Row
from fumehood.errors import ConfigurationError, Place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
USUAL_GITHUB_RUNNER = "ubuntu-latest"
NO_ROWS = '{"include": []}'
"""What GitHub gets for a matrix without rows, in one spelling, so that a workflow can ask for it."""


def github(matrix: Matrix) -> str:
    """For ``fromJSON`` in ``strategy.matrix``, on one line, as a step's output has to be."""
    rows = [_fields(row, USUAL_GITHUB_RUNNER) for row in matrix.rows]
    return json.dumps({"include": rows}, ensure_ascii=False)


def plain(matrix: Matrix) -> str:
    """For programs: the rows, and what was left out."""
    answer = {
        "schema": SCHEMA,
        "include": [_fields(row, "") for row in matrix.rows],
        "left_out": [asdict(one) for one in matrix.left_out],
    }
    return json.dumps(answer, indent=2, ensure_ascii=False)


def _fields(row: Row, usual: str) -> dict[str, Any]:
    label = list(row.runner) if len(row.runner) > 1 else (*row.runner, usual)[0]
    return {**asdict(row), "owners": list(row.owners), "runner": label}


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a matrix that was written before, for GitHub or plain.

    Raises:
        ConfigurationError: The file is missing or something else, so that nothing is known of what should have run.
    """
    try:
        return tuple(map(_row, json.loads(path.read_text(encoding="utf-8"))["include"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no answer of `fumehood matrix`"
        raise ConfigurationError(
            f"the rows cannot be read: {reason}",
            place=Place(str(path)),
            remedy="see why `fumehood matrix` did not write it; without it nothing is known of what should have run",
        ) from error


def _row(data: Mapping[str, Any]) -> Row:
    label = data["runner"]
    row = convert({**data, "runner": label if isinstance(label, list) else list(filter(None, [label]))}, Row)
    shlex.split(row.session)  # Where that cannot be done, nothing is known of what should have run.
    return row
