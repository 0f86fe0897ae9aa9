"""The machine answers of real commands, against the schemas that fumehood ships."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.schemas import check_schema, mistakes, schema

if TYPE_CHECKING:
    from support.project import Project

NAMES = (
    "affected",
    "baseline",
    "blockers",
    "check",
    "ci-verdict",
    "env-build",
    "env-list",
    "env-verify",
    "explain",
    "list",
    "lock",
    "matrix",
    "pairs",
    "release-gate",
    "result",
    "reuse",
    "status",
    "whatif",
)

LINE = {"file": "requirements.txt", "line": 3, "requirement": "tokenizers>=0.22", "owners": ["@example-owner"]}
OWN = {"file": "experiments/a/requirements.txt", "line": 1, "requirement": "transformers==4.50.0", "owners": []}
HEADROOM = {"allows": "2.9.0", "blocks": True, "lines": [LINE], "owners": [], "reason": ""}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "explain",
        {
            "schema": 1,
            "experiment": "a",
            "status": "conflict",
            "lines": [LINE, OWN],
            "smallest": True,
            "reason": "Because transformers==4.50.0 depends on tokenizers>=0.21,<0.22 and …",
            "remedies": [
                {
                    "file": "experiments/a/requirements.txt",
                    "line": 1,
                    "before": "transformers==4.50.0",
                    "after": "transformers>=4.50.0",
                    "pins": [{"name": "transformers", "version": "4.57.1"}],
                },
                {
                    "file": "requirements.txt",
                    "line": 3,
                    "before": "tokenizers>=0.22",
                    "after": "tokenizers>=0.21",
                    "pins": [{"name": "tokenizers", "version": "0.21.4"}],
                    "others": [{"name": "b", "outcome": "relocks"}],
                },
            ],
        },
    ),
    (
        "explain",
        {
            "schema": 1,
            "experiment": "a",
            "status": "ok",
            "lines": [],
            "reason": "",
            "remedies": [],
            "chain": [
                {"package": "a", "requirement": "transformers==4.50.0", "file": "x/requirements.txt", "line": 1},
                {"package": "transformers 4.50.0", "requirement": "tokenizers<0.22,>=0.21"},
            ],
        },
    ),
    (
        "whatif",
        {
            "schema": 1,
            "core": {
                "outcome": "relocks",
                "pins": [{"name": "torch", "before": "2.15.0", "after": "2.16.1"}],
                "lines": [],
                "reason": "",
                "already": False,
            },
            "experiments": [
                {
                    "name": "a",
                    "outcome": "conflict",
                    "pins": [],
                    "lines": [LINE, OWN],
                    "owners": [],
                    "reason": "…",
                    "already": True,
                }
            ],
        },
    ),
    (
        "blockers",
        {
            "schema": 1,
            "packages": [
                {
                    "name": "torch",
                    "current": "2.15.0",
                    "newest": "2.16.1",
                    "to": None,
                    "core": HEADROOM,
                    "experiments": [{"name": "a", **HEADROOM}],
                }
            ],
        },
    ),
    (
        "pairs",
        {
            "schema": 1,
            "experiments": ["a", "b"],
            "pairs": [{"first": "a", "second": "b", "outcome": "fits", "reason": ""}],
            "groups": [["a", "b"]],
        },
    ),
]


def test_there_is_a_schema_for_each_machine_answer() -> None:
    shipped = [entry.name for entry in (files("fumehood") / "schemas").iterdir() if entry.name.endswith(".json")]
    assert sorted(shipped) == [f"{name}.schema.json" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_names_itself_and_admits_no_field_that_it_does_not_describe(name: str) -> None:
    loaded = schema(name)
    check_schema(loaded)
    assert loaded["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert loaded["$id"] == f"urn:fumehood:schema:1:{name}"
    assert loaded["additionalProperties"] is False
    assert loaded["properties"]["schema"]["const"] == 1


@pytest.mark.parametrize(("name", "answer"), EXAMPLES)
def test_answers_of_the_documented_shape_are_admitted_and_others_are_not(name: str, answer: dict[str, Any]) -> None:
    assert mistakes(answer, schema(name)) == []
    assert mistakes({**answer, "surprise": 1}, schema(name)) == [
        "$: Additional properties are not allowed ('surprise' was unexpected)"
    ]
    assert mistakes({**answer, "schema": 2}, schema(name)) == ["$.schema: 1 was expected"]


def said(project: Project, *command: str, code: int = 0) -> Any:  # noqa: ANN401 - whatever JSON can hold
    return json.loads(project.fumehood(*command, "--json").assert_exit(code).stdout)


@pytest.fixture
def lab(project: Project) -> Project:
    """Three experiments: one adds to core, one changes its pin, and one has a flat environment."""
    project.write(
        {
            "requirements.txt": "alpha\nwithplugin\n",
            "experiments/one/requirements.txt": "beta\n",
            "experiments/one/experiment.toml": 'summary = "The first"\nowners = ["@example-owner"]\n',
            "experiments/one/test_one.py": "def test_one(): ...\n",
            "experiments/two/requirements.txt": "alpha<2\n",
            "experiments/flat/requirements.txt": "delta-lib\n",
            "experiments/flat/experiment.toml": 'layout = "flat"\n',
        }
    )
    return project


def test_list_answers_as_its_schema_says(lab: Project) -> None:
    answer = said(lab, "list")
    assert mistakes(answer, schema("list")) == []
    assert [experiment["name"] for experiment in answer["experiments"]] == ["flat", "one", "two"]


def test_lock_answers_as_its_schema_says_whatever_becomes_of_the_locks(lab: Project) -> None:
    written = said(lab, "lock")
    assert mistakes(written, schema("lock")) == []
    assert [lock["changes"] for lock in written["locks"] if lock["name"] == "experiments/two"] == [
        [{"name": "alpha", "before": "2.0", "after": "1.1"}]
    ]
    lab.write({"experiments/one/requirements.txt": "beta<2\n"})
    stale = said(lab, "lock", "--check", code=1)
    assert mistakes(stale, schema("lock")) == []
    assert [lock["name"] for lock in stale["stale"]] == ["experiments/one"]
    lab.write({"experiments/one/requirements.txt": "no-such-package\n"})
    failed = said(lab, "lock", code=3)
    assert mistakes(failed, schema("lock")) == []
    assert [lock["name"] for lock in failed["failed"]] == ["experiments/one"]


def test_the_answers_about_environments_are_as_their_schemas_say(lab: Project) -> None:
    built = said(lab, "env", "build")
    assert mistakes(built, schema("env-build")) == []
    assert [(one["session"], one["action"], one["layout"]) for one in built["environments"]] == [
        ("exp-flat", "built", "flat"),
        ("exp-one", "built", "stacked"),
        ("exp-two", "built", "stacked"),
    ]
    assert mistakes(said(lab, "env", "build"), schema("env-build")) == []
    listed = said(lab, "env", "list")
    assert mistakes(listed, schema("env-list")) == []
    assert len(listed["environments"]) == len(built["environments"])
    sound = said(lab, "env", "verify")
    assert mistakes(sound, schema("env-verify")) == []
    (file, *_) = [path for layer in listed["layers"] for path in Path(layer["path"]).rglob("beta*/METADATA")]
    file.parent.chmod(0o755)
    file.unlink()
    damaged = said(lab, "env", "verify", code=1)
    assert mistakes(damaged, schema("env-verify")) == []
    assert [(one["distribution"], one["problem"]) for one in damaged["damages"]] == [("beta", "is missing")]
