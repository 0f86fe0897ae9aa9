"""Answers for programs, held against their schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from support.project import Outcome

PLAIN = "[tool.fumehood]\ntest-requirements = []\n"
"""Settings of a repository whose experiments get nothing but what they ask for."""


def answer_of(outcome: Outcome, name: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """What a command said with ``--json``, which its schema allows."""
    answer = json.loads(outcome.stdout)
    assert mistakes(answer, schema(name)) == []
    return answer


def outcomes(answer: Any) -> dict[str, str]:  # noqa: ANN401 - whatever JSON can hold
    """What `whatif` says of core and of each experiment."""
    return {"core": answer["core"]["outcome"], **{one["name"]: one["outcome"] for one in answer["experiments"]}}
