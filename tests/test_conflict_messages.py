"""What explanations and what-ifs say in the rarer cases, whole; and how far an explanation gets when time runs out."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct
from msgspec.structs import replace

from fumehood.commands import conflict_reports as reports
from fumehood.commands import effect_reports
from fumehood.commands.asking import desk
from fumehood.commands.origin import origin_text
from fumehood.conflicts.explain import Explanation, explain
from fumehood.conflicts.origin import Origin
from fumehood.conflicts.whatif import Effect
from fumehood.errors import Place
from fumehood.model.experiment import experiment_target
from fumehood.outside.git import Git
from fumehood.reading.requirement_line import parse_line
from fumehood.repository import open_repository
from support.answers import PLAIN, answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.conflicts.probe import Prober
    from fumehood.model.requirement import Requirement
    from support.project import Project

LONG = ("alpha>=1.1", "reader", "source-only", "colorama", "tomli", "withdata", "withplugin", "extras-demo[fast]")
LONGER = ("nsone", "nstwo", "pkgutil-one", "pkgutil-two", "legacy-one", "legacy-two", "withpth", "exceptiongroup")


class Everybody(Struct, frozen=True):
    """All is `@lab`'s."""

    def name(self, subject: str) -> str:
        return subject.removeprefix("experiments/")

    def owners(self, line: Requirement) -> tuple[str, ...]:
        del line
        return ("@lab",)

    def owners_of(self, subject: str) -> tuple[str, ...]:
        del subject
        return ("@lab",)


def line(text: str, number: int = 1, file: str = "requirements.txt") -> Requirement:
    return parse_line(text, place=Place(file, number))


