"""`fumehood explain NAME PACKAGE`: why a package has its version in an experiment, and not core's."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from fumehood.conflicts.requirers import Requirers
from support.answers import PLAIN, answer_of
from support.index import Fault, Index
from support.schemas import mistakes, schema
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

CORES = "experiments/old/requirements.txt:1: transformers<4.51   (@example-owner)"
BECAUSE = (
    "because\n"
    "  Because transformers<=4.50.0 depends on tokenizers<0.22 and you require\n"
    "  tokenizers==0.23.3, we can conclude that your requirements and\n"
    "  transformers<=4.50.0 are incompatible. And because you require\n"
    "  transformers<4.51, we can conclude that your requirements are unsatisfiable.\n"
)


@pytest.fixture
def repository(project: Project) -> Project:
    """An experiment that has to change two of core's pins, one of them by way of a package."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "tokenizers>=0.21\nbeta\n",
            "CODEOWNERS": "/requirements.txt @example-core\n",
            "experiments/old/requirements.txt": "transformers<4.51\nalpha<2\n",
            "experiments/old/experiment.toml": 'owners = ["@example-owner"]\n',
        }
    )
    return project


def answered(project: Project, name: str, package: str, *options: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    answer = json.loads(project.fumehood("explain", name, package, "--json", *options).assert_ok().stdout)
    assert mistakes(answer, schema("explain")) == []
    return answer


def said(project: Project, name: str, package: str, *options: str, code: int = 0) -> str:
    outcome = project.fumehood("explain", name, package, *options).assert_exit(code)
    assert outcome.stderr == ""
    return outcome.stdout


def test_a_changed_pin_is_a_chain_from_a_line_and_what_keeps_cores_out(repository: Project) -> None:
    head = f"tokenizers is 0.21.4 in old, and 0.23.3 in core\n\n  {CORES}\n"
    tail = (
        "     └─ tokenizers 0.21.4\n"
        "\n"
        "core's tokenizers 0.23.3 cannot be used: this line rules it out\n"
        f"  {CORES}\n"
        "\n"
        f"{BECAUSE}"
    )
    before = f"{head}  └─ transformers 4.50.0 requires tokenizers\n{tail}"
    assert said(repository, "old", "tokenizers") == before
    # A layer on this machine has the metadata, and with it the words.
    repository.fumehood("env", "build").assert_ok()
    after = f"{head}  └─ transformers 4.50.0 requires tokenizers<0.22\n{tail}"
    assert said(repository, "experiments/old", "Tokenizers") == after
    offline = said(repository, "old", "tokenizers", "--offline")
    assert offline == f"{after}\nfound in uv's cache alone, which may lack what would let core's pin be used\n"
    line = {
        "file": "experiments/old/requirements.txt",
        "line": 1,
        "requirement": "transformers<4.51",
        "owners": ["@example-owner"],
    }
    answer = answered(repository, "old", "tokenizers")
    assert answer.pop("reason").startswith("Because transformers<=4.50.0 depends on tokenizers<0.22")
    assert answer == {
        "schema": 1,
        "experiment": "old",
        "status": "ok",
        "lines": [line],
        "smallest": True,
        "remedies": [],
        "pin": {"name": "tokenizers", "before": "0.23.3", "after": "0.21.4"},
        "chain": [
            {"package": "old", **line},
            {"package": "transformers 4.50.0", "requirement": "tokenizers<0.22"},
        ],
    }


def test_what_keeps_cores_pin_out_need_not_be_the_line_that_asks(repository: Project) -> None:
    assert said(repository, "old", "beta") == (
        "beta is 1.0 in old, and 2.0 in core\n"
        "\n"
        "  requirements.txt:2: beta   (@example-core)\n"
        "  └─ beta 1.0\n"
        "\n"
        "core's beta 2.0 cannot be used: this line rules it out\n"
        "  experiments/old/requirements.txt:2: alpha<2   (@example-owner)\n"
        "\n"
        "because\n"
        "  Because beta>=2.0 depends on alpha>=2 and you require alpha<2, we can conclude\n"
        "  that your requirements and beta>=2.0 are incompatible. And because you require\n"
        "  beta==2.0, we can conclude that your requirements are unsatisfiable.\n"
    )
    assert answered(repository, "old", "beta")["chain"] == [
        {
            "package": "core",
            "file": "requirements.txt",
            "line": 2,
            "requirement": "beta",
            "owners": ["@example-core"],
        }
    ]


def test_pins_that_are_cores_or_the_experiments_alone_have_a_chain_and_no_conflict(repository: Project) -> None:
    repository.write({"experiments/plain/requirements.txt": "alpha>=1\n"})
    assert said(repository, "plain", "alpha") == (
        "alpha is 2.0 in plain, as in core\n"
        "\n"
        "  requirements.txt:2: beta   (@example-core)\n"
        "  └─ beta 2.0 requires alpha\n"
        "     └─ alpha 2.0\n"
    )
    assert said(repository, "old", "transformers") == (
        f"transformers is 4.50.0 in old; core does not have it\n\n  {CORES}\n  └─ transformers 4.50.0\n"
    )
    assert said(repository, "core", "alpha") == (
        "alpha is 2.0 in core\n"
        "\n"
        "  requirements.txt:2: beta   (@example-core)\n"
        "  └─ beta 2.0 requires alpha\n"
        "     └─ alpha 2.0\n"
    )
    assert answered(repository, "old", "transformers")["pin"] == {
        "name": "transformers",
        "before": "",
        "after": "4.50.0",
    }


def test_a_package_that_is_not_there_gets_near_matches(repository: Project) -> None:
    outcome = repository.fumehood("explain", "old", "tokeniser").assert_exit(2)
    assert outcome.stderr == (
        "neither core nor experiments/old has a package 'tokeniser'\n  → did you mean tokenizers?\n"
    )
    outcome = repository.fumehood("explain", "core", "transformers").assert_exit(2)
    assert outcome.stderr == "core does not have a package 'transformers'\n  → it has alpha, beta, tokenizers\n"
    repository.write({"requirements.txt": ""})
    outcome = repository.fumehood("explain", "core", "alpha").assert_exit(2)
    assert outcome.stderr == "core does not have a package 'alpha'\n  → it has no packages\n"


def test_of_many_packages_it_is_said_only_how_many_there_are(project: Project, own: Path) -> None:
    parts = [f"part-{number}" for number in range(21)]
    build_all([Wheel(name=name, version="1.0") for name in parts], own)
    project.write({"requirements.txt": "".join(f"{name}\n" for name in parts)})
    outcome = project.fumehood("explain", "core", "torch").assert_exit(2)
    assert outcome.stderr == (
        "core does not have a package 'torch'\n  → it has 21 others, and none is called nearly so\n"
    )


def test_where_nothing_can_be_installed_the_conflict_is_explained(repository: Project) -> None:
    repository.write({"experiments/old/requirements.txt": "tokenizers<0.21\n"})
    outcome = repository.fumehood("explain", "old", "tokenizers").assert_exit(1)
    assert outcome.stdout.startswith("old cannot be installed on core: these 2 lines cannot hold together")


def test_without_time_or_network_it_says_what_is_missing(
    repository: Project, private_uv_cache: Path, faulty_index: Index
) -> None:
    assert said(repository, "old", "tokenizers", "--offline", code=3).startswith(
        "old: not decided: core is not decided: uv's cache alone does not tell\n    | error: "
    )
    offline = repository.fumehood("explain", "old", "tokenizers", "--offline", "--json").assert_exit(3)
    answer = answer_of(offline, "explain")
    assert (answer["status"], answer["lines"]) == ("undecided", [])
    assert private_uv_cache.exists()
    repository.fumehood("lock").assert_ok()
    assert said(repository, "old", "tokenizers", "--budget", "0", code=3) == (
        "tokenizers is 0.21.4 in old, and 0.23.3 in core\n"
        "\n"
        "not decided what keeps core's pin out: the time was used up\n"
    )
    faulty_index.misbehave("tokenizers", Fault.STATUS_500)
    shutil.rmtree(private_uv_cache)
    head = "tokenizers is 0.21.4 in old, and 0.23.3 in core\n\nnot decided what keeps core's pin out: "
    said_then = said(repository, "old", "tokenizers", code=3)
    assert said_then.startswith(f"{head}uv could not finish\n  | error: Failed to fetch: ")
    assert said_then.endswith(
        "\n  → see uv's message above; the network, the registry or a package's own build\n  may have failed\n"
    )
    answer = answer_of(repository.fumehood("explain", "old", "tokenizers", "--json").assert_exit(3), "explain")
    assert (answer["status"], answer["lines"]) == ("undecided", [])
    assert answer["reason"].startswith("not decided what keeps core's pin out: uv could not finish\n  | error: ")
    # Refused, uv believes that there is no such package and finds no solution, which rules out nobody's line.
    faulty_index.heal()
    faulty_index.misbehave("transformers", Fault.STATUS_403, on="page")
    shutil.rmtree(private_uv_cache)
    said_then = said(repository, "old", "tokenizers", code=3)
    assert said_then.startswith(
        f"{head}experiments/old/requirements.txt:1: a\nregistry in use refuses to say what it has of transformers\n"
    )
    assert said_then.endswith(
        "\n  → check the registry's address, the credentials for it, and what a proxy on\n  the way to it allows\n"
    )


def test_a_package_that_an_experiment_does_without_names_who_required_it(project: Project, own: Path) -> None:
    helper = Wheel(name="helper", version="1.0")
    apps = (Wheel(name="app", version="1.0"), Wheel(name="app", version="2.0", requires=("helper",)))
    build_all((helper, *apps), own)
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "app\n", "experiments/old/requirements.txt": "app<2\n"})
    assert said(project, "old", "helper") == (
        "helper 1.0 is core's, and old does without it\n"
        "\n"
        "  requirements.txt:1: app   (nobody)\n"
        "  └─ app 2.0 requires helper\n"
        "     └─ helper 1.0\n"
        "\n"
        "because\n"
        "  nothing here requires it; in core it is required by app 2.0, which is 1.0 here\n"
    )
    assert answered(project, "old", "helper")["pin"] == {"name": "helper", "before": "1.0", "after": ""}


