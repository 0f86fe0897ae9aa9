"""`fumehood check --fix`: what stands between two lines is written, and not a byte outside them is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.errors import ConfigurationError
from fumehood.model.block import Markers
from fumehood.model.experiment import Experiment
from fumehood.reading import codeowners
from fumehood.rules.owner import lines

if TYPE_CHECKING:
    from support.project import Project

OWNERS = ("check", "--rule", "owner")
TABLE = """\
# Experiments

What is tried here.

<!-- fumehood: experiments -->

| experiment | theme | state | owners | about |
| --- | --- | --- | --- | --- |
| [`one`](one/) | model | active | @one-owner | A \\| B, \\<c> |
| [`two`](two/) | - | active | @core-owner | - |

<!-- fumehood: end of experiments -->
The end."""


NOTES = """\
core
  .github/CODEOWNERS: note [owner/unlisted]
    there is no CODEOWNERS, so the forge asks none of the owners in manifests to
    review
    → `fumehood check --fix` begins it
  experiments/README.md: note [owner/unlisted]
    no README tells whose the experiments in experiments are
    → `fumehood check --fix` begins it

two
  experiments/two: warning [owner/missing]
    nobody owns it
    → write owners in experiments/two/experiment.toml, or a line in CODEOWNERS

2 experiments checked: all fit; 1 warning; 2 notes
"""


@pytest.fixture
def lab(project: Project) -> Project:
    """An experiment with an owner of its own, and one that is whoever's CODEOWNERS says."""
    project.write(
        {
            "CODEOWNERS": "* @core-owner\n",
            "experiments/README.md": "# Experiments\n\nWhat is tried here.\n\n<!-- fumehood: experiments -->\n"
            "<!-- fumehood: end of experiments -->\nThe end.",
            "experiments/one/experiment.toml": 'theme = "model"\nowners = ["@one-owner"]\nsummary = "A | B, <c>"\n',
            "experiments/two/requirements.txt": "",
        }
    )
    return project


def test_codeowners_and_the_table_are_written_between_markers(lab: Project) -> None:
    shown = lab.fumehood(*OWNERS, "--fix", "--dry-run").assert_exit(1)
    assert shown.stdout.startswith(
        "--- a/CODEOWNERS\n"
        "+++ b/CODEOWNERS\n"
        "@@ -1 +1,6 @@\n"
        " * @core-owner\n"
        "+\n"
        "+# fumehood: experiments\n"
        "+# Written by `fumehood check --fix` from the manifests of the experiments.\n"
        "+/experiments/one/ @one-owner\n"
        "+# fumehood: end of experiments\n"
        "--- a/experiments/README.md\n"
    )
    assert (lab.root / "CODEOWNERS").read_text() == "* @core-owner\n"
    mended = lab.fumehood(*OWNERS, "--fix").assert_ok()
    assert mended.stdout == "2 experiments checked: all fit\n"
    assert mended.stderr == "mended CODEOWNERS\nmended experiments/README.md\n"
    assert (lab.root / "experiments/README.md").read_text() == TABLE.replace("\\<", "&lt;")
    again = lab.fumehood(*OWNERS, "--fix").assert_ok()
    assert again.stderr == ""
    assert lab.fumehood(*OWNERS, "--fix", "--dry-run").assert_ok().stdout == ""


def test_lines_of_experiments_that_are_gone_or_agree_by_now_leave_the_block(lab: Project) -> None:
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    lab.write({"experiments/three/experiment.toml": 'owners = ["@three-owner"]\ntheme = "model"\n'})
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    written = (lab.root / "CODEOWNERS").read_text()
    assert "/experiments/one/ @one-owner\n/experiments/three/ @three-owner\n" in written
    (lab.root / "experiments/one/experiment.toml").unlink()
    (lab.root / "experiments/one").rmdir()
    lab.write({"experiments/three/experiment.toml": 'owners = ["@Core-Owner"]\ntheme = "model"\n'})
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    assert "/experiments/" not in (lab.root / "CODEOWNERS").read_text()


def test_a_line_of_the_block_whose_experiment_was_removed_is_found_and_taken_out(lab: Project) -> None:
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    (lab.root / "experiments/one/experiment.toml").unlink()
    lab.git("init", "--quiet")
    lab.git("add", "--all")
    check = ("check", "--offline", "--rule", "coverage/no-match")
    assert (
        lab.fumehood(*check)
        .assert_ok()
        .stdout.startswith(
            "core\n"
            "  CODEOWNERS:5: warning [coverage/no-match]\n"
            "    /experiments/one/ matches no file\n"
            "    → `fumehood check --fix` takes it out of what it has written\n"
        )
    )
    mended = lab.fumehood("check", "--offline", "--rule", "coverage/no-match", "--rule", "owner/disagree", "--fix")
    assert mended.assert_ok().stderr == "mended CODEOWNERS\n"
    assert "/experiments/one/" not in (lab.root / "CODEOWNERS").read_text()


