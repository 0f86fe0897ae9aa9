"""``fumehood status``: what git, results, locks and manifests say of each experiment, for all who ask."""

from __future__ import annotations

import html.parser
import json
import os
import random
import resource
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from fumehood.outside.git import Git
from fumehood.outside.git_walk import since, walk
from fumehood.testing.results import Origin, Result, Status, default_folder, record
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from support.project import Outcome, Project

TODAY = {"FUMEHOOD_TODAY": "2026-06-30", "COLUMNS": ""}
MANIFEST = 'theme = "model"\nowners = ["@example-owner"]\n'


def committed(project: Project, day: str, files: dict[str, str | bytes]) -> str:
    project.env["GIT_COMMITTER_DATE"] = f"{day}T12:00:00Z"
    project.write(files)
    return project.commit()


def ran(  # noqa: PLR0913 - what runs differ in
    project: Project,
    name: str,
    day: str,
    commit: str,
    status: Status = "passed",
    *,
    reason: str = "",
    arguments: tuple[str, ...] = (),
) -> None:
    result = Result(
        session=f"exp-{name}",
        experiment=name,
        status=status,
        started=f"{day}T13:00:00Z",
        origin=Origin(commit=commit, core_dirty=False, dirty=False),
        reason=reason,
        arguments=arguments,
    )
    record(default_folder(project.root, project.env), f"exp-{name}", result)


@pytest.fixture
def lab(project: Project) -> Project:
    """Five experiments: one well, one that fails, one that nobody looks after, one suspended, one in conflict."""
    first = committed(
        project,
        "2026-01-01",
        {
            ".gitignore": "/.nox/\n",
            "requirements.txt": "alpha\n",
            "experiments/lost/experiment.toml": MANIFEST,
            "experiments/resting/experiment.toml": MANIFEST + 'state = "suspended"\n',
            "experiments/well/experiment.toml": MANIFEST + 'summary = "Is <b>well</b> & \\"quoted\\""\n',
            "experiments/failing/experiment.toml": MANIFEST + 'state = "proposed"\n',
        },
    )
    second = committed(project, "2026-06-01", {"core.py": "", "experiments/failing/a.py": ""})
    committed(project, "2026-06-10", {"core.py": "A = 1\n", "experiments/README.md": "# Experiments\n"})
    readme = f"# Well\n\n## Performance\n\n3.5 s on commit {first[:10]}, 3.4 s on commit {second[:10]}.\n"
    committed(
        project, "2026-06-20", {"experiments/well/README.md": readme, "experiments/clash/requirements.txt": "alpha<2\n"}
    )
    committed(project, "2026-06-21", {"experiments/clash/requirements.txt": "alpha<2\nalpha>=2\n"})
    ran(project, "well", "2026-06-02", second)
    ran(project, "failing", "2026-06-02", second)
    ran(project, "failing", "2026-06-11", first, "failed", reason="1 of 3 tests failed")
    ran(project, "lost", "2026-01-02", "0" * 40)
    return project


TEXT = """\
experiment  state      result       commit  versions   core        owners          next step
clash       active     none         9d      conflict               nobody          warn 2026-12-18
failing     proposed   failed 19d   29d     not known  +1 green    @example-owner  warn 2026-07-11
lost        active     passed 179d  180d    not known  ? green     @example-owner  suspend since 2026-05-02, \
remove 2026-07-31
resting     suspended  none         180d    not known              @example-owner  remove since 2026-04-01
well        active     passed 28d   10d     not known  +2 numbers  @example-owner  warn 2026-08-31

5 experiments: 1 failing, 1 in conflict, 1 to be suspended, 1 to be removed
"""
NARROW = """\
experiment  state      result       commit  versions   core
clash       active     none         9d      conflict
  nobody; warn 2026-12-18
failing     proposed   failed 19d   29d     not known  +1 green
  @example-owner; warn 2026-07-11
lost        active     passed 179d  180d    not known  ? green
  @example-owner; suspend since 2026-05-02, remove 2026-07-31
resting     suspended  none         180d    not known
  @example-owner; remove since 2026-04-01
well        active     passed 28d   10d     not known  +2 numbers
  @example-owner; warn 2026-08-31

5 experiments: 1 failing, 1 in conflict, 1 to be suspended, 1 to be removed
"""


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        (("--gpu-tests=only", "--gpus=require"), True),
        (("--gpu-tests", "none", "--gpus", "auto"), True),
        (("--gpus=require", "-k", "fast"), False),
        (("--gpus", "require", "fast.py"), False),
    ],
)
def test_a_run_of_all_tests_of_a_part_counts_and_one_of_some_tests_does_not(
    lab: Project, arguments: tuple[str, ...], *, counts: bool
) -> None:
    ran(lab, "well", "2026-06-25", "0" * 40, "failed", arguments=arguments)
    told = lab.fumehood("status", env=TODAY).assert_ok().stdout
    assert ("2 failing" in told) is counts