@pytest.fixture
def crowded(project: Project) -> Project:
    """25 lines, two of which cannot hold together; three where a version of alpha is asked for, too."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "".join(f"{one}\n" for one in (*LONG, "tokenizers>=0.22", "beta")),
            "experiments/old/requirements.txt": "".join(
                f"{one}\n" for one in (*LONGER, "torch", "torchvision", "transformers==4.50.0", *("delta-lib",) * 4)
            ),
        }
    )
    return project


def test_a_conflict_among_25_lines_takes_at_most_12_resolutions_with_its_remedies(crowded: Project) -> None:
    answer = answer_of(crowded.fumehood("explain", "old", "--json").assert_exit(1), "explain")
    assert [one["requirement"] for one in answer["lines"]] == ["tokenizers>=0.22", "transformers==4.50.0"]
    assert answer["smallest"]
    assert [one["after"] for one in answer["remedies"]] == ["transformers==4.57.1", "tokenizers>=0.21"]
    assert answer["resolutions"] <= 12


def test_when_time_runs_out_the_set_is_not_called_smallest_and_it_says_how_far_it_got(crowded: Project) -> None:
    repository = open_repository(crowded.root)
    target = experiment_target(repository.experiments[0])
    said = []
    with desk(repository, offline=False) as asking:
        explain(asking.book, asking.prober("3.11", target), target, asking.scratch)
        for limit in (3, 4, 7, 8):
            prober: list[Prober] = []

            def advance(_what: str, prober: list[Prober] = prober, limit: int = limit) -> None:
                if prober[0].asked == limit:
                    prober[0].uv = replace(prober[0].uv, deadline=time.monotonic())

            prober.append(asking.limited_prober("3.11", target, budget=None, advance=advance))
            found = explain(asking.book, prober[0], target, asking.scratch)
            said.append(reports.explanation_text(found, "old", asking, {}))
    because = (
        "because\n"
        "  Because transformers<=4.50.0 depends on tokenizers<0.22 and you require\n"
        "  tokenizers>=0.22, we can conclude that your requirements and\n"
        "  transformers<=4.50.0 are incompatible. And because you require\n"
        "  transformers==4.50.0, we can conclude that your requirements are\n"
        "  unsatisfiable.\n"
        "\n"
    )
    lines = (
        "  requirements.txt:9: tokenizers>=0.22   (nobody)\n"
        "  experiments/old/requirements.txt:11: transformers==4.50.0   (nobody)\n"
        "\n"
    )
    for number, text in zip((3, 4), said, strict=False):
        assert text == (
            "old cannot be installed on core: these 2 lines cannot hold together\n"
            "\n"
            f"{lines}"
            f"not proven smallest: the time was used up after {number} resolutions; fewer of these\n"
            "  lines may clash already\n"
            "\n"
            f"{because}"
            f"the time was used up after {number} resolutions, before any change was seen to mend it"
        )
    assert said[2] == (
        "old cannot be installed on core: these 2 lines cannot hold together, and without\n"
        "any one of them the rest can\n"
        "\n"
        f"{lines}"
        f"{because}"
        "the time was used up after 7 resolutions, before any change was seen to mend it"
    )
    assert said[3].endswith(
        f"{because}"
        "what would mend it (each was resolved)\n"
        "  experiments/old/requirements.txt:11: transformers==4.50.0 →\n"
        "      transformers==4.57.1\n"
        "    gives tokenizers 0.23.3, transformers 4.57.1\n"
        "\n"
        "the time was used up after 8 resolutions; other changes may mend it too"
    )


def test_more_clashes_than_one_are_counted_and_an_unproven_set_says_why() -> None:
    found = Explanation(
        subject="experiments/old",
        status="conflict",
        lines=(line("alpha<2"), line("alpha>=2", 3, "experiments/old/requirements.txt")),
        proven=False,
        reason="no version of alpha satisfies these 2 lines together",
        remark="without alpha<2 it could not be resolved either",
        notes=("2 more such sets: `fumehood check` lists them",),
    )
    assert reports.explanation_text(found, "old", Everybody(), {}) == (
        "old cannot be installed on core: these 2 lines cannot hold together\n"
        "\n"
        "  requirements.txt:1: alpha<2   (@lab)\n"
        "  experiments/old/requirements.txt:3: alpha>=2   (@lab)\n"
        "\n"
        "not proven smallest: without alpha<2 it could not be resolved either\n"
        "\n"
        "because\n"
        "  no version of alpha satisfies these 2 lines together\n"
        "\n"
        "no change of a single one of these lines was found to mend it\n"
        "\n"
        "2 more such sets: `fumehood check` lists them"
    )


def test_what_is_not_known_of_core_s_pin_is_said() -> None:
    kept = Origin(
        name="alpha", before="2.0", after="1.1", lines=(line("gamma"), line("beta<2", 2)), reason="uv's words"
    )
    assert origin_text(kept, "old", Everybody().owners) == (
        "alpha is 1.1 in old, and 2.0 in core\n"
        "\n"
        "core's alpha 2.0 cannot be used: these lines rule it out\n"
        "  requirements.txt:1: gamma   (@lab)\n"
        "  requirements.txt:2: beta<2   (@lab)\n"
        "\n"
        "because\n"
        "  uv's words"
    )
    remark = "without beta<2 it could not be resolved either"
    assert origin_text(replace(kept, proven=False, reason="", remark=remark), "old", Everybody().owners) == (
        "alpha is 1.1 in old, and 2.0 in core\n"
        "\n"
        "core's alpha 2.0 cannot be used; among these lines are some that rule it out\n"
        "  requirements.txt:1: gamma   (@lab)\n"
        "  requirements.txt:2: beta<2   (@lab)\n"
        "\n"
        "without beta<2 it could not be resolved either"
    )


def test_what_several_are_not_decided_for_is_said_once() -> None:
    reason = "core's own requirements have to hold together first"
    effects = [Effect(subject=f"experiments/{name}", outcome="undecided", reason=reason) for name in "abc"]
    core = Effect(subject="core", outcome="conflict", lines=(line("alpha<2"),), reason="uv's words")
    assert effect_reports.effects_text(core, effects, Everybody()) == (
        "core: conflict\n"
        "  requirements.txt:1: alpha<2   (@lab)\n"
        "  | uv's words\n"
        "a, b, c: not decided\n"
        "  | core's own requirements have to hold together first\n"
        "\n"
        "3 experiments: 3 not decided"
    )


def test_many_experiments_are_told_together_as_they_are_alone(crowded: Project) -> None:
    """`new` cannot live with `old`, nor with the others' torch; `none` needs nothing of its own."""
    crowded.write(
        {
            "requirements.txt": "alpha\n",
            "experiments/first/requirements.txt": "torchvision\ndelta-lib\n",
            "experiments/fourth/requirements.txt": "withplugin\n",
            "experiments/new/requirements.txt": "transformers>=5\ntorch<2.6\n",
            "experiments/none/requirements.txt": "alpha>=1\n",
            "experiments/old/requirements.txt": "transformers==4.50.0\n",
            "experiments/second/requirements.txt": "reader\nbeta\n",
            "experiments/third/requirements.txt": "tokenizers\n",
        }
    )
    text = crowded.fumehood("whatif", "alpha<2", "torch<2.7").assert_ok().stdout
    assert text == (
        "core: locks anew: alpha 2.0 → 1.1, torch (new) → 2.6.0\n"
        "first: locks anew: torch 2.7.1 → 2.6.0, torchvision 0.22.1 → 0.21.0\n"
        "second: locks anew: beta 2.0 → 1.0\n"
        "\n"
        "7 experiments: 5 unchanged, 2 lock anew\n"
    )


