"""What a README shows: which sections are taken for what, and what counts as evidence in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumehood.outside.git import Git
from fumehood.outside.git_walk import known_commits
from fumehood.reading import markdown, rst
from fumehood.rules.evidence.readme import Readme
from support.rules import findings, said
from support.violations import BASE, MANIFEST, MODEL, README, experiment

if TYPE_CHECKING:
    from support.project import Project


def readme(text: str, *packages: str) -> Readme:
    return Readme(path="README.md", document=markdown.parse(text), packages=frozenset(packages))


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("Motivation", ["motivation"]),
        ("Why?", ["motivation"]),
        ("The problem", ["motivation"]),
        ("What's new", ["innovation"]),
        ("Our approach", ["innovation"]),
        ("Results", ["performance"]),
        ("Performance and loss convergence", ["performance", "convergence"]),
        ("Training curves", ["convergence"]),
        ("Loss over steps", ["convergence"]),
        ("Training with prior-preservation loss", []),
        ("Loss calculation", []),
        ("Usage", []),
        ("Renewal", []),
        ("Glossary", []),
    ],
)
def test_sections_are_known_by_their_headings(heading: str, kinds: list[str]) -> None:
    found = readme(f"# Title of performance\n\n## {heading}\n\ntext\n\n## Other\n").sections
    assert [kind for kind, sections in found.items() if sections] == kinds


@pytest.mark.parametrize(
    ("text", "is_number"),
    [
        ("It takes 12 s.", True),
        ("| tokens/s |\n| --- |\n| 1,234 |", True),
        ("It is 2.5x faster.", True),
        ("30% less memory", True),
        ("Much faster on 8 H100 GPUs with torch 2.7.1 and FP8.", False),
        ("With Python 3.11 on commit 0a1b2c3.", False),
        ("See section two.", False),
        ("```sh\nNGPU=8 python train.py --steps 100 --lr=0.1 --fast\n```", False),
        ("```\nstep=100 loss=2.1\n```", True),
    ],
)
def test_versions_hardware_and_commits_are_no_measurements(text: str, *, is_number: bool) -> None:
    shown = readme(f"## Performance\n\n{text}\n")
    assert shown.has_number(shown.sections["performance"][0]) is is_number


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("12 s on 8 H100, torch 2.7, commit 0a1b2c3", ()),
        ("12 s on 2 cores, requirements.lock as of [here](https://example.org/commit/0123456789abcdef)", ()),
        ("12 s on a MI300X with tinygrad==0.9, commit 1234567", ()),
        ("12 s on 8xH100s, torch 2.7, [commit](https://example.org/a/b/commit/0123456789abcdef)", ()),
        ("12 s on 1xH100 80GB, torch 2.7, [as](https://example.org/a/b/blob/0123456789abcdef/c.py)", ("commit",)),
        ("12 s on a GPU", ("hardware", "versions", "commit")),
        ("12 s on 4 GPUs, Python 3.12", ("commit",)),
        ("12 s with commit deadbee", ("hardware", "versions")),
        ("12 s\n\n## Other\n\n2 cores, Python 3.11, commit 0a1b2c3", ("hardware", "versions", "commit")),
        ("12 s\n\n## How it was measured\n\n2 cores, Python 3.11, commit 0a1b2c3", ()),
        ("12 s\n\n### On what\n\n2 cores, Python 3.11, commit 0a1b2c3", ()),
    ],
)
def test_numbers_name_hardware_versions_and_the_commit(text: str, lacks: tuple[str, ...]) -> None:
    shown = readme(f"## Performance\n\n{text}\n", "tinygrad")
    assert shown.lacks(shown.sections["performance"][0]) == lacks


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("TODO", "template"),
        ("To be written.", "template"),
        ("- TBD\n- TBD", "template"),
        ("Describe your results here.", "template"),
        ("...", "template"),
        ("[insert a figure]", "template"),
        ("Please describe the motivation of your experiment.", "template"),
        ("Replace this section with your results.", "template"),
        ("A short description of what is new.", "template"),
        ("- [ ] Add benchmark\n- *To be completed.*", "template"),
        ("Not yet measured.", "template"),
        ("{{ innovation }}", "template"),
        ("???", "template"),
        ("Add a bias to attention.", ""),
        ("Short sequences are cheap.", ""),
        ("Nothing in core does this.", ""),
        ("<!-- To do -->", "empty_section"),
        ("", "empty_section"),
        ("### Deeper", "empty_section"),
        ("TODO lists are what it is about.\n\nThey are long.", ""),
        ("It is done.", ""),
        ("![a](a.svg)", "broken_link"),
    ],
)
def test_sections_with_nothing_in_them_are_told_from_those_that_say_something(
    project: Project, text: str, rule: str
) -> None:
    project.write(BASE | experiment("one", README__md=README.replace("It can be done.", text)))
    found = findings(project, "evidence")
    assert [one.rule for one in found if one.rule != "evidence/missing-section"] == (
        [f"evidence/{rule.replace('_', '-')}"] if rule else []
    )


def test_what_only_a_model_has_to_show(project: Project) -> None:
    project.write(BASE | experiment("one") | experiment("fast", README__md=f"{README}\nIt is 3x faster than core.\n"))
    model = MANIFEST.replace("infrastructure", "model")
    project.write(
        experiment("two", experiment__toml=model) | experiment("none", README__md=None, README__rst="Hello\n")
    )
    project.write(experiment("picture", experiment__toml=model, README__md=MODEL.replace("COMMIT", "requirements")))
    assert said(project, "evidence/missing-section") == [
        "experiments/fast/README.md:0: no section is about performance, which it claims or its theme asks for",
        "experiments/none/README.rst:0: no section is about its motivation",
        "experiments/none/README.rst:0: no section is about what is new in it",
        "experiments/two/README.md:0: no section is about performance, which it claims or its theme asks for",
        "experiments/two/README.md:0: no section is about the convergence of its loss",
    ]


@pytest.mark.parametrize(
    ("introduction", "introduces"),
    [
        ("The goal is to see every graph.", True),
        ("It is built for post-training.", True),
        ("See [why](why.md) for the motivation.", True),
        ("It is fast, and no problem is too big.", False),
        ("It is new.\n\n## Usage\n\nThe goal is a number.", False),
    ],
)
def test_an_introduction_may_say_what_an_experiment_is_for(introduction: str, *, introduces: bool) -> None:
    assert readme(f"# One\n\n{introduction}\n\n## Approach\n\ntext\n").introduces is introduces


def test_hardware_may_stand_in_the_heading_and_a_curve_needs_numbers(project: Project) -> None:
    model = MANIFEST.replace("infrastructure", "model")
    text = (
        MODEL.replace("## Performance", "## Performance on 8 H100s")
        .replace(": 2 cores", "")
        .replace("COMMIT", "0a1b2c3")
    )
    project.write(BASE | experiment("one", experiment__toml=model, README__md=text))
    assert said(project, "evidence/no-provenance", "evidence/no-curve") == []
    table, chart = "| 100 | 2.1 | 2.1 |", "\n```mermaid\nxychart-beta\n    line [3.0, 2.1]\n```\n"
    project.write(experiment("one", experiment__toml=model, README__md=text.replace(table, chart)))
    assert said(project, "evidence/broken-link", "evidence/no-curve") == []
    project.write(experiment("one", experiment__toml=model, README__md=text.replace(table, "| | | |")))
    assert said(project, "evidence/no-curve") == [
        "experiments/one/README.md:15: the section 'Loss convergence' has neither a figure nor a table with numbers"
    ]


def test_links_and_pictures_lead_somewhere(project: Project) -> None:
    text = """