def test_the_whole_answer_for_people(lab: Project) -> None:
    outcome = lab.fumehood("status", env=TODAY).assert_ok()
    assert outcome.stderr == ""
    assert outcome.stdout == TEXT
    assert lab.fumehood("status", env=TODAY | {"COLUMNS": "140"}).assert_ok().stdout == TEXT


def test_on_a_narrow_terminal_each_experiment_has_two_lines(lab: Project) -> None:
    assert lab.fumehood("status", env=TODAY | {"COLUMNS": "80"}).assert_ok().stdout == NARROW


def said(lab: Project) -> dict[str, dict[str, object]]:
    answer = json.loads(lab.fumehood("status", "--json", env=TODAY).assert_ok().stdout)
    assert mistakes(answer, schema("status")) == []
    return {one["name"]: one for one in answer["experiments"]}


def test_the_answer_for_programs_holds_what_it_follows_from(lab: Project) -> None:
    second = lab.git("rev-parse", "HEAD~3").stdout.strip()
    assert said(lab)["failing"] == {
        "name": "failing",
        "path": "experiments/failing",
        "state": "proposed",
        "theme": "model",
        "summary": "",
        "owners": ["@example-owner"],
        "result": {
            "session": "exp-failing",
            "status": "failed",
            "reason": "1 of 3 tests failed",
            "started": "2026-06-11T13:00:00Z",
            "commit": lab.git("rev-parse", "HEAD~4").stdout.strip(),
        },
        "commit": {"id": second, "time": "2026-06-01T12:00:00+00:00", "at_least": False},
        "versions": {
            "status": "not known",
            "reasons": ["core's lock is missing or not current, so only resolving could tell"],
        },
        "evidence": {"source": "green", "commit": second, "core_moved": 1},
        "health": {
            "reason": "it fails since 2026-06-11, and no commit has answered",
            "due": None,
            "steps": [
                {"step": "warn", "on": "2026-07-11"},
                {"step": "suspend", "on": "2026-08-10"},
                {"step": "remove", "on": "2026-11-08"},
            ],
        },
    }


def test_core_s_way_since_then_is_counted_across_merges(lab: Project) -> None:
    lab.git("switch", "--quiet", "--create", "side", "HEAD~3")
    committed(lab, "2026-06-22", {"side.py": ""})
    committed(lab, "2026-06-23", {"side.py": "A = 1\n"})
    lab.git("switch", "--quiet", "main")
    lab.git("merge", "--quiet", "--no-ff", "--message", "Merge", "side")
    moved = {name: (one["evidence"] or {}).get("core_moved") for name, one in said(lab).items()}  # type: ignore[attr-defined]  # as the schema says
    # Since the second commit: one to core, and two of side's. Since the first: the second too.
    assert moved == {"clash": None, "failing": 3, "lost": None, "resting": None, "well": 4}