def test_what_a_later_line_decides_cannot_be_mended_and_is_said(lab: Project) -> None:
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    later = (lab.root / "CODEOWNERS").read_text() + "/experiments/ @all-owner\n"
    lab.write({"CODEOWNERS": later})
    outcome = lab.fumehood(*OWNERS, "--fix", "one").assert_exit(1)
    assert (lab.root / "CODEOWNERS").read_text() == later
    assert "  CODEOWNERS:7: error [owner/disagree]\n" in outcome.stdout


def test_sections_of_gitlab_get_a_section_for_experiments(lab: Project) -> None:
    lab.write({"CODEOWNERS": "[Core] @core-owner\n*\n\n^[Docs] @writers\n*.md\n"})
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    assert (lab.root / "CODEOWNERS").read_text().endswith("[Experiments]\n/experiments/one/ @one-owner\n"
                                                          "# fumehood: end of experiments\n")  # fmt: skip
    assert lab.fumehood(*OWNERS, "--fix").assert_ok().stderr == ""


def test_where_there_is_neither_both_are_begun_and_a_second_time_changes_nothing(lab: Project) -> None:
    for path in ("CODEOWNERS", "experiments/README.md"):
        (lab.root / path).unlink()
    lab.write({".github/workflows/ci.yml": ""})
    found = lab.fumehood(*OWNERS, "--notes").assert_ok()
    assert found.stdout == NOTES
    codeowners = f"{lines.MARKERS.begin}\n{lines.HEAD}/experiments/one/ @one-owner\n{lines.MARKERS.end}\n"
    shown = lab.fumehood(*OWNERS, "--fix", "--dry-run").assert_exit(1)
    assert shown.stdout.startswith("--- /dev/null\n+++ b/.github/CODEOWNERS\n@@ -0,0 +1,4 @@\n")
    assert not (lab.root / ".github/CODEOWNERS").exists()
    mended = lab.fumehood(*OWNERS, "--fix").assert_ok()
    assert mended.stderr == "mended .github/CODEOWNERS\nmended experiments/README.md\n"
    assert (lab.root / ".github/CODEOWNERS").read_text() == codeowners
    table = TABLE.replace("\\<", "&lt;").replace("\nWhat is tried here.\n", "").replace("@core-owner", "-")
    assert (lab.root / "experiments/README.md").read_text() == table.removesuffix("The end.")
    assert lab.fumehood(*OWNERS, "--fix").assert_ok().stderr == ""


def test_what_people_wrote_about_owners_and_what_they_do_not_want_is_left_alone(lab: Project) -> None:
    written = "# Experiments\n\n| name | Maintainers |\n| --- | --- |\n| one | @one-owner |\n"
    lab.write({"experiments/README.md": written, "pyproject.toml": '[tool.fumehood.rules]\n"owner/unlisted" = "off"\n'})
    (lab.root / "CODEOWNERS").unlink()
    assert "    the table of owners leaves it out\n" in lab.fumehood(*OWNERS).stdout
    assert lab.fumehood(*OWNERS, "--fix").stderr == ""
    (lab.root / "experiments/README.md").unlink()
    assert lab.fumehood(*OWNERS, "--fix").stderr == ""
    lab.write({"pyproject.toml": "", "experiments/README.rst": "Experiments\n"})
    (lab.root / "docs").mkdir()
    (lab.root / "docs/CODEOWNERS").symlink_to("nowhere")
    assert lab.fumehood(*OWNERS, "--fix").stderr == ""
    assert sorted(path.name for path in lab.root.glob("[!.]*")) == ["docs", "experiments", "pyproject.toml"]
    assert sorted(path.name for path in lab.root.glob("experiments/*")) == ["README.rst", "one", "two"]


def test_lines_about_a_part_of_an_experiment_keep_counting(lab: Project) -> None:
    before, below = "* @core-owner\n\n", "# Words\n/experiments/one/docs/ @writers\n*.rst @writers\n"
    lab.write({"CODEOWNERS": f"{before}{below}"})
    lab.fumehood(*OWNERS, "--fix").assert_ok()
    block = f"{lines.MARKERS.begin}\n{lines.HEAD}/experiments/one/ @one-owner\n{lines.MARKERS.end}\n"
    assert (lab.root / "CODEOWNERS").read_text() == f"{before}\n{block}\n{below}"