def test_a_reason_that_is_gone_is_said_to_be_gone(project: Project, own: Path) -> None:
    bases = (Wheel(name="base", version="1.0"), Wheel(name="base", version="2.0"))
    build_all((*bases, Wheel(name="plug", version="1.0", requires=("base<2",))), own)
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "base\n", "experiments/a/requirements.txt": "plug\n"})
    project.fumehood("lock").assert_ok()
    build_all((Wheel(name="plug", version="1.1", requires=("base",)),), own)
    chain = (
        "base is 1.0 in a, and 2.0 in core\n"
        "\n"
        "  experiments/a/requirements.txt:1: plug   (nobody)\n"
        "  └─ plug 1.0 requires base\n"
        "     └─ base 1.0\n"
        "\n"
    )
    assert said(project, "a", "base") == (
        f"{chain}nothing keeps core's pin out any more: `fumehood lock --upgrade-package plug`\nmay take it\n"
    )
    project.fumehood("lock", "--upgrade-package", "plug").assert_ok()
    assert said(project, "a", "base").startswith("base is 2.0 in a, as in core\n")


def test_a_version_that_the_registry_has_no_more_is_no_conflict_of_lines(project: Project, own: Path) -> None:
    wheels = (Wheel(name="base", version="1.0"), Wheel(name="base", version="2.0"))
    made = build_all((*wheels, Wheel(name="plug", version="1.0", requires=("base<2",))), own)
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "base\n", "experiments/a/requirements.txt": "plug\n"})
    project.fumehood("lock").assert_ok()
    made[1].unlink()
    answer = answered(project, "a", "base")
    assert answer["lines"] == []
    assert said(project, "a", "base").endswith("\n\ncore's base 2.0 cannot be had any more\n")


def test_the_shortest_way_is_found_and_circles_do_not_matter() -> None:
    graph = Requirers(
        versions={"a": "1", "b": "2"},
        by={"d": frozenset({"c", "b"}), "c": frozenset({"b", "d"}), "b": frozenset({"a", "c"}), "a": frozenset()},
        metadata={"a": ("1", ("B[x]>=2 ; python_version >= '3'", "c ; extra == 'y'", "???"))},
    )
    assert graph.way("a", "d") == ("a", "b", "d")
    assert graph.way("d", "d") == ("d",)
    assert graph.way("x", "d") == ()
    assert graph.asks("a", "b") == "b[x]>=2"
    assert graph.asks("a", "c") == "c"
    assert graph.asks("b", "d") == "d"


def test_where_core_cannot_be_installed_its_conflict_is_explained_instead(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha>=2\ngamma\n"})
    for name in ("core", "old"):
        outcome = repository.fumehood("explain", name, "alpha").assert_exit(1)
        assert "cannot hold together" in outcome.stdout
        assert outcome.stderr == ""