@pytest.mark.parametrize("seed", range(3))
def test_how_far_core_has_moved_is_what_git_counts_in_any_history(project: Project, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the shape of a history, no secret
    stream = []
    for number in range(1, 31):
        parents = sorted(chance.sample(range(max(1, number - 6), number), min(number - 1, chance.choice([1, 1, 1, 2]))))
        links = "".join(f"{'merge' if at else 'from'} :{parent}\n" for at, parent in enumerate(parents))
        # Clocks that are wrong make children older than their parents.
        when = 1767225600 + number * 100 - chance.choice([0, 0, 0, 1000])
        about = f"committer A <a@example.org> {when} +0000\ndata 1\nC\n{links}"
        change = f"M 100644 inline core{number}\ndata 0\n\n"
        stream.append(f"commit refs/heads/{'main' if number == 30 else f'b{number}'}\nmark :{number}\n{about}{change}")
    (project.root / "stream").write_text("".join(stream))
    project.run("sh", "-c", "git fast-import --quiet --force < stream && git reset --quiet --hard main").assert_ok()
    names = project.git("rev-list", "--all").stdout.split()
    git = Git(cwd=project.root, environ=project.env)
    seen = walk(git, (), back_to=datetime.fromtimestamp(0, tz=UTC))
    reached = set(project.git("rev-list", "HEAD").stdout.split())
    for name in names:
        counted = int(project.git("rev-list", "--count", "--no-merges", f"{name}..HEAD").stdout)
        assert since(seen, name) == (counted if name in reached else None)


def test_in_a_shallow_clone_ages_are_lower_bounds(lab: Project) -> None:
    lab.git("clone", "--quiet", "--depth", "1", f"file://{lab.root}", str(lab.root / ".nox/shallow"))
    outcome = lab.run(
        *lab.fumehood("--version").argv[:3], "--root", str(lab.root / ".nox/shallow"), "status", env=TODAY
    ).assert_ok()
    lines = squeezed(outcome.stdout)
    assert lines[1] == "clash active none ≥ 9d conflict nobody warn 2026-12-18"
    assert lines[3] == "lost active none ≥ 9d not known @example-owner warn 2026-12-18"
    assert lines[-1] == "this clone is shallow, so commits may be older than they seem"


def test_without_git_results_or_experiments_it_says_what_there_is(project: Project) -> None:
    assert project.fumehood("status").assert_ok().stdout == "no experiments\n"
    project.write({"experiments/a/requirements.txt": "", "experiments/b/experiment.toml": "state = 1\n"})
    (project.root / ".git").rename(project.root / "git")
    outcome = project.fumehood("--root", ".", "status", env=TODAY).assert_exit(2)
    assert squeezed(outcome.stdout) == [
        "experiment state result commit versions core owners next step",
        "a active none none not known nobody",
        "",
        "1 experiment: all well, as far as is known",
    ]
    assert outcome.stderr == ('experiments/b/experiment.toml:1: state is a string, not 1\n  → write state = "…"\n')


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: texts of cells, and everything that could be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [f"{key}={value}" for key, value in attrs if key in {"src", "href", "srcset", "action"}]
        if tag == "tr":
            self.rows.append([])
        if tag in {"th", "td"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and "script" not in self.tags:
            self.rows[-1][-1] += data.strip() and f" {data.strip()}"


def test_the_page_holds_the_same_needs_nothing_from_elsewhere_and_escapes_what_it_shows(lab: Project) -> None:
    lab.write({"experiments/well/experiment.toml": MANIFEST + 'summary = "<script>alert(1)</script> \'\\" & $rows"\n'})
    outcome = lab.fumehood("status", "--html", "out/status.html", env=TODAY).assert_ok()
    assert (outcome.stdout, outcome.stderr) == ("out/status.html\n", "")
    text = (lab.root / "out/status.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.addresses == []
    assert page.tags.count("script") == 1
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    rows = [[cell.strip() for cell in row] for row in page.rows]
    assert rows[0] == ["experiment", "state", "result", "commit", "versions", "core", "owners", "next step"]
    assert rows[1][:5] == [
        "clash",
        "active",
        "none",
        "9d",
        "conflict no version of alpha satisfies these 2 lines together",
    ]
    assert rows[2][2] == "failed 19d 1 of 3 tests failed"
    assert rows[3][7] == "suspend since 2026-05-02, remove 2026-07-31 no green result since 2026-01-02"
    assert rows[5][0].startswith("well <script>alert(1)</script> '\" & $rows")
    assert "5 experiments: 1 failing, 1 in conflict, 1 to be suspended, 1 to be removed" in text


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have only UTF-8 names")
def test_the_page_of_a_folder_whose_name_is_not_utf_8_writes_it_out(project: Project) -> None:
    here = replace(project, root=project.root / os.fsdecode(b"a\xff"))
    here.write({"experiments/one/requirements.txt": ""})
    here.fumehood("--root", ".", "status", "--html", "page.html", env=TODAY).assert_ok()
    assert "a\\udcff" in (here.root / "page.html").read_text(encoding="utf-8")


def test_two_answers_at_once_are_refused(lab: Project) -> None:
    assert lab.fumehood("status", "--json", "--html", "x.html").assert_exit(2).stderr == (
        "--html and --json are two answers\n  → ask for one at a time\n"
    )


def test_a_thousand_experiments_take_seconds_and_as_many_processes_as_one(project: Project) -> None:
    def own(number: int) -> str:
        return f"M 100644 inline experiments/e{number:04}/requirements.txt\ndata 0\n\n"

    author = "committer A <a@example.org> {} +0000\ndata 1\nC\n"
    stream = [
        f"commit refs/heads/main\nmark :{n}\n{author.format(1767225600 + n)}"
        + (f"from :{n - 1}\n" if n > 1 else "")
        + own(n - 1)
        for n in range(1, 1001)
    ]
    (project.root / "stream").write_text("".join(stream))
    project.run("sh", "-c", "git fast-import --quiet < stream && git reset --quiet --hard main").assert_ok()
    heads = project.git("rev-list", "main").stdout.split()
    for number in range(0, 1000, 10):
        ran(project, f"e{number:04}", "2026-06-01", heads[number])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = project.run(sys.executable, "-m", "fumehood", "status", "--json", env=TODAY).assert_ok()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(json.loads(outcome.stdout)["experiments"]) == 1000
    # Processor time, which a busy machine hardly disturbs.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 5


def gate(lab: Project, *arguments: str, code: int = 1) -> Outcome:
    return lab.fumehood("release-gate", *arguments).assert_exit(code)


def test_a_release_gate_tells_what_is_not_green_on_that_core_since_when_and_whose_it_is(lab: Project) -> None:
    lab.git("tag", "v1.2", "HEAD~2")
    lab.git("tag", "thecore-1.3", "HEAD")
    tagged, head = lab.git("rev-parse", "HEAD~2", "HEAD").stdout.split()
    second = lab.git("rev-parse", "HEAD~3").stdout.strip()
    ran(lab, "well", "2026-06-12", head)
    ran(lab, "failing", "2026-06-13", tagged, "failed", reason="it | broke")
    ran(lab, "failing", "2026-06-14", head, "failed", reason="it | broke")
    ran(lab, "lost", "2026-06-14", head)
    outcome = gate(lab, "1.2")
    assert outcome.stderr == ""
    assert squeezed(outcome.stdout) == squeezed(f"""\
1.2 (v1.2, {tagged[:9]} of 2026-06-10): 2 of 4 experiments are not green on it

experiment  owners          how it stands       since       last green
clash       nobody          not run on it       2026-06-10  never
failing     @example-owner  failed: it | broke  2026-06-13  2026-06-02, {second[:9]}

left out: resting (suspended)
""")
    assert (
        gate(lab, "v1.2", "--format", "markdown").stdout
        == f"""\
v1.2 (v1.2, {tagged[:9]} of 2026-06-10): 2 of 4 experiments are not green on it

| experiment | owners | how it stands | since | last green |
| --- | --- | --- | --- | --- |
| clash | nobody | not run on it | 2026-06-10 | never |
| failing | @example-owner | failed: it \\| broke | 2026-06-13 | 2026-06-02, {second[:9]} |

left out: resting (suspended)
"""
    )
    answer = json.loads(gate(lab, "1.3", "--json").stdout)
    assert mistakes(answer, schema("release-gate")) == []
    assert answer["release"] == {"version": "1.3", "ref": "thecore-1.3", "commit": head}
    assert [(one["name"], one["status"], one["since"]) for one in answer["not_green"]] == [
        ("clash", "not run on it", "2026-06-21"),
        ("failing", "failed: it | broke", "2026-06-14"),
    ]
    assert answer["left_out"] == [{"name": "resting", "state": "suspended"}]
    ran(lab, "clash", "2026-06-22", head)
    ran(lab, "failing", "2026-06-22", head)
    assert gate(lab, "1.3", code=0).stdout == (
        f"1.3 (thecore-1.3, {head[:9]} of 2026-06-21): all 4 experiments are green on it\n\n"
        "left out: resting (suspended)\n"
    )


def test_a_run_with_changes_that_nobody_committed_proves_nothing_for_a_release(lab: Project) -> None:
    head = lab.git("rev-parse", "HEAD").stdout.strip()
    for origin in (
        Origin(commit=head, core_dirty=True, dirty=False),
        Origin(commit=head, core_dirty=False, dirty=True),
    ):
        result = Result(
            session="exp-well", experiment="well", status="passed", started="2026-06-22T00:00:00Z", origin=origin
        )
        record(default_folder(lab.root, lab.env), "exp-well", result)
    assert "well @example-owner not run on it" in "\n".join(squeezed(gate(lab, head).stdout))


def test_a_release_that_is_not_there_or_not_clear_is_said(lab: Project) -> None:
    lab.git("tag", "a-2.0")
    lab.git("tag", "b-2.0")
    assert gate(lab, "2.0", code=2).stderr == (
        "a-2.0 and b-2.0 are all releases 2.0\n  → name the tag that is meant in full\n"
    )
    assert gate(lab, "9", code=2).stderr.startswith("there is no branch, tag or commit '9' here\n")