def test_a_file_that_cannot_be_written_safely_is_left_alone(lab: Project) -> None:
    lab.write({"experiments/README.md": "<!-- fumehood: experiments -->\n"})
    damaged = lab.fumehood(*OWNERS).assert_exit(1)
    assert "  experiments/README.md:1: error [owner/table]\n" in damaged.stdout
    lab.fumehood(*OWNERS, "--fix").assert_exit(2)
    lab.write({"experiments/README.md": "", "CODEOWNERS": "* @core-owner\n".encode("utf-16")})
    refused = lab.fumehood(*OWNERS, "--fix").assert_exit(2)
    assert refused.stderr == "CODEOWNERS: is no UTF-8 text\n  → save the file as UTF-8 text\n"
    lab.write({"CODEOWNERS": "* @core-owner\n", "experiments/two/experiment.toml": "theme = 3\n"})
    lab.fumehood(*OWNERS, "--fix").assert_exit(2)
    assert (lab.root / "CODEOWNERS").read_text() == "* @core-owner\n"


MARKERS = Markers(begin="# begin", end="# end")
pieces = st.sampled_from(
    [
        "* @all",
        "/experiments/ @others",
        "/experiments/a/",
        "/experiments/a/docs/ @w",
        "# begin x",
        "",
        "  ",
        "[Docs] @w",
        "é",
        b"\\ufeff".decode(),
    ]
)
newlines = st.sampled_from(["\n", "\r\n"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Lines that end as they do on some system, with or without a last end, with or without a mark of the encoding."""
    newline = draw(newlines)
    text = newline.join(draw(st.lists(pieces, max_size=6))) + draw(st.sampled_from(["", newline]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


@given(files(), st.sampled_from(["", "x\n", "x\ny\n"]), st.sampled_from(["", "z\n"]))
def test_a_block_is_appended_once_and_what_is_outside_stays(content: bytes, body: str, other: str) -> None:
    assert MARKERS.find(content, name="x") is None
    first = MARKERS.inserted(content).rewritten(body)
    assert first.startswith(content)
    block = MARKERS.find(first, name="x")
    assert block
    assert block.body == body
    assert block.rewritten(body) == first
    again = MARKERS.find(block.rewritten(other), name="x")
    assert again
    assert again.outside == block.outside
    assert again.rewritten(body) == first


@given(files(), files(), st.sampled_from(["", "x\n"]))
def test_a_block_in_the_middle_keeps_what_is_around_it(before: bytes, after: bytes, body: str) -> None:
    content = (before if before.endswith(b"\n") or not before else before + b"\n") + b"# begin\n# end\r\n" + after
    block = MARKERS.find(content, name="x")
    assert block
    written = block.rewritten(body)
    again = MARKERS.find(written, name="x")
    assert again
    assert (again.body, again.outside) == (body, block.outside)


@pytest.mark.parametrize(
    "text", ["# begin\n", "# end\n", "# end\n# begin\n", "# begin\n# begin\n# end\n", "# begin # end"]
)
def test_markers_that_do_not_enclose_one_block_are_a_mistake(text: str) -> None:
    if text == "# begin # end":
        assert MARKERS.find(text.encode(), name="x") is None
        return
    with pytest.raises(ConfigurationError, match="not one beginning and one end"):
        MARKERS.find(text.encode(), name="x")


owner_lists = st.lists(st.sampled_from(["@one", "@two", "@org/team"]), max_size=2, unique=True).map(tuple)
experiments = st.lists(
    st.builds(
        lambda name, owners: Experiment(name=name, path=f"experiments/{name}", declared_owners=owners),
        st.sampled_from(["a", "b", "c c"]),
        owner_lists,
    ),
    max_size=3,
    unique_by=lambda one: one.name,
)


def around(content: bytes) -> list[bytes]:
    """The lines outside a block, but for empty ones, which set it off."""
    if block := lines.MARKERS.find(content, name="x"):
        head, _, _ = content[: block.start].rpartition(lines.MARKERS.begin.encode())
        content = head + content[block.end :].partition(lines.MARKERS.end.encode())[2]
    return [line.rstrip() for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]


@given(files(), experiments, experiments)
def test_codeowners_is_right_after_one_fix_and_the_same_after_two(
    content: bytes, before: list[Experiment], now: list[Experiment]
) -> None:
    for wanted in (before, now):
        fixed = lines.rewritten(content, "CODEOWNERS", wanted)
        assert lines.rewritten(fixed, "CODEOWNERS", wanted) == fixed
        block = lines.MARKERS.find(fixed, name="CODEOWNERS")
        assert block
        assert around(fixed) == around(content)
        parsed = codeowners.parse(fixed.decode("utf-8-sig"), path="CODEOWNERS")
        assert all(lines.is_agreed(parsed, one) for one in wanted if one.declared_owners)
        content = fixed
