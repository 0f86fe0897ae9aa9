"""`fumehood check`: from locks, from lines, and only then from uv; in every format."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from support.answers import PLAIN
from support.project import VERSIONS
from support.schemas import mistakes, sarif_schema, schema

if TYPE_CHECKING:
    from support.project import Outcome, Project


@pytest.fixture
def repository(project: Project) -> Project:
    """A static conflict, a resolved one, and an experiment that fits."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "# what everybody needs\ntorch>=2.7\ntokenizers>=0.22\n",
            "experiments/fits/requirements.txt": "transformers\n",
            "experiments/resolved/requirements.txt": "delta-lib\ntransformers==4.50.0\n",
            "experiments/static/requirements.txt": "torch<2.6\n",
        }
    )
    return project


def without_uv(project: Project, *arguments: str) -> Outcome:
    """Run the command line where starting any program is a mistake."""
    guard = (
        "import sys\n"
        "def hear(event, arguments):\n"
        "    if event == 'subprocess.Popen':\n"
        "        raise SystemExit(f'a program was started: {arguments}')\n"
        "sys.addaudithook(hear)\n"
        "from fumehood.cli import main\n"
        f"sys.argv = ['fumehood', *{list(arguments)!r}]\n"
        "main()\n"
    )
    return project.run(sys.executable, "-c", guard)


def test_conflicts_are_said_with_their_lines(repository: Project) -> None:
    outcome = repository.fumehood(*VERSIONS).assert_exit(1)
    assert outcome.stdout == (
        "resolved\n"
        "  experiments/resolved/requirements.txt:2: error [conflict/resolved]\n"
        "    experiments/resolved: the requirements cannot hold together\n"
        "      Because transformers<=4.50.0 depends on tokenizers<0.22 and you require\n"
        "        tokenizers>=0.22, we can conclude that your requirements and\n"
        "        transformers<=4.50.0 are incompatible. And because you require\n"
        "        transformers==4.50.0, we can conclude that your requirements are\n"
        "        unsatisfiable.\n"
        "    → `fumehood explain resolved` finds the lines, and what would mend it\n"
        "\n"
        "static\n"
        "  experiments/static/requirements.txt:1: error [conflict/static]\n"
        "    no version of torch satisfies these 2 lines together\n"
        "      requirements.txt:2: torch>=2.7\n"
        "      experiments/static/requirements.txt:1: torch<2.6\n"
        "    → change one of these lines so that their versions overlap\n"
        "\n"
        "3 experiments checked: 1 fits, 2 in conflict\n"
    )
    assert outcome.stderr == ""
    assert repository.fumehood(*VERSIONS, "fits").assert_ok().stdout == "1 experiment checked: it fits\n"
    unknown = repository.fumehood(*VERSIONS, "fit").assert_exit(2)
    assert unknown.stderr == "there is no experiment 'fit'\n  → did you mean fits?\n"


def test_every_format_says_the_same_findings(repository: Project) -> None:
    answer = json.loads(repository.fumehood(*VERSIONS, "--format", "json").assert_exit(1).stdout)
    assert mistakes(answer, schema("check")) == []
    places = [(one["experiment"], one["rule"], one["file"], one["line"]) for one in answer["findings"]]
    assert places == [
        ("resolved", "conflict/resolved", "experiments/resolved/requirements.txt", 2),
        ("static", "conflict/static", "experiments/static/requirements.txt", 1),
    ]
    assert answer["undecided"] == []
    sarif = json.loads(repository.fumehood(*VERSIONS, "--format", "sarif").assert_exit(1).stdout)
    assert mistakes(sarif, sarif_schema()) == []
    assert [result["ruleId"] for result in sarif["runs"][0]["results"]] == ["conflict/resolved", "conflict/static"]
    annotations = repository.fumehood(*VERSIONS, "--format", "github").assert_exit(1).stdout.splitlines()
    assert annotations[1] == (
        "::error file=experiments/static/requirements.txt,line=1,title=static%3A conflict/static::"
        "no version of torch satisfies these 2 lines together%0Arequirements.txt:2: torch>=2.7%0A"
        "experiments/static/requirements.txt:1: torch<2.6%0A"
        "→ change one of these lines so that their versions overlap"
    )


def test_lines_of_core_that_clash_are_cores_finding(repository: Project) -> None:
    repository.write({"requirements.txt": "torch>=2.7\ntorch<2.6\n"})
    assert repository.fumehood(*VERSIONS, "fits").assert_exit(1).stdout == (
        "core\n"
        "  requirements.txt:2: error [conflict/static]\n"
        "    no version of torch satisfies these 2 lines together\n"
        "      requirements.txt:1: torch>=2.7\n"
        "      requirements.txt:2: torch<2.6\n"
        "    → change one of these lines so that their versions overlap\n"
        "\n"
        "fits\n"
        "  not decided: core's own requirements have to hold together first\n"
        "\n"
        "1 experiment checked: 1 not decided; core in conflict\n"
    )
    repository.write({"requirements.txt": "gamma\nalpha>=2\n"})
    outcome = repository.fumehood(*VERSIONS, "fits").assert_exit(1)
    assert outcome.stdout.startswith(
        "core\n  requirements.txt:2: error [conflict/resolved]\n    core: the requirements"
    )
    assert "    → `fumehood explain core` finds the lines, and what would mend it\n" in outcome.stdout


