"""``fumehood retire``: nothing of the experiment is left but a record, and nothing of anybody else's is touched."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.lifecycle import workflows
from fumehood.lifecycle.traces import Names

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

TODAY = "2026-02-14"

WORKFLOW = """\
on:
  pull_request:
    paths:
      - core/**
      - "experiments/foo/**"
      - experiments/foo2/**
jobs:
  foo:
    strategy:
      matrix:
        session:
          - exp-foo
          - exp-foo2
        only:
          - exp-foo
    steps:
      - run: nox -s exp-foo  # its tests
"""
ONLY = """\
name: foo
on:
  push:
    branches: [main]
    paths:
    - "experiments/foo/**"
    - "!experiments/foo/*.md"
  pull_request:
    paths:
      - experiments/foo/**  # and this:
      - .github/workflows/foo.yaml
  schedule:
    - cron: "0 3 * * *"
jobs:
  tests:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          pip install nox
          python -m pytest experiments/foo/test_foo.py::test_foo -v
      - run: nox -s exp-foo
"""
PYPROJECT = """\
[tool.ruff.lint.per-file-ignores]
"experiments/foo/*" = ["D"]
"experiments/foo2/*" = ["D"]

[tool.some]
paths = [
    "core",
    "experiments/foo",
]
alone = [
    "experiments/foo",
]
inline = ["experiments/foo", "core"]
"""
TABLE = """\
# Experiments

| experiment | about |
| --- | --- |
| [foo](foo/README.md) | sparse |
| [foo2](foo2/README.md) | like foo |
| `bar` | dense |
"""
FILES = {
    "requirements.txt": "alpha\n",
    "CODEOWNERS": "* @all\n/experiments/foo/ @example-owner\r\n/experiments/foo2/ @second\n/experiments/foo* @third\n",
    ".github/workflows/ci.yml": WORKFLOW,
    ".github/workflows/foo.yaml": ONLY,
    "README.md": "[![foo](https://example.org/workflows/foo.yaml/badge.svg)](.)\n",
    "pyproject.toml": PYPROJECT,
    "docs/index.md": "See experiments/foo for more, and experiments/foo-bar.\nNot experiments/foo2.\n",
    "experiments/README.md": TABLE,
    "experiments/foo/experiment.toml": 'theme = "model"\nsummary = "Sparse."\nowners = ["@example-owner", "@second"]\n',
    "experiments/foo/requirements.txt": "gamma\n",
    "experiments/foo/foo.py": "",
    "experiments/foo/test_foo.py": "def test_foo():\n    pass\n",
    "experiments/foo2/requirements.txt": "",
}


@pytest.fixture
def lab(project: Project) -> Project:
    project.write(FILES)
    project.env["GIT_COMMITTER_DATE"] = project.env["GIT_AUTHOR_DATE"] = "2026-01-31T12:00:00Z"
    project.commit()
    project.env["FUMEHOOD_TODAY"] = TODAY
    return project


def snapshot(root: Path) -> dict[str, bytes]:
    kept = (path for path in sorted(root.rglob("*")) if path.is_file() and ".git" not in path.relative_to(root).parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in kept}


def record(commit: str, *, retired: str, upstreamed: str = "") -> str:
    return (
        "# Retired experiments\n\nWhat was here once, why it is not any more, and how to get it back.\n\n"
        "## foo\n\nSparse.\n\n- theme: model\n- owners: @example-owner, @second\n"
        f"- commits: from 2026-01-31 to 2026-01-31\n- retired: {TODAY}, {retired}\n{upstreamed}"
        f"- last commit: {commit}\n- get it back: `git checkout {commit} -- experiments/foo`\n"
        f"- with it went: .github/workflows/foo.yaml: `git checkout {commit} -- .github/workflows/foo.yaml`\n"
    )


def test_everything_that_is_only_its_goes_and_the_rest_is_listed(lab: Project) -> None:
    commit = lab.git("rev-parse", "HEAD").stdout.strip()
    link = "https://example.org/pull/7"
    command = ("retire", "foo", "--reason", "it is core's default now", "--upstreamed", link)
    plan = """\
would retire foo
  record in experiments/RETIRED.md: served its purpose: it is core's default now
  remove .github/workflows/foo.yaml, which is about nothing else
  remove .github/workflows/ci.yml:5: - "experiments/foo/**"
  remove .github/workflows/ci.yml:12: - exp-foo
  remove CODEOWNERS:2: /experiments/foo/ @example-owner
  remove experiments/README.md:5: | [foo](foo/README.md) | sparse |
  remove pyproject.toml:2: "experiments/foo/*" = ["D"]
  remove pyproject.toml:8: "experiments/foo",
  remove experiments/foo, 4 files
left for you to look at:
  .github/workflows/ci.yml:15: - exp-foo
  .github/workflows/ci.yml:17: - run: nox -s exp-foo  # its tests
  CODEOWNERS:4: /experiments/foo* @third
  README.md:1: [![foo](https://example.org/workflows/foo.yaml/badge.svg)](.)
  docs/index.md:1: See experiments/foo for more, and experiments/foo-bar.
  pyproject.toml:11: "experiments/foo",
  pyproject.toml:13: inline = ["experiments/foo", "core"]
"""
    before = snapshot(lab.root)
    planned = lab.fumehood(*command, "--dry-run").assert_ok()
    assert (planned.stdout, planned.stderr) == (plan, "")
    assert snapshot(lab.root) == before
    done = lab.fumehood(*command).assert_ok()
    assert done.stdout == (
        plan.replace("would retire", "retired").replace("  remove ", "  removed ").replace("  record ", "  recorded ")
    )
    assert done.stderr == "nothing is committed; `git diff` shows what to commit\n"
    after = snapshot(lab.root)
    expected = {path: content for path, content in before.items() if not path.startswith("experiments/foo/")}
    del expected[".github/workflows/foo.yaml"]
    for path, line in (
        ("CODEOWNERS", b"/experiments/foo/ @example-owner\r\n"),
        (".github/workflows/ci.yml", b'      - "experiments/foo/**"\n'),
        (".github/workflows/ci.yml", b"          - exp-foo\n"),
        ("experiments/README.md", b"| [foo](foo/README.md) | sparse |\n"),
        ("pyproject.toml", b'"experiments/foo/*" = ["D"]\n'),
        ("pyproject.toml", b'    "experiments/foo",\n'),
    ):
        expected[path] = expected[path].replace(line, b"", 1)
    expected["experiments/RETIRED.md"] = record(
        commit, retired="served its purpose: it is core's default now", upstreamed=f"- upstreamed: <{link}>\n"
    ).encode()
    assert after == expected
    assert [one["name"] for one in json.loads(lab.fumehood("list", "--json").stdout)["experiments"]] == ["foo2"]


NAMES = Names(path="experiments/foo", session="exp-foo")
OTHER = Names(path="experiments/foo2", session="exp-foo2")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    - "experiments/foo/**"\n', "    - core/**\n"),
        ('    - "experiments/foo/**"\n', ""),
        ("    branches: [main]\n", "    tags: [v1]\n"),
        ("      - .github/workflows/foo.yaml\n", "      - .github/workflows/ci.yml\n"),
        ("      - .github/workflows/foo.yaml\n", "      - experiments/foo2/**\n"),
        ("  schedule:\n", "  workflow_call:\n"),
        ("  pull_request:\n    paths:\n", "  pull_request:\n    types:\n"),
        ("  pull_request:\n    paths:\n", "  pull_request:\n  others:\n"),
        ("on:\n", "on: [push]\nwhen:\n"),
        ("jobs:\n", "jobs:\n  lint:\n    steps:\n      - run: nox -s lint\n"),
        ("nox -s exp-foo", "nox -s exp-foo exp-foo2"),
        ("nox -s exp-foo", "nox"),
        ("jobs:\n", "tasks:\n"),
        ("nox -s exp-foo", "nox -s core exp-foo"),
        ("nox -s exp-foo", "make lint && nox -s exp-foo"),
        ("pip install nox", "make install"),
        ("nox -s exp-foo", "|\n          nox -s exp-foo\n          make lint"),
        ("    steps:\n", "    uses: ./other.yml\n    with:\n"),
    ],
)
def test_a_workflow_that_may_be_about_something_else_stays(old: str, new: str) -> None:
    file = ".github/workflows/foo.yaml"
    assert workflows.is_only_about(file, ONLY, NAMES, [OTHER])
    assert ONLY.count(old) == 1
    assert not workflows.is_only_about(file, ONLY.replace(old, new), NAMES, [OTHER])


def test_what_a_workflow_runs_does_not_matter_where_only_changes_of_the_experiment_start_it() -> None:
    text = ONLY.replace('  schedule:\n    - cron: "0 3 * * *"\n', "").replace("pip install", "make lint; pip install")
    assert workflows.is_only_about(".github/workflows/foo.yaml", text, NAMES, [OTHER])


@given(st.lists(st.sampled_from(ONLY.splitlines()), max_size=30).map("\n".join))
def test_whatever_a_workflow_holds_it_goes_only_if_a_job_names_the_experiment(text: str) -> None:
    if workflows.is_only_about("x.yml", text, NAMES, []):
        jobs = text.partition("jobs:")[2]
        assert "exp-foo" in jobs or "experiments/foo" in jobs


def test_a_workflow_that_is_not_committed_as_it_is_stays(lab: Project) -> None:
    lab.write({".github/workflows/foo.yaml": f"{ONLY}# mine\n", ".github/workflows/new.yaml": ONLY})
    lab.fumehood("retire", "foo", "--reason", "stale").assert_ok()
    assert (lab.root / ".github/workflows/foo.yaml").read_text().endswith("# mine\n")
    assert (lab.root / ".github/workflows/new.yaml").exists()


def test_what_the_record_says_brings_it_back_and_a_second_end_is_a_second_record(lab: Project) -> None:
    before = snapshot(lab.root / "experiments/foo")
    lab.fumehood("retire", "foo", "--reason", "did not converge").assert_ok()
    lab.commit()
    text = (lab.root / "experiments/RETIRED.md").read_text()
    command = re.findall(r"get it back: `(git checkout .*)`", text)[0]
    lab.run(*command.split()).assert_ok()
    assert snapshot(lab.root / "experiments/foo") == before
    lab.write({"experiments/foo/more.py": ""})
    lab.commit()
    late = {"FUMEHOOD_TODAY": "2026-12-31"}
    lab.fumehood("retire", "experiments/foo/", "--reason", "nor now", env=late).assert_ok()
    text = (lab.root / "experiments/RETIRED.md").read_text()
    assert re.findall(r"- (?:retired|stale): (.*)", text) == [
        "2026-02-14, did not converge",
        "2026-12-31, nor now",
        "no commit since 2026-01-31",
    ]


def test_a_matrix_that_lists_it_by_its_name_is_shown(lab: Project) -> None:
    matrix = "jobs:\n  a:\n    name: foo\n    matrix:\n      one: [foo2, 'foo']\n      two:\n        - foo  # sparse\n"
    lab.write({".github/workflows/all.yml": matrix, "docs/list.yml": "- foo\n"})
    done = lab.fumehood("retire", "foo", "--reason", "it is over", "--dry-run").assert_ok()
    assert [line.strip() for line in done.stdout.splitlines() if "all.yml" in line or "list.yml" in line] == [
        ".github/workflows/all.yml:5: one: [foo2, 'foo']",
        ".github/workflows/all.yml:7: - foo  # sparse",
    ]


def test_what_the_baseline_knows_of_it_goes_too(lab: Project) -> None:
    lab.write({f"experiments/{name}/experiment.toml": 'theme = "modle"\n' for name in ("foo", "foo2")})
    lab.fumehood("check", "--offline", "--baseline", "write")
    lab.commit()
    before = (lab.root / "fumehood-baseline.json").read_text()
    outcome = lab.fumehood("retire", "foo", "--reason", "stale").assert_ok()
    after = (lab.root / "fumehood-baseline.json").read_text()
    assert "  removed fumehood-baseline.json:" in outcome.stdout
    assert ('"foo"' in before, '"foo2"' in before) == (True, True)
    assert ('"foo"' in after, '"foo2"' in after) == (False, True)


def test_its_environment_and_the_layers_that_only_it_uses_go_and_others_stay(lab: Project) -> None:
    built = json.loads(lab.fumehood("env", "build", "--json").assert_ok().stdout)["environments"]
    own, other = (set(one["layers"]) for one in built)
    layer = next(iter(own - other))
    outcome = lab.fumehood("retire", "foo", "--reason", "stale").assert_ok()
    assert "  removed .nox/exp-foo, its environment\n" in outcome.stdout
    assert "\n  .nox/" not in outcome.stdout
    assert f"  removed layer {layer[:12]}, which no other environment uses\n" in outcome.stdout
    listed = json.loads(lab.fumehood("env", "list", "--json").assert_ok().stdout)
    assert [one["session"] for one in listed["environments"]] == ["exp-foo2"]
    assert {one["digest"] for one in listed["layers"]} == other
    assert not (lab.root / ".nox/exp-foo").exists()


def test_an_environment_in_use_is_not_taken_away_from_under_its_tests(lab: Project) -> None:
    lab.noxfile()
    lab.write(
        {
            "experiments/foo/test_foo.py": "import pathlib, time\n\ndef test_foo():\n"
            "    pathlib.Path('here').touch()\n    time.sleep(60)\n"
        }
    )
    lab.commit()
    process = lab.start(sys.executable, "-m", "nox", "-s", "exp-foo")
    deadline = time.monotonic() + 60
    while not (lab.root / "here").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = snapshot(lab.root)
    refused = lab.fumehood("retire", "foo", "--reason", "stale").assert_exit(3)
    assert re.sub(r"process \d+ on \S+( and process \d+ on \S+)*", "SOMEBODY", refused.stderr) == (
        f"{lab.root}/.nox/exp-foo is in use by SOMEBODY\n  → wait for it to end, and run it again\n"
    )
    assert snapshot(lab.root).keys() == before.keys()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_nothing_is_done_while_something_of_the_user_s_would_be_lost(lab: Project) -> None:
    lab.write(
        {
            ".gitignore": "*.ckpt\n__pycache__/\n",
            "experiments/foo/big.ckpt": "weights",
            "experiments/foo/__pycache__/foo.pyc": "",
            "experiments/foo/foo.py": "changed\n",
            "experiments/foo/new.py": "",
            "experiments/foo/staged.py": "",
        }
    )
    lab.git("init", "--quiet", "experiments/foo/clone")
    lab.git("add", "experiments/foo/staged.py")
    lab.git("update-index", "--skip-worktree", "experiments/foo/requirements.txt")
    lab.write({"experiments/foo/requirements.txt": "mine\n"})
    (lab.root / "experiments/foo/test_foo.py").unlink()
    before = snapshot(lab.root)
    refused = lab.fumehood("retire", "foo", "--reason", "stale").assert_exit(2)
    assert refused.stderr == (
        "experiments/foo: 6 of its files would be lost, since no commit holds them as they are\n"
        "  | experiments/foo/big.ckpt\n"
        "  | experiments/foo/clone/\n"
        "  | experiments/foo/foo.py\n"
        "  | experiments/foo/new.py\n"
        "  | experiments/foo/requirements.txt\n"
        "  | experiments/foo/staged.py\n"
        "  → commit them, move them away or delete them; those that git ignores count too\n"
    )
    assert snapshot(lab.root) == before


def test_it_is_refused_while_core_or_another_experiment_imports_it(lab: Project) -> None:
    lab.write(
        {
            "pyproject.toml": '[tool.fumehood]\nexperiments = ["acme/experiments/*"]\n',
            "acme/__init__.py": "",
            "acme/train.py": "def run(name):\n    from acme.experiments.one import model\n",
            "acme/registry.py": "import importlib\n\n\ndef get(name):\n"
            '    return importlib.import_module(f"acme.experiments.one.{name}")\n',
            "acme/experiments/__init__.py": "",
            "acme/experiments/one/__init__.py": "from acme.experiments.one import model\n",
            "acme/experiments/one/model.py": "",
            "acme/experiments/two/__init__.py": "\nimport acme.experiments.one.model\n",
            "acme/experiments/one/src/first.py": "",
            "acme/more.py": "import first\n",
        }
    )
    lab.commit()
    before = snapshot(lab.root)
    assert lab.fumehood("retire", "one", "--reason", "stale").assert_exit(2).stderr == (
        "acme/experiments/two/__init__.py:2: two imports acme.experiments.one.model, a part of acme/experiments/one\n"
        "  → move what is still needed, or take the import out\n"
        "acme/more.py:1: core imports first, a part of acme/experiments/one\n"
        "  → move what is still needed, or take the import out\n"
        "acme/registry.py:5: core imports what begins with 'acme.experiments.one.'\n"
        "  → move what is still needed, or take the import out\n"
        "acme/train.py:2: core imports acme.experiments.one.model, a part of acme/experiments/one\n"
        "  → move what is still needed, or take the import out\n"
    )
    assert snapshot(lab.root) == before


def test_without_git_or_a_commit_nobody_could_get_it_back(lab: Project, tmp_path: Path) -> None:
    lab.write({"experiments/bar/requirements.txt": ""})
    assert lab.fumehood("retire", "bar", "--reason", "stale").assert_exit(2).stderr == (
        "experiments/bar: 1 of its files would be lost, since no commit holds them as they are\n"
        "  | experiments/bar/requirements.txt\n"
        "  → commit them, move them away or delete them; those that git ignores count too\n"
    )
    (lab.root / ".git").rename(tmp_path / "git")
    refused = lab.fumehood("retire", "foo", "--reason", "stale").assert_exit(2).stderr
    assert refused.startswith(f"git does not take {lab.root} for a repository\n")
    lab.git("init", "--quiet")
    assert lab.fumehood("retire", "foo", "--reason", "stale").assert_exit(2).stderr == (
        "experiments/foo is in no commit, so nobody could get it back\n  → commit it first\n"
    )


def test_wrong_arguments_are_told_apart(lab: Project) -> None:
    assert lab.fumehood("retire", "fooo", "--reason", "stale").assert_exit(2).stderr == (
        "there is no experiment 'fooo'\n  → did you mean foo or foo2?\n"
    )
    assert lab.fumehood("retire", "foo", "--reason", "two\nlines").assert_exit(2).stderr == (
        'the reason is not one line of text\n  → give one, such as --reason "it is in core now"\n'
    )
    assert lab.fumehood("retire", "foo", "--reason", "done", "--upstreamed", "pull 7").assert_exit(2).stderr == (
        "'pull 7' is no link\n  → give an address that begins with https://\n"
    )
    lab.write({"experiments/foo/inner/experiment.toml": ""})
    lab.git("add", "experiments/foo/inner")
    lab.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},experiments/foo/sub")
    (lab.root / "experiments/foo/sub").mkdir()
    lab.git("commit", "--quiet", "--message", "Change")
    assert lab.fumehood("retire", "foo", "--reason", "done").assert_exit(2).stderr == (
        "experiments/foo: experiments/foo/inner is an experiment of its own inside it\n  → retire that one first\n"
        "experiments/foo: experiments/foo/sub is a submodule\n"
        "  → `git rm experiments/foo/sub` and commit that first\n"
    )


def test_one_with_a_mistake_in_it_and_one_that_is_a_link_can_be_retired_too(lab: Project) -> None:
    lab.write({"experiments/foo2/experiment.toml": "no toml", "shared/link.py": ""})
    (lab.root / "experiments/link").symlink_to("../shared")
    (lab.root / "README.md").unlink()
    (lab.root / "README.md").symlink_to("experiments/README.md")
    lab.commit()
    lab.fumehood("retire", "foo2", "--reason", "broken").assert_ok()
    lab.fumehood("retire", "link", "--reason", "gone").assert_ok()
    assert sorted(os.listdir(lab.root / "experiments")) == ["README.md", "RETIRED.md", "foo"]
    assert (lab.root / "shared/link.py").exists()


def test_killed_at_any_instant_the_same_command_completes_it(lab: Project) -> None:
    lab.write({f"experiments/foo/data/{n}.txt": f"{n}\n" for n in range(300)})
    head = lab.commit()
    command = ("retire", "foo", "--reason", "stale")
    begun = time.monotonic()
    lab.fumehood(*command).assert_ok()
    duration = time.monotonic() - begun
    whole = snapshot(lab.root)
    for number in range(5):
        lab.git("clean", "-fdxq")
        lab.git("reset", "--hard", "--quiet", head)
        process = lab.start(sys.executable, "-m", "fumehood", *command)
        time.sleep(duration * (0.6 + 0.08 * number))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert ".fumehood" not in lab.git("status", "--porcelain", "--untracked-files=all").stdout
        lab.fumehood(*command).assert_ok()
        assert snapshot(lab.root) == whole
        assert sorted(os.listdir(lab.root / "experiments")) == ["README.md", "RETIRED.md", "foo2"]
    again = lab.fumehood(*command).assert_ok()
    assert again.stdout.splitlines()[0] == "retired foo, whose folder has gone already"
