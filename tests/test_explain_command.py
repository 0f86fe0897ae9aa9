"""`fumehood explain`: the smallest set of lines, whose they are, and remedies that hold when they are tried."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import PLAIN, answer_of
from support.index import Fault, Index
from support.project import VERSIONS
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project


@pytest.fixture
def repository(project: Project) -> Project:
    """Core wants new tokenizers and torch; `old` and `vision` cannot have them; others can."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "CODEOWNERS": "* @core-owner\n/experiments/ @lab\n",
            "requirements.txt": "tokenizers>=0.22\ntorch>=2.7\nalpha==1.1\n",
            "experiments/fits/requirements.txt": "beta\n",
            "experiments/old/requirements.txt": "delta-lib\ntransformers==4.50.0\n",
            "experiments/old/experiment.toml": 'owners = ["@example-owner", "@other-owner"]\n',
            "experiments/vision/requirements.txt": "torchvision==0.20.0\n",
        }
    )
    return project


def explained(project: Project, name: str, *, code: int = 1) -> Any:  # noqa: ANN401 - whatever JSON can hold
    return answer_of(project.fumehood("explain", name, "--json").assert_exit(code), "explain")


def changes(answer: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - whatever JSON can hold
    return [(one["file"], one["before"], one["after"]) for one in answer["remedies"]]


def lines(answer: Any) -> list[str]:  # noqa: ANN401 - whatever JSON can hold
    return [f"{one['file']}:{one['line']}: {one['requirement']}" for one in answer["lines"]]


def test_a_conflict_is_explained_with_lines_owners_reason_and_remedies(repository: Project) -> None:
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stdout == (
        "old cannot be installed on core: these 2 lines cannot hold together, and without\n"
        "any one of them the rest can\n"
        "\n"
        "  requirements.txt:1: tokenizers>=0.22   (@core-owner)\n"
        "  experiments/old/requirements.txt:2: transformers==4.50.0   (@example-owner @other-owner)\n"
        "\n"
        "because\n"
        "  Because transformers<=4.50.0 depends on tokenizers<0.22 and you require\n"
        "  tokenizers>=0.22, we can conclude that your requirements and\n"
        "  transformers<=4.50.0 are incompatible. And because you require\n"
        "  transformers==4.50.0, we can conclude that your requirements are\n"
        "  unsatisfiable.\n"
        "\n"
        "what would mend it (each was resolved)\n"
        "  experiments/old/requirements.txt:2: transformers==4.50.0 →\n"
        "      transformers==4.57.1\n"
        "    gives tokenizers 0.23.3, transformers 4.57.1\n"
        "  requirements.txt:1: tokenizers>=0.22 → tokenizers>=0.21\n"
        "    gives tokenizers 0.21.4, transformers 4.50.0\n"
        "    core's line: it only becomes wider, so every pin of the other experiments\n"
        "      still fits\n"
    )
    assert outcome.stderr == ""
    answer = explained(repository, "old")
    assert answer["status"] == "conflict"
    assert answer["smallest"]
    assert [one["owners"] for one in answer["lines"]] == [["@core-owner"], ["@example-owner", "@other-owner"]]


@pytest.mark.parametrize("name", ["old", "vision"])
def test_every_remedy_holds_when_it_is_made(repository: Project, name: str) -> None:
    found = changes(explained(repository, name))
    assert [file for file, _, _ in found] == [f"experiments/{name}/requirements.txt", "requirements.txt"]
    for file, before, after in found:
        path = repository.root / file
        text = path.read_text()
        path.write_text(text.replace(before, after))
        assert repository.fumehood(*VERSIONS, name).assert_ok().stdout == "1 experiment checked: it fits\n"
        path.write_text(text)


def test_what_fits_is_said_to_fit_and_so_is_core(repository: Project) -> None:
    answer = explained(repository, "fits", code=0)
    assert (answer["status"], answer["lines"], answer["remedies"]) == ("ok", [], [])
    assert repository.fumehood("explain", "fits").assert_ok().stdout == "fits fits on core: 1 resolution, no conflict\n"
    repository.fumehood("explain", "core").assert_ok()
    said = repository.fumehood("explain", "core").assert_ok()
    assert said.stdout == "core's lines hold together: 1 resolution, no conflict\n"
    repository.write({"requirements.txt": "gamma\nalpha>=2\n"})
    said = repository.fumehood("explain", "core").assert_exit(1)
    assert said.stdout.startswith("core cannot be installed: these 2 lines cannot hold together, ")
    assert "\n  requirements.txt:2: alpha>=2 → alpha>=1\n    gives gamma 1.0, alpha 1.1\n" in said.stdout


def test_lines_that_clash_by_themselves_need_no_search(repository: Project) -> None:
    repository.write({"experiments/old/requirements.txt": "torch<2.6\n"})
    answer = explained(repository, "old")
    assert lines(answer) == ["requirements.txt:2: torch>=2.7", "experiments/old/requirements.txt:1: torch<2.6"]
    assert changes(answer) == [
        ("experiments/old/requirements.txt", "torch<2.6", "torch<2.8"),
        ("requirements.txt", "torch>=2.7", "torch>=2.5"),
    ]
    outcome = repository.fumehood("explain", "old", "--budget", "0").assert_exit(1)
    assert outcome.stdout == (
        "old cannot be installed on core: these 2 lines cannot hold together, and without\n"
        "any one of them the rest can\n"
        "\n"
        "  requirements.txt:2: torch>=2.7   (@core-owner)\n"
        "  experiments/old/requirements.txt:1: torch<2.6   (@example-owner @other-owner)\n"
        "\n"
        "because\n"
        "  no version of torch satisfies these 2 lines together\n"
        "\n"
        "the time was used up after 0 resolutions, before any change was seen to mend it\n"
    )
    repository.write({"experiments/old/requirements.txt": "torch<2.6\nalpha>=2\n"})
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stdout.endswith("\n\n1 more such set: `fumehood check` lists it\n")


def test_a_conflict_may_come_through_constraints_extras_and_lines_that_core_is_included_for(
    repository: Project,
) -> None:
    repository.write(
        {
            "experiments/fits/requirements.txt": "transformers\n-c limits.txt\n",
            "experiments/fits/limits.txt": "transformers<4.51\n",
        }
    )
    assert lines(explained(repository, "fits")) == [
        "requirements.txt:1: tokenizers>=0.22",
        "experiments/fits/requirements.txt:1: transformers",
        "experiments/fits/limits.txt:1: transformers<4.51",
    ]
    assert changes(explained(repository, "fits"))[0] == (
        "experiments/fits/limits.txt",
        "transformers<4.51",
        "transformers<4.58",
    )
    repository.write({"experiments/fits/requirements.txt": "extras-demo[fast]\nneeds-old-alpha\n"})
    repository.write({"requirements.txt": "tokenizers>=0.22\n"})
    assert lines(explained(repository, "fits")) == [
        "experiments/fits/requirements.txt:1: extras-demo[fast]",
        "experiments/fits/requirements.txt:2: needs-old-alpha",
    ]
    for include in ("-r", "-c"):
        repository.write({"experiments/fits/requirements.txt": f"{include} ../../requirements.txt\ntransformers<5\n"})
        repository.write({"requirements.txt": "tokenizers==0.21.4\ntransformers>=4.57\n"})
        answer = explained(repository, "fits")
        assert lines(answer) == [
            "requirements.txt:1: tokenizers==0.21.4",
            "requirements.txt:2: transformers>=4.57",
        ]
        assert ("requirements.txt", "transformers>=4.57", "transformers>=4.50") in changes(answer)


def test_a_changed_pin_of_core_says_what_it_does_to_the_others(repository: Project) -> None:
    repository.write(
        {
            "experiments/fits/requirements.txt": "gamma\n",
            "experiments/old/requirements.txt": "beta==2.0\n",
            "experiments/vision/requirements.txt": "delta-lib\n",
        }
    )
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stdout.endswith(
        "  requirements.txt:3: alpha==1.1 → alpha==2.0\n    gives alpha 2.0, beta 2.0\n"
        "    core's line: of 2 experiments: 1 unchanged, 1 in conflict (fits in conflict)\n"
    )
    assert explained(repository, "old")["remedies"][-1]["others"] == [
        {"name": "fits", "outcome": "conflict"},
        {"name": "vision", "outcome": "unchanged"},
    ]
    limited = repository.fumehood("explain", "old", "--budget", "60").assert_exit(1)
    assert limited.stdout.endswith(
        "  requirements.txt:3: alpha==1.1 → alpha==2.0\n    gives alpha 2.0, beta 2.0\n"
        "    core's line: `fumehood whatif 'alpha==2.0'` says what that does to the other\n"
        "      experiments\n"
    )


def test_where_no_change_of_one_line_helps_none_is_named(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha>=2\n", "experiments/old/requirements.txt": "gamma\n"})
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert "  requirements.txt:1: alpha>=2 → alpha>=1\n    gives alpha 1.1, gamma 1.0\n" in outcome.stdout
    repository.write(
        {"requirements.txt": "needs-old-alpha\n", "experiments/old/requirements.txt": "beta==2.0\nbeta>1\n"}
    )
    answer = explained(repository, "old")
    assert lines(answer) == ["requirements.txt:1: needs-old-alpha", "experiments/old/requirements.txt:1: beta==2.0"]
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stdout.endswith("\n\nno change of a single one of these lines was found to mend it\n")


def test_a_line_that_cannot_hold_stands_alone(repository: Project) -> None:
    repository.write({"experiments/old/requirements.txt": "beta\ntransformers==9\n"})
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stdout.startswith(
        "old cannot be installed on core: this line cannot hold\n"
        "\n"
        "  experiments/old/requirements.txt:2: transformers==9   (@example-owner @other-owner)\n"
    )
    assert "  experiments/old/requirements.txt:2: transformers==9 → transformers==5.0.0\n    gives" in outcome.stdout


def test_25_lines_take_12_resolutions_at_most_until_the_set_is_proven(repository: Project, tmp_path: Path) -> None:
    others = [
        "delta-lib",
        "reader",
        "withdata",
        "withpth",
        "withplugin",
        "nsone",
        "nstwo",
        "pkgutil-one",
        "pkgutil-two",
    ]
    many = [f"{name}{bound}" for name in [*others, "legacy-one", "legacy-two"] for bound in ("", ">=0.5")]
    repository.write({"experiments/old/requirements.txt": "\n".join([*many[:21], "transformers==4.50.0", ""])})
    count = tmp_path / "count"
    counting = (
        "import sys\n"
        "def hear(event, arguments):\n"
        "    if event == 'subprocess.Popen' and 'compile' in arguments[1]:\n"
        f"        open({str(count)!r}, 'a').write('x')\n"
        "sys.addaudithook(hear)\n"
        "from fumehood.cli import main\n"
        "sys.argv = ['fumehood', 'explain', 'old', *sys.argv[1:]]\n"
        "main()\n"
    )
    repository.run(sys.executable, "-c", counting).assert_exit(1)
    count.unlink()
    outcome = repository.run(sys.executable, "-c", counting, "--offline").assert_exit(1)
    assert "these 2 lines cannot hold together" in outcome.stdout
    assert count.stat().st_size <= 12


def test_a_small_budget_says_how_far_it_got(repository: Project, private_uv_cache: Path, faulty_index: Index) -> None:
    assert not private_uv_cache.exists()
    outcome = repository.fumehood("explain", "old", "--budget", "0").assert_exit(3)
    assert outcome.stdout == "old: not decided: the time was used up after 0 resolutions\n"
    repository.fumehood("explain", "old").assert_exit(1)
    faulty_index.misbehave("tokenizers", Fault.SLOW)
    answer = json.loads(repository.fumehood("explain", "old", "--budget", "0.5", "--json").stdout)
    assert mistakes(answer, schema("explain")) == []
    assert answer["status"] in {"conflict", "undecided"}


def test_offline_the_cache_tells_as_far_as_it_can(repository: Project, private_uv_cache: Path) -> None:
    assert not private_uv_cache.exists()
    outcome = repository.fumehood("explain", "old", "--offline").assert_exit(3)
    assert outcome.stdout.startswith("old: not decided: uv's cache alone does not tell\n")
    repository.fumehood("explain", "old").assert_exit(1)
    outcome = repository.fumehood("explain", "old", "--offline").assert_exit(1)
    assert outcome.stdout.startswith("old cannot be installed on core: these 2 lines cannot hold together, ")
    assert outcome.stdout.endswith(
        "\n\nfound in uv's cache alone: a version that it lacks may make the lines hold\n  together\n"
    )


def test_an_experiment_that_is_not_there_is_a_mistake_of_the_user(repository: Project) -> None:
    outcome = repository.fumehood("explain", "odl").assert_exit(2)
    assert (outcome.stdout, outcome.stderr) == ("", "there is no experiment 'odl'\n  → did you mean old?\n")


def test_of_two_conflicts_beside_each_other_each_has_its_own_remedies(repository: Project) -> None:
    repository.write({"experiments/old/requirements.txt": "gamma\nalpha>=1.1\nbeta>=2\ntransformers==4.50.0\n"})
    answer = explained(repository, "old")
    assert answer["smallest"]
    assert changes(answer) == [
        ("experiments/old/requirements.txt", "transformers==4.50.0", "transformers==4.57.1"),
        ("requirements.txt", "tokenizers>=0.22", "tokenizers>=0.21"),
    ]
    note = (
        "the other lines cannot be resolved either: what is said to mend it was tried without them, so explain it "
        "once more afterwards"
    )
    assert answer["notes"] == [note]
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stdout.endswith(
        "\n\nthe other lines cannot be resolved either: what is said to mend it was tried\n"
        "  without them, so explain it once more afterwards\n"
    )


def test_a_line_is_relaxed_for_every_environment_that_needs_another_version(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": f'{PLAIN}python = "3.11"\n',
            "requirements.txt": "Alpha>=2\n",
            "experiments/some/requirements.txt": 'alpha<2 ; python_version < "3.12"\n',
        }
    )
    answer = explained(project, "some")
    some = "experiments/some/requirements.txt"
    assert changes(answer) == [
        (some, 'alpha<2 ; python_version < "3.12"', 'alpha<3 ; python_version < "3.12"'),
        ("requirements.txt", "Alpha>=2", "Alpha>=1"),
    ]
    assert answer["remedies"][1]["pins"] == [{"name": "alpha", "version": "1.1 / 2.0"}]


def test_a_version_that_a_line_excludes_is_admitted_before_its_bounds_are_moved(repository: Project) -> None:
    repository.write({"experiments/old/requirements.txt": "transformers<5,!=4.57.1\n"})
    answer = explained(repository, "old")
    assert changes(answer)[0] == ("experiments/old/requirements.txt", "transformers<5,!=4.57.1", "transformers<5")


def test_lines_that_clash_by_themselves_are_not_called_smallest_where_one_fails_alone(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha>=3\n",
            "experiments/some/requirements.txt": "alpha<3\n",
        }
    )
    outcome = project.fumehood("explain", "some").assert_exit(1)
    assert outcome.stdout.startswith(
        "some cannot be installed on core: these 2 lines cannot hold together\n"
        "\n"
        "  requirements.txt:1: alpha>=3   (nobody)\n"
        "  experiments/some/requirements.txt:1: alpha<3   (nobody)\n"
        "\n"
        "not proven smallest: without alpha<3 it could not be resolved either\n"
    )
    assert not explained(project, "some")["smallest"]


def test_a_conflict_is_explained_even_where_core_s_own_lock_cannot_be_made(repository: Project) -> None:
    wrong = "0" * 64
    repository.write({"requirements.txt": f"alpha==1.1 --hash=sha256:{wrong}\n"})
    repository.write({"experiments/old/requirements.txt": "alpha>=2\n"})
    outcome = repository.fumehood("explain", "old").assert_exit(1)
    assert outcome.stderr == ""
    assert (
        "  requirements.txt:1: alpha==1.1 → alpha==2.0\n"
        "    gives alpha 2.0\n"
        "    core's line: `fumehood whatif 'alpha==2.0'` says what that does to the other\n"
        "      experiments\n"
    ) in outcome.stdout


def test_a_file_that_is_not_there_is_not_what_keeps_lines_apart(repository: Project) -> None:
    repository.write({"experiments/old/requirements.txt": "./wheels/alpha-2.0-py3-none-any.whl\n"})
    assert explained(repository, "old")["reason"] == "no version of alpha satisfies these 2 lines together"
