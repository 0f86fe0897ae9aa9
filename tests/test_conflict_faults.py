"""What keeps a check or an explanation from deciding: never called a conflict, and never called right."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from support.answers import PLAIN, answer_of
from support.index import Fault, Index
from support.project import VERSIONS
from support.wheels import Sdist, Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.index import Kind
    from support.project import Outcome, Project

IMPATIENT = {"UV_HTTP_TIMEOUT": "1"}


@pytest.fixture
def repository(project: Project, private_uv_cache: Path) -> Project:
    """One experiment that needs transformers, and through it tokenizers; one that does not."""
    assert not private_uv_cache.exists()
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha\n",
            "experiments/bad/requirements.txt": "transformers==5.0.0\n",
            "experiments/good/requirements.txt": "delta-lib\n",
        }
    )
    return project


def undecided(outcome: Outcome) -> dict[str, str]:
    """What a check in JSON did not decide, and why; everything else of the answer is empty."""
    answer = answer_of(outcome, "check")
    assert answer["findings"] == []
    assert outcome.stderr == ""
    return {one["experiment"]: one["reason"] for one in answer["undecided"]}


@pytest.mark.parametrize(
    ("fault", "on"),
    [
        (Fault.STATUS_500, "page"),
        (Fault.HANG, "page"),
        (Fault.TRUNCATED, "page"),
        (Fault.GARBAGE, "page"),
        (Fault.GARBAGE, "metadata"),
        (Fault.VANISHED, "page"),
    ],
)
def test_a_failing_registry_leaves_open_what_needs_it(
    repository: Project, faulty_index: Index, fault: Fault, on: Kind
) -> None:
    faulty_index.misbehave("tokenizers", fault, on=on)
    found = undecided(repository.fumehood(*VERSIONS, "--format", "json", env=IMPATIENT).assert_exit(3))
    assert list(found) == ["bad"]
    assert found["bad"].startswith("uv could not finish\n  | error: ")
    said = repository.fumehood("explain", "bad", env=IMPATIENT).assert_exit(3)
    assert said.stdout.startswith("bad: not decided: uv could not finish\n    | error: ")
    assert said.stderr == ""
    tried = json.loads(repository.fumehood("whatif", "beta", "--format", "json", env=IMPATIENT).assert_exit(3).stdout)
    assert [(one["name"], one["outcome"]) for one in tried["experiments"]] == [
        ("bad", "undecided"),
        ("good", "unchanged"),
    ]
    faulty_index.heal()
    repository.fumehood(*VERSIONS).assert_ok()


def test_a_page_in_the_place_of_a_registry_s_is_no_conflict_even_where_uv_may_keep_it(
    repository: Project, faulty_index: Index
) -> None:
    faulty_index.misbehave("tokenizers", Fault.KEPT_GARBAGE, on="page")
    found = undecided(repository.fumehood(*VERSIONS, "--format", "json").assert_exit(3))
    first, *_, last = found["bad"].splitlines()
    assert (list(found), first) == (["bad"], "a registry has no version of what a package requires")
    assert (
        last
        == "  → see whether something before the registry has answered in its place; then `uv cache clean` the package"
    )
    assert repository.fumehood("explain", "bad").assert_exit(3).stdout.startswith(f"bad: not decided: {first}\n")
    faulty_index.heal()
    repository.run(find_uv_bin(), "cache", "clean", "tokenizers").assert_ok()
    repository.fumehood(*VERSIONS).assert_ok()


def test_a_conflict_stays_one_beside_a_package_that_cannot_be_had(repository: Project, faulty_index: Index) -> None:
    repository.write({"experiments/bad/requirements.txt": "transformers==5.0.0\ngamma\nalpha>=2\n"})
    faulty_index.misbehave("tokenizers", Fault.KEPT_GARBAGE, on="page")
    answer = answer_of(repository.fumehood(*VERSIONS, "--format", "json").assert_exit(1), "check")
    assert [(one["experiment"], one["rule"]) for one in answer["findings"]] == [("bad", "conflict/resolved")]


def test_a_registry_that_is_down_leaves_core_open_and_the_experiments_with_it(repository: Project) -> None:
    outcome = repository.fumehood(*VERSIONS, env={"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}).assert_exit(3)
    first, *others = outcome.stdout.split("\n\n")
    assert first.startswith("core\n  not decided: uv could not finish\n")
    assert others == [
        "bad, good\n  not decided: core's own requirements have to hold together first",
        "2 experiments checked: 2 not decided; core not decided\n",
    ]


def test_a_mixture_lists_both_and_the_finding_decides_how_it_ends(repository: Project, faulty_index: Index) -> None:
    repository.write({"experiments/clash/requirements.txt": "gamma\nalpha>=2\n"})
    faulty_index.misbehave("tokenizers", Fault.STATUS_500)
    outcome = repository.fumehood(*VERSIONS, env=IMPATIENT).assert_exit(1)
    bad, clash, last = outcome.stdout.split("\n\n")
    assert bad.startswith("bad\n  not decided: ")
    assert clash.startswith("clash\n  experiments/clash/requirements.txt:2: error [conflict/resolved]\n")
    assert last == "3 experiments checked: 1 fits, 1 in conflict, 1 not decided\n"


def test_sources_out_of_reach_and_builds_that_fail_are_no_conflicts(repository: Project) -> None:
    address = "git+file:///nowhere-at-all.git"
    repository.write(
        {
            "experiments/bad/requirements.txt": f"beta\nthing @ {address}\n",
            "experiments/broken/requirements.txt": "broken-metadata\n",
        }
    )
    found = undecided(repository.fumehood(*VERSIONS, "--format", "json").assert_exit(3))
    assert sorted(found) == ["bad", "broken"]
    assert found["bad"].startswith(f"experiments/bad/requirements.txt:2: thing @ {address} cannot be had\n")
    assert found["broken"].startswith(("uv could not finish\n", "experiments/broken/requirements.txt:1: "))
    said = repository.fumehood("explain", "bad").assert_exit(3).stdout
    assert said == (
        "bad: not decided: experiments/bad/requirements.txt:2: thing @\n"
        "  git+file:///nowhere-at-all.git cannot be had\n"
        "    | fatal: '/nowhere-at-all.git' does not appear to be a git repository\n"
        "    | fatal: Could not read from remote repository.\n"
        "    | Please make sure you have the correct access rights\n"
        "    | and the repository exists.\n"
        "    → make the address reachable from here, or remove the line\n"
    )


def test_wrong_files_leave_their_experiment_open_and_no_other(repository: Project) -> None:
    repository.write(
        {
            "experiments/binary/requirements.txt": b"alpha\n\0\1\2\n",
            "experiments/cycle/requirements.txt": "-r again.txt\n",
            "experiments/cycle/again.txt": "-r requirements.txt\n",
            "experiments/gone/requirements.txt": "-r nowhere.txt\n",
            "experiments/manifest/experiment.toml": "state = 3\n",
            "experiments/wrong/requirements.txt": "alpha >>\n",
        }
    )
    found = undecided(repository.fumehood(*VERSIONS, "--format", "json").assert_exit(3))
    assert {name: reason.partition(" ")[0] for name, reason in found.items()} == {
        "binary": "experiments/binary/requirements.txt:2:",
        "cycle": "experiments/cycle/again.txt:1:",
        "gone": "experiments/gone/requirements.txt:1:",
        "manifest": "experiments/manifest/experiment.toml:1:",
        "wrong": "experiments/wrong/requirements.txt:1:",
    }
    outcome = repository.fumehood(*VERSIONS).assert_exit(3)
    assert outcome.stdout.endswith("\n7 experiments checked: 2 fit, 5 not decided\n")
    said = repository.fumehood("explain", "gone").assert_exit(2)
    assert said.stderr == (
        "experiments/gone/requirements.txt:1: 'experiments/gone/nowhere.txt' does not exist\n"
        "  → correct the path, or add the file\n"
    )
    assert said.stdout == ""
    tried = json.loads(repository.fumehood("whatif", "beta", "--format", "json").assert_exit(3).stdout)
    assert {one["name"]: one["outcome"] for one in tried["experiments"]} == {
        "bad": "unchanged",
        "binary": "undecided",
        "cycle": "undecided",
        "gone": "undecided",
        "good": "unchanged",
        "wrong": "undecided",
    }


def test_a_version_that_left_the_index_is_found_out_when_the_lock_has_to_be_made_anew(
    repository: Project, faulty_index: Index
) -> None:
    repository.fumehood("lock").assert_ok()
    faulty_index.misbehave("transformers", Fault.VANISHED, on="page")
    repository.fumehood(*VERSIONS).assert_ok()
    repository.write({"experiments/bad/requirements.txt": "transformers==5.0.0\nbeta\n"})
    outcome = repository.fumehood(*VERSIONS, env={"UV_CACHE_DIR": str(repository.root.parent / "other")}).assert_exit(1)
    assert "bad\n  experiments/bad/requirements.lock: error [lock/stale]\n" in outcome.stdout
    assert (
        "\n  not decided: experiments/bad/requirements.txt:1: no registry in use offers\n    transformers\n"
        in outcome.stdout
    )
    assert "conflict" not in outcome.stdout


def test_a_yanked_version_stays_where_it_is_pinned(repository: Project) -> None:
    repository.write({"experiments/bad/requirements.txt": "withdrawn==1.1\n"})
    repository.fumehood(*VERSIONS).assert_ok()
    repository.write({"experiments/bad/requirements.txt": "withdrawn>=1.1\n"})
    repository.fumehood(*VERSIONS).assert_exit(1)


def test_the_second_of_two_indexes_is_named_without_its_password(repository: Project, wheelhouse: Path) -> None:
    with Index(wheelhouse) as second:
        secret = second.url.replace("http://", "http://someone:s3cret@")
        repository.write({"experiments/bad/requirements.txt": f"--extra-index-url {secret}\ngamma\nalpha>=2\n"})
        outcome = repository.fumehood("explain", "bad").assert_exit(1)
        assert f"\n\nalpha comes from {second.url}\ngamma comes from {second.url}\n\n" in outcome.stdout
        repository.write({"experiments/bad/requirements.txt": f"--extra-index-url {secret}\ngamma\n"})
        fits = repository.fumehood("explain", "bad").assert_ok()
        assert f"\nalpha comes from {second.url}\ngamma comes from {second.url}\n" in fits.stdout
        address = f"http://someone:s3cret@127.0.0.1:9/{second.url.rpartition('/')[0][-1]}/thing-1.0-py3-none-any.whl"
        repository.write({"experiments/bad/requirements.txt": f"thing @ {address}\nthing<1\n"})
        for command in (["check"], ["check", "--format", "json"], ["explain", "bad"], ["explain", "bad", "--json"]):
            said = repository.fumehood(*command).assert_exit(1)
            assert "s3cret" not in said.stdout + said.stderr
            assert "****@" in said.stdout


def test_a_requirement_of_another_platform_is_resolved_for_that_platform(repository: Project) -> None:
    repository.write({"experiments/bad/requirements.txt": "only-windows; sys_platform == 'win32'\n"})
    repository.fumehood(*VERSIONS).assert_ok()
    repository.write({"experiments/bad/requirements.txt": "gamma; sys_platform == 'win32'\nalpha>=2\n"})
    outcome = repository.fumehood(*VERSIONS).assert_exit(1)
    assert "  experiments/bad/requirements.txt:2: error [conflict/resolved]\n" in outcome.stdout


def test_a_hanging_registry_does_not_outlast_the_budget(repository: Project, faulty_index: Index) -> None:
    faulty_index.misbehave("tokenizers", Fault.HANG)
    outcome = repository.fumehood("explain", "bad", "--budget", "1", timeout=60).assert_exit(3)
    assert re.fullmatch(r"bad: not decided: the time was used up after \d resolutions?\n", outcome.stdout)
    assert outcome.stderr == ""


def test_a_variable_in_a_bound_counts_for_uv_as_well(repository: Project) -> None:
    """As pip reads it; uv by itself replaces variables in addresses only."""
    repository.write({"experiments/bad/requirements.txt": "delta-lib\nalpha>=${LEAST}\n-c limits.txt\n"})
    repository.write({"experiments/bad/limits.txt": "alpha<${MOST}\n"})
    fits = repository.fumehood("explain", "bad", "alpha", env={"LEAST": "1.0", "MOST": "2.0"}).assert_ok()
    assert fits.stdout.startswith("alpha is 1.1 in bad, and 2.0 in core\n")
    outcome = repository.fumehood("explain", "bad", env={"LEAST": "1.1", "MOST": "1.1"}).assert_exit(1)
    assert outcome.stdout.startswith(
        "bad cannot be installed on core: these 2 lines cannot hold together, and without\n"
        "any one of them the rest can\n"
        "\n"
        "  experiments/bad/requirements.txt:2: alpha>=1.1   (nobody)\n"
        "  experiments/bad/limits.txt:1: alpha<1.1   (nobody)\n"
    )


def test_a_registry_that_forbids_keeping_its_pages_leaves_no_proof_of_a_conflict_unless_uv_is_told_to_keep_them(
    repository: Project, faulty_index: Index
) -> None:
    faulty_index.cache_control = "no-store"
    repository.write({"experiments/bad/requirements.txt": "gamma\nalpha>=2\n"})
    outcome = repository.fumehood(*VERSIONS).assert_exit(3)
    assert outcome.stdout == (
        "bad\n"
        "  not decided: a registry forbids to keep what it says\n"
        "      | error: No solution found when resolving dependencies\n"
        "      |   cause: Because all versions of gamma depend on alpha<2 and you require\n"
        "      |   alpha>=2, we can conclude that your requirements and all versions of\n"
        "      |   gamma are incompatible.\n"
        "      |          And because you require gamma, we can conclude that your\n"
        "      |          requirements are unsatisfiable.\n"
        "      → let uv keep it with `cache-control` in [[tool.uv.index]], so that a\n"
        "      conflict can be proven\n"
        "\n"
        "2 experiments checked: 1 fits, 1 not decided\n"
    )
    keep = '{ api = "max-age=600", files = "max-age=600" }'
    settings = f'[[tool.uv.index]]\nurl = "{faulty_index.url}"\ndefault = true\ncache-control = {keep}\n'
    repository.write({"pyproject.toml": f"{PLAIN}\n{settings}"})
    for variable in ("UV_DEFAULT_INDEX", "UV_NO_CONFIG"):
        del repository.env[variable]
    repository.fumehood("explain", "bad").assert_exit(1)
    decided = repository.fumehood(*VERSIONS).assert_exit(1)
    assert decided.stdout.startswith("bad\n  experiments/bad/requirements.txt:2: error [conflict/resolved]\n")
    assert decided.stdout.endswith("\n\n2 experiments checked: 1 fits, 1 in conflict\n")
    repository.write({"experiments/bad/requirements.txt": "transformers==5.0.0\n"})
    for fault in (Fault.STATUS_500, Fault.STATUS_403, Fault.TRUNCATED, Fault.VANISHED):
        faulty_index.misbehave("tokenizers", fault, on="page")
        assert list(undecided(repository.fumehood(*VERSIONS, "--format", "json", env=IMPATIENT).assert_exit(3))) == [
            "bad"
        ]


def test_a_damaged_file_in_a_folder_of_packages_is_named_and_is_no_conflict(repository: Project) -> None:
    folder = repository.root / "wheels"
    folder.mkdir()
    cut = Wheel(name="cut", version="1.0", files={"cut.py": "x = 1\n" * 5000})
    build_all([Wheel(name="on-it", version="1.0", requires=("cut",)), Sdist(name="tarred", version="1.0")], folder)
    build_all([cut, Wheel(name="low", version="1.0", requires=("alpha<2",))], folder)
    wheel, source = folder / "cut-1.0-py3-none-any.whl", folder / "tarred-1.0.tar.gz"
    sound = wheel.read_bytes()
    wheel.write_bytes(sound[: len(sound) // 2])
    source.write_bytes(source.read_bytes()[:1000])
    repository.write(
        {
            "experiments/bad/requirements.txt": "--find-links ../../wheels\non-it\n",
            "experiments/direct/requirements.txt": "./wheels/cut-1.0-py3-none-any.whl\n",
            "experiments/source/requirements.txt": "-f ../../wheels\ntarred\n",
            "experiments/clash/requirements.txt": "-f ../../wheels\nlow\nalpha>=2\n",
        }
    )
    remedy = "\n  → put a sound copy in its place, or remove it"
    answer = answer_of(repository.fumehood(*VERSIONS, "--format", "json").assert_exit(1), "check")
    assert [(one["experiment"], one["rule"]) for one in answer["findings"]] == [("clash", "conflict/resolved")]
    found = {one["experiment"]: one["reason"] for one in answer["undecided"]}
    assert {name: reason.partition("\n  | error: Failed to ")[0] for name, reason in found.items()} == {
        "bad": "wheels/cut-1.0-py3-none-any.whl is damaged",
        "direct": "experiments/direct/requirements.txt:1: wheels/cut-1.0-py3-none-any.whl is damaged",
        "source": "wheels/tarred-1.0.tar.gz is damaged",
    }
    assert all(reason.endswith(remedy) for reason in found.values())
    said = repository.fumehood("explain", "bad").assert_exit(3).stdout
    assert said.startswith("bad: not decided: wheels/cut-1.0-py3-none-any.whl is damaged\n    | error: Failed to ")
    assert said.endswith("\n    → put a sound copy in its place, or remove it\n")
    damaged = "experiments/bad: not decided, because wheels/cut-1.0-py3-none-any.whl is damaged"
    for harm in (sound[: len(sound) // 2], sound[:9000] + b"!" + sound[9001:], b"<html>Sign in"):
        wheel.write_bytes(harm)
        first, *quoted, last = repository.fumehood("lock", "bad").assert_exit(3).stderr.splitlines()
        assert (first, {line[:4] for line in quoted}, f"\n{last}") == (damaged, {"  | "}, remedy)
    # Wherever uv has learnt of the folder.
    repository.write({"experiments/bad/requirements.txt": "on-it\n"})
    repository.write({"pyproject.toml": f'{PLAIN}\n[tool.uv]\nfind-links = ["wheels"]\n'})
    del repository.env["UV_NO_CONFIG"]
    assert repository.fumehood("lock", "bad").assert_exit(3).stderr.startswith(f"{damaged}\n")
    wheel.write_bytes(sound)
    repository.fumehood("lock", "bad").assert_ok()