[here](#motivation) [top](/README.md) [up](../README.md#a-title-c) [folder](tests/) [web](https://example.invalid/x)
[mail](mailto:a@example.invalid) [host](//example.invalid) [space](a%20b.txt?raw=1) <a href="tests/test_it.py">html</a>
[ref][r] [line](tests/test_it.py#L3) <img src="/docs/a.svg"> [twice](#what-is-new) `[code](nowhere.md)`

[r]: ../README.md#b

[bad](nowhere.md) [bad](#nowhere) [bad](../README.md#nowhere)
[bad](../../../up.md) <img
  src="no.png"> [bad](/no.md)
![bad](no.svg)
<picture><source srcset="/docs/a.svg 1x, dark.svg 2x"></picture>
"""
    project.write(
        BASE
        | experiment("one", README__md=README + text, **{"a b__txt": ""})
        | {"README.md": "", "docs/a.svg": "", "experiments/README.md": '# A title: `c`!\n\n<a name="b"></a>\n'}
        | {"experiments/one/tests/test_it.py": ""}
    )
    assert [one.rpartition("/README.md:")[2] for one in said(project, "evidence/broken-link")] == [
        "17: the link #nowhere points nowhere: experiments/one/README.md has no heading for #nowhere",
        "17: the link ../README.md#nowhere points nowhere: experiments/README.md has no heading for #nowhere",
        "17: the link nowhere.md points nowhere: there is no experiments/one/nowhere.md",
        "18: the link ../../../up.md points nowhere: it leaves the repository",
        "18: the picture no.png points nowhere: there is no experiments/one/no.png",
        "19: the link /no.md points nowhere: there is no no.md",
        "20: the picture no.svg points nowhere: there is no experiments/one/no.svg",
        "21: the picture dark.svg points nowhere: there is no experiments/one/dark.svg",
    ]


def test_what_a_folder_without_a_manifest_lacks_is_a_note_and_a_proposal_s_a_warning(project: Project) -> None:
    project.write(BASE | experiment("found", experiment__toml=None, README__md=None))
    project.write(experiment("new", README__md=None, experiment__toml=MANIFEST + 'state = "proposed"\n'))
    project.write(experiment("old", README__md=None))
    assert [(one.experiment, one.severity) for one in findings(project, "evidence/no-readme")] == [
        ("found", "note"),
        ("new", "warning"),
        ("old", "error"),
    ]


def test_commits_are_looked_for_where_the_history_is_whole(project: Project) -> None:
    project.write(BASE | experiment("one"))
    first = project.commit("Begin")
    project.write({"experiments/one/new.py": ""})
    last = project.commit("Change an experiment")
    assert known_commits(Git(cwd=project.root), [first, last[:9], "0a1b2c3"]) == frozenset({first, last[:9]})
    project.write({"other/file": ""})
    shallow = project.root / "other" / "clone"
    project.git("clone", "--quiet", "--depth", "1", f"file://{project.root}", str(shallow))
    assert known_commits(Git(cwd=shallow), [first]) is None
    assert known_commits(Git(cwd=project.root.parent), [first]) is None


@given(st.text(st.sampled_from("#|-` []()<>!\n\\a1é&*_:/\"'=") | st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_at_all_is_read_as_markdown(text: str) -> None:
    document = markdown.parse(text)
    lines = len(text.splitlines()) + 1
    for section in document.sections:
        assert 1 <= section.line <= lines
        assert section in document.whole(section)
        assert all(1 <= target.line <= lines + 1 for target in section.targets)


RST = """\
=====
 One
=====

Motivation
----------

Core cannot, says `the guide <guide.rst>`_. See Nowhere_ and `what is new`_.

What is new
-----------

.. mermaid::

   graph TD

Performance
-----------

.. list-table::

   * - core
     - 20 s
   * - one
     - 12 s

Loss convergence
----------------

.. A comment that no reader sees.

.. figure:: loss.svg
   :alt: the loss of step 3
"""


def test_restructured_text_is_read_as_markdown_is(project: Project) -> None:
    model = MANIFEST.replace("infrastructure", "model")
    project.write(BASE | experiment("one", experiment__toml=model, README__md=None, README__rst=RST))
    lacks = "do not say on what hardware they were taken and with which versions and on which commit"
    no_heading = "experiments/one/README.rst has no heading for #nowhere"
    assert said(project, "evidence") == [
        f"experiments/one/README.rst:8: the link #nowhere points nowhere: {no_heading}",
        "experiments/one/README.rst:8: the link guide.rst points nowhere: there is no experiments/one/guide.rst",
        f"experiments/one/README.rst:17: the numbers of 'Performance' {lacks}",
        "experiments/one/README.rst:32: the picture loss.svg points nowhere: there is no experiments/one/loss.svg",
    ]
    bare = RST.partition("Performance")[0].replace(".. mermaid::\n\n   graph TD\n", ".. To do.\n")
    project.write({"experiments/one/README.rst": bare + "Loss convergence\n----------------\n\nIt is low.\n"})
    assert [one for one in said(project, "evidence") if "link" not in one] == [
        "experiments/one/README.rst:0: no section is about performance, which it claims or its theme asks for",
        "experiments/one/README.rst:10: the section 'What is new' is empty, but for a comment that no reader sees",
        "experiments/one/README.rst:15: the section 'Loss convergence' has neither a figure nor a table with numbers",
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("=-~`:_.*|[]<>#\n a1é\"'+\\"), max_size=50))
def test_any_text_at_all_is_read_as_restructured_text(text: str) -> None:
    document = rst.parse(text)
    for section in document.sections:
        assert section in document.whole(section)
        assert section.line >= 1