def test_current_locks_are_believed_without_starting_any_program(repository: Project) -> None:
    repository.fumehood("lock", "fits").assert_ok()
    for offline in ([], ["--offline"]):
        outcome = without_uv(repository, *VERSIONS, "fits", *offline).assert_ok()
        assert (outcome.stdout, outcome.stderr) == ("1 experiment checked: it fits\n", "")
    stopped = without_uv(repository, *VERSIONS, "resolved").assert_exit(1)
    assert stopped.stderr.startswith(f"a program was started: ('{find_uv_bin()}'")


def test_offline_neither_uv_nor_a_guess_decides(repository: Project) -> None:
    outcome = without_uv(repository, *VERSIONS, "--offline").assert_exit(1)
    assert outcome.stdout == (
        "core\n"
        "  not decided: its lock is missing or not current, so only resolving could tell\n"
        "\n"
        "fits, resolved\n"
        "  not decided: core's lock is missing or not current, so only resolving could\n"
        "    tell\n"
        "\n"
        "static\n"
        "  experiments/static/requirements.txt:1: error [conflict/static]\n"
        "    no version of torch satisfies these 2 lines together\n"
        "      requirements.txt:2: torch>=2.7\n"
        "      experiments/static/requirements.txt:1: torch<2.6\n"
        "    → change one of these lines so that their versions overlap\n"
        "\n"
        "3 experiments checked: 1 in conflict, 2 not decided; core not decided\n"
    )
    repository.fumehood(*VERSIONS, "fits", "resolved").assert_exit(1)
    assert without_uv(repository, *VERSIONS, "fits", "--offline").stdout == "1 experiment checked: it fits\n"
    left = without_uv(repository, *VERSIONS, "resolved", "--offline").assert_exit(3)
    assert left.stdout == (
        "resolved\n"
        "  not decided: its lock is missing or not current, so only resolving could tell\n"
        "\n"
        "1 experiment checked: 1 not decided\n"
    )


def test_a_stale_lock_is_a_finding_with_the_line_that_it_breaks(repository: Project) -> None:
    repository.fumehood("lock", "fits").assert_ok()
    repository.write({"requirements.txt": "torch>=2.7\ntokenizers<0.23\n"})
    repository.write({"experiments/fits/requirements.txt": "transformers<5\nalpha\n"})
    outcome = repository.fumehood(*VERSIONS, "fits").assert_exit(1)
    assert outcome.stdout == (
        "core\n"
        "  requirements.lock: error [lock/stale]\n"
        "    the lock is not current: requirements.txt:2: tokenizers<0.23 does not admit\n"
        "    tokenizers 0.23.3\n"
        "    → run `fumehood lock` and commit what it writes\n"
        "\n"
        "fits\n"
        "  experiments/fits/requirements.lock: error [lock/stale]\n"
        "    the lock is not current: experiments/fits/requirements.txt:1: transformers<5\n"
        "    does not admit transformers 5.0.0\n"
        "    → run `fumehood lock` and commit what it writes\n"
        "  experiments/fits/requirements.lock: error [lock/stale]\n"
        "    the lock is not current: experiments/fits/requirements.txt:2: alpha is not\n"
        "    in the lock\n"
        "    → run `fumehood lock` and commit what it writes\n"
        "\n"
        "1 experiment checked: 1 with findings; core with findings\n"
    )


def test_a_delta_that_a_core_which_has_moved_breaks_is_stale_though_no_line_says_so(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha\n",
            "experiments/holds/requirements.txt": "delta-lib\n",
            "experiments/moves/requirements.txt": "beta\n",
        }
    )
    project.fumehood("lock").assert_ok()
    project.write({"requirements.txt": "alpha<2\n"})
    project.fumehood("lock", "core").assert_ok()
    assert project.fumehood(*VERSIONS).assert_exit(1).stdout == (
        "moves\n"
        "  experiments/moves/requirements.lock: error [lock/stale]\n"
        "    the lock is not current: it is not what core's lock now leads to\n"
        "    → run `fumehood lock` and commit what it writes\n"
        "\n"
        "2 experiments checked: 1 fits, 1 with findings\n"
    )
    project.fumehood("lock").assert_ok()
    assert project.fumehood(*VERSIONS).assert_ok().stdout == "2 experiments checked: all fit\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pairs", "--fix"], "--pairs and --fix ask for different things\n  → give one of them at a time\n"),
        (["--dry-run"], "--dry-run goes with --fix\n  → give both, or neither\n"),
        (["--pairs", "--rule", "lock"], "--rule would have no effect with --pairs\n  → leave it out\n"),
        (
            ["--without-experiments", "--offline", "--notes"],
            "--offline and --notes would have no effect with --without-experiments\n  → leave it out\n",
        ),
        (
            ["--baseline", "write", "--format", "json"],
            "--format would have no effect with --baseline\n  → leave it out\n",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(project: Project, arguments: list[str], message: str) -> None:
    outcome = project.fumehood("check", *arguments).assert_exit(2)
    assert (outcome.stdout, outcome.stderr) == ("", message)