def test_what_others_hold_back_when_all_are_told_together_is_not_said_of_one(crowded: Project) -> None:
    lines = {"bare": "beta", "bounded": "beta<2", "more": "beta\nreader", "old": "delta-lib", "plain": "reader"}
    crowded.write({"requirements.txt": "alpha\n"})
    crowded.write({f"experiments/{name}/requirements.txt": f"{text}\n" for name, text in lines.items()})
    expected = (
        "core: locks anew: alpha 2.0 → 1.1\n"
        "bare: locks anew: beta 2.0 → 1.0\n"
        "more: locks anew: beta 2.0 → 1.0\n"
        "\n"
        "5 experiments: 3 unchanged, 2 lock anew\n"
    )
    assert crowded.fumehood("whatif", "alpha<2").assert_ok().stdout == expected
    # By now uv's cache has all that it takes to tell about all of them at once.
    fresh = {"FUMEHOOD_CACHE": str(crowded.root.parent / "fresh")}
    assert crowded.fumehood("whatif", "alpha<2", env=fresh).assert_ok().stdout == expected


def test_what_could_not_be_installed_before_and_then_could_is_said_so(crowded: Project) -> None:
    outcome = crowded.fumehood("whatif", "tokenizers<0.22", "-beta").assert_ok()
    assert outcome.stdout == (
        "core: locks anew: beta 2.0 → (gone), tokenizers 0.23.3 → 0.21.4\n"
        "old: locks anew: it could not be installed before\n"
        "\n"
        "1 experiment: 1 lock anew\n"
    )


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a Git server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"git://127.0.0.1:{server.getsockname()[1]}/thing.git"


def test_a_git_server_that_hangs_does_not_outlast_the_budget(crowded: Project, silent: str, tmp_path: Path) -> None:
    git = Git(cwd=tmp_path)
    assert git.complaint(silent, timeout=0.4) == "git had no answer in time"
    assert git.complaint(str(crowded.root), timeout=None) == ""
    crowded.write({"experiments/old/requirements.txt": f"thing @ git+{silent}\n"})
    outcome = crowded.fumehood("explain", "old", "--budget", "3", timeout=60).assert_exit(3)
    assert outcome.stdout.startswith("old: not decided: ")
