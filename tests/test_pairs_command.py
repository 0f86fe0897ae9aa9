"""`fumehood check --pairs`: which experiments could share one environment."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from fumehood.commands.pair_reports import pairs_text
from fumehood.conflicts.pairs import Member, Pair, Sharing, Verdict, common_pythons, groups, is_certified
from fumehood.errors import Place
from fumehood.locking.lockfile import parse_pins
from fumehood.model.experiment import Target
from fumehood.model.lock import by_name
from fumehood.reading.requirement_line import parse_line
from fumehood.reading.sources import Inputs
from support.answers import PLAIN
from support.index import Fault
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.index import Index
    from support.project import Project

LOWEST = "3.11"


def write(project: Project, core: str, **experiments: str) -> None:
    files = {f"experiments/{name}/requirements.txt": f"{lines}\n" for name, lines in experiments.items()}
    project.write({"pyproject.toml": PLAIN, "requirements.txt": f"{core}\n", **files})


def answered(project: Project, *arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - whatever JSON can hold
    outcome = project.fumehood("check", "--pairs", "--format", "json", *arguments).assert_exit(code)
    answer = json.loads(outcome.stdout)
    assert mistakes(answer, schema("pairs")) == []
    return answer


def outcomes(answer: Any) -> dict[str, str]:  # noqa: ANN401 - whatever JSON can hold
    return {f"{pair['first']} {pair['second']}": pair["outcome"] for pair in answer["pairs"]}


def test_the_matrix_the_groups_and_what_keeps_others_apart(project: Project) -> None:
    write(project, "alpha", adds="delta-lib", newer="beta>=2", old="gamma", older="needs-old-alpha", other="gamma")
    outcome = project.fumehood("check", "--pairs").assert_ok()
    assert outcome.stdout == (
        "5 experiments, 10 pairs: 7 could share, 3 in conflict\n"
        "\n"
        "         12345\n"
        "1 adds   -····\n"
        "2 newer  ·-xxx\n"
        "3 old    ·x-··\n"
        "4 older  ·x·-·\n"
        "5 other  ·x··-\n"
        "\n"
        "· could share   x conflict   ? not decided\n"
        "\n"
        "groups that fit into one environment\n"
        "  4: adds, old, older, other\n"
        "  with none of these: newer\n"
        "\n"
        "what keeps others apart\n"
        "  beta>=2 and gamma: 2 pairs, such as newer and old\n"
        "  beta>=2 and needs-old-alpha: newer and older\n"
    )
    assert outcome.stderr == ""


def test_the_same_as_json_names_the_lines(project: Project) -> None:
    write(project, "alpha", adds="delta-lib", newer="beta>=2", old="gamma", static="beta<2")
    answer = answered(project)
    assert answer["experiments"] == ["adds", "newer", "old", "static"]
    assert outcomes(answer) == {
        "adds newer": "fits",
        "adds old": "fits",
        "adds static": "fits",
        "newer old": "conflict",
        "newer static": "conflict",
        "old static": "fits",
    }
    assert [pair["reason"] for pair in answer["pairs"] if pair["reason"]] == [
        f"experiments/newer/requirements.txt:1: beta>=2 and {other} cannot hold together"
        for other in ("experiments/old/requirements.txt:1: gamma", "experiments/static/requirements.txt:1: beta<2")
    ]
    assert answer["groups"] == [["adds", "old", "static"]]


def test_a_changed_pin_of_core_is_no_certificate_for_whoever_relies_on_cores(project: Project) -> None:
    # `old` replaces alpha, `newer` only adds beta: they replace and add nothing in common, and cannot live together.
    write(project, "alpha", newer="beta>=2", old="gamma")
    project.fumehood("lock").assert_ok()
    assert outcomes(answered(project)) == {"newer old": "conflict"}


def test_locks_that_agree_are_asked_nobody_about(project: Project, faulty_index: Index) -> None:
    write(project, "alpha", adds="delta-lib", also="delta-lib\nreader", old="gamma", same="gamma\nreader")
    project.fumehood("lock").assert_ok()
    faulty_index.close()
    answer = answered(project, "adds", "also")
    assert outcomes(answer) == {"adds also": "fits"}
    answer = answered(project, "--offline", code=3)
    assert outcomes(answer) == {
        "adds also": "fits",
        "adds old": "undecided",
        "adds same": "undecided",
        "also old": "undecided",
        "also same": "undecided",
        "old same": "fits",
    }
    assert {pair["reason"] for pair in answer["pairs"]} == {"", "their locks differ; only resolving could tell"}
    assert answer["groups"] == [["adds", "also"], ["old", "same"]]


def test_what_fits_in_pairs_and_not_as_a_whole_is_no_group(project: Project) -> None:
    write(project, "alpha", a="alpha!=1.0", b="alpha!=1.1", c="alpha!=2.0")
    answer = answered(project)
    assert set(outcomes(answer).values()) == {"fits"}
    assert answer["groups"] == [["a", "b"]]


def test_experiments_need_a_python_version_in_common(project: Project) -> None:
    write(project, "alpha", new="delta-lib", newer="reader", any="nsone", both="nstwo")
    project.write(
        {
            "pyproject.toml": PLAIN + '[project]\nname = "core"\nversion = "1"\nrequires-python = ">=3.11"\n',
            "experiments/new/experiment.toml": 'python = ["3.12"]\n',
            "experiments/newer/experiment.toml": 'python = ["3.13"]\n',
            "experiments/both/experiment.toml": 'python = ["3.12", "3.13"]\n',
        }
    )
    answer = answered(project)
    assert outcomes(answer) == {
        "any both": "fits",
        "any new": "fits",
        "any newer": "fits",
        "both new": "fits",
        "both newer": "fits",
        "new newer": "conflict",
    }
    assert answer["pairs"][-1]["reason"] == "they have no Python version in common"
    assert answer["groups"] == [["any", "both", "new"]]


def test_an_experiment_on_a_python_that_core_does_not_support_shares_with_nobody(project: Project) -> None:
    write(project, "alpha", late="nsone", old="nsone", other="nstwo")
    project.write(
        {
            "pyproject.toml": PLAIN + 'python = ["3.12"]\n',
            "experiments/late/experiment.toml": 'python = ["3.12"]\n',
            "experiments/old/experiment.toml": 'python = ["3.11"]\n',
            "experiments/other/experiment.toml": 'python = ["3.11", "3.12"]\n',
        }
    )

    def why(name: str) -> str:
        return (
            f"{name} is not decided by itself: experiments/{name}: experiments/{name} runs on Python 3.11, but core "
            "supports 3.12 and newer\n  → name 3.12 or a newer version as its python"
        )

    answer = answered(project, code=3)
    assert [(pair["first"], pair["second"], pair["outcome"], pair["reason"]) for pair in answer["pairs"]] == [
        ("late", "old", "conflict", "they have no Python version in common"),
        ("late", "other", "undecided", why("other")),
        ("old", "other", "undecided", why("old")),
    ]


def test_what_does_not_fit_or_is_not_decided_by_itself_shares_with_nobody(project: Project) -> None:
    write(project, "alpha>=2", fits="delta-lib", lost="no-such-package", old="alpha<2")
    outcome = project.fumehood("check", "--pairs").assert_exit(1)
    assert outcome.stdout == (
        "3 experiments, 3 pairs: 2 in conflict, 1 not decided\n"
        "\n"
        "        123\n"
        "1 fits  -?x\n"
        "2 lost  ?-x\n"
        "3 old   xx-\n"
        "\n"
        "· could share   x conflict   ? not decided\n"
        "\n"
        "what shares with nobody\n"
        "  lost: not decided: experiments/lost/requirements.txt:1: no registry in use offers no-such-package\n"
        "  old: does not fit on core by itself: see `fumehood explain old`\n"
    )
    answer = answered(project, "fits", "lost", code=3)
    assert outcomes(answer) == {"fits lost": "undecided"}
    assert answer["pairs"][0]["reason"] == (
        "lost is not decided by itself: "
        "experiments/lost/requirements.txt:1: no registry in use offers no-such-package\n"
        "  | error: No solution found when resolving dependencies\n"
        "  |   cause: Because no-such-package was not found in the package registry and you require no-such-package, "
        "we can conclude that your requirements are unsatisfiable.\n"
        "  → correct the name, or name the registry that has it with --extra-index-url; pin what was yanked with =="
    )
    project.write({"requirements.txt": "no-such-core\n"})
    outcome = project.fumehood("check", "--pairs", "fits", "old").assert_exit(3)
    assert outcome.stdout.endswith(
        "what shares with nobody\n"
        "  fits, old: not decided: core is not decided: requirements.txt:1: no registry in use offers no-such-core\n"
    )


def test_a_registry_that_fails_leaves_pairs_undecided(
    project: Project, faulty_index: Index, private_uv_cache: Path
) -> None:
    write(project, "alpha", newer="beta", old="gamma")
    project.fumehood("lock").assert_ok()
    shutil.rmtree(private_uv_cache)
    faulty_index.misbehave("beta", Fault.STATUS_500)
    (pair,) = answered(project, code=3)["pairs"]
    assert pair["outcome"] == "undecided"


def test_two_index_addresses_are_not_mixed(project: Project, index: Index) -> None:
    write(project, "alpha", one=f"--index-url {index.url}\ngamma", two="--index-url http://127.0.0.1:9/simple\nreader")
    project.write({"experiments/two/requirements.txt": f"--index-url {index.url}/\nreader\n"})
    answer = answered(project, code=3)
    assert answer["pairs"][0]["reason"] == (f"their packages come from different places, {index.url} and {index.url}/")


def test_a_wide_matrix_is_broken_at_80_columns() -> None:
    names = [f"experiments-with-a-long-name/number-{number:02}" for number in range(50)]
    fits = Verdict(outcome="fits")
    pairs = [Pair(first=one, second=two, verdict=fits) for one, two in itertools.combinations(names, 2)]
    sharing = Sharing(alone=tuple((name, fits) for name in names), pairs=tuple(pairs), groups=(tuple(names),))
    first, second = pairs_text(sharing, width=80).plain.split("\n\n")[1:3]
    assert first.splitlines()[:3] == [
        "                                              1111111111222222222233333333334444",
        "                                     1234567890123456789012345678901234567890123",
        f" 1 experiments-with-a-long-name/nu…  -{'·' * 42}",
    ]
    assert second.splitlines()[-1] == "50 experiments-with-a-long-name/nu…  ······-"
    assert [len(block.splitlines()) for block in (first, second)] == [52, 52]
    assert max(map(len, pairs_text(sharing, width=80).plain.splitlines())) == 80


def test_a_terminal_gets_colours_and_everybody_else_the_same_text(project: Project) -> None:
    write(project, "alpha", newer="beta>=2", old="gamma")
    plain = project.fumehood("check", "--pairs").assert_ok().stdout
    environment = {**project.env, "TERM": "xterm"}
    del environment["NO_COLOR"]
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "fumehood", "check", "--pairs"],
        cwd=project.root, env=environment, stdout=theirs, check=True,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 100_000).decode().replace("\r\n", "\n")
    os.close(ours)
    assert "\x1b[31mx\x1b[0m" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == plain


def test_formats_for_findings_are_refused(project: Project) -> None:
    outcome = project.fumehood("check", "--pairs", "--format", "sarif").assert_exit(2)
    assert outcome.stderr == "pairs cannot be said as sarif\n  → leave out --format, or say --format json\n"


def test_without_experiments_there_is_little_to_say(project: Project) -> None:
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "alpha\n"})
    assert project.fumehood("check", "--pairs").assert_ok().stdout == "there are no experiments\n"
    write(project, "alpha", one="reader")
    assert project.fumehood("check", "--pairs").assert_ok().stdout.startswith("1 experiment\n\n       1\n1 one  -\n")


def member(delta: str = "", *, lines: Sequence[str] = (), removes: Sequence[str] = ()) -> Member:
    found = [parse_line(line.removeprefix("-c "), place=Place("r.txt")) for line in lines]
    kept = tuple(
        requirement if not line.startswith("-c ") else replace(requirement, constraint=True)
        for line, requirement in zip(lines, found, strict=True)
    )
    pins = {**dict.fromkeys(map(canonicalize_name, removes), ()), **by_name(parse_pins(delta))}
    target = Target(session="exp-m", subject="experiments/m", lock="experiments/m/requirements.lock")
    return Member(name="m", target=target, outcome="fits", inputs=Inputs(requirements=kept), delta=pins)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (member("a==1"), member("b==1"), True),
        (member("a==1"), member("a==1"), True),
        (member("a==1"), member("a==2"), False),
        (member("core==2"), member("b==1"), False),
        (member("core==2"), member(removes=["core"]), True),
        (member("a==1 ; sys_platform == 'win32'"), member("a==1"), True),
        (member("a==1 ; sys_platform == 'win32'"), member("a==2 ; sys_platform != 'win32'"), True),
        (member("a==1 ; sys_platform == 'win32'"), member("a==2"), False),
        (member("a==1"), member("b==1", lines=["-c a<1"]), False),
        (member("a==1"), member("b==1", lines=["-c a<2"]), True),
        (member("a==1"), member("a==1 ; sys_platform == 'win32'", lines=["a<1 ; sys_platform == 'linux'"]), False),
        (member(removes=["core"], lines=["-c core<1"]), member("b==1"), False),
        (member(removes=["core"], lines=["-c core<2"]), member("b==1"), True),
        (member(removes=["core"], lines=["-c core<1"]), member(removes=["core"]), True),
        (member("./lib"), member("b==1"), False),
        (member("./lib"), member("./lib"), True),
        (member("a @ git+https://example.invalid/a@1"), member("a @ git+https://example.invalid/a@2"), False),
    ],
)  # fmt: skip
def test_locks_are_a_certificate_only_where_they_agree_on_all_that_both_have(
    first: Member, second: Member, *, expected: bool
) -> None:
    core = by_name(parse_pins("core==1"))
    assert is_certified(first, second, core=core, python=LOWEST) is expected
    assert is_certified(second, first, core=core, python=LOWEST) is expected


def test_python_versions_are_compared_however_they_are_spelled() -> None:
    def target(*pythons: str) -> Target:
        return Target(session="s", subject="s", lock="s", pythons=pythons)

    assert common_pythons([target(), target()]) == ()
    assert common_pythons([target(), target("python3.12", "3.11")]) == ("3.12", "3.11")
    assert common_pythons([target("3.12.1", "3.13"), target("python3.12")]) == ("3.12",)
    assert common_pythons([target("pypy3.11"), target("3.11")]) is None
    assert common_pythons([target("3.13t"), target("3.13")]) is None


@pytest.mark.parametrize("largest", range(2, 9))
def test_a_group_that_fails_as_a_whole_is_cut_to_what_holds(largest: int) -> None:
    names = [f"e{number}" for number in range(8)]
    fitting = {name: frozenset(names) - {name} for name in names}
    asked: list[tuple[str, ...]] = []

    def holds(together: Sequence[str]) -> bool:
        asked.append(tuple(together))
        return len(together) <= largest

    found = groups(fitting, holds)
    assert [len(group) for group in found] == [largest] * (8 // largest) + [8 % largest] * (8 % largest > 1)
    assert len({*itertools.chain.from_iterable(found)}) == sum(map(len, found))
    assert all(len(together) > 2 for together in asked)


def test_where_core_cannot_be_installed_nothing_is_known_of_pairs_and_the_conflict_is_a_finding(
    project: Project,
) -> None:
    write(project, "alpha>=2\ngamma", one="delta-lib", other="tomli")
    outcome = project.fumehood("check", "--pairs").assert_exit(1)
    assert outcome.stdout.endswith(
        "what shares with nobody\n"
        "  one, other: not decided: core cannot be installed by itself: see `fumehood explain core`\n"
    )
    answered(project, code=1)
