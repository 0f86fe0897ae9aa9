from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.errors import FumehoodError
from fumehood.model.experiment import LAYOUTS, STATES, GpuDemand
from fumehood.reading import manifest
from fumehood.reading.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

NAME = "experiments/a/experiment.toml"


def read(folder: Path, text: str) -> Manifest:
    (folder / "experiment.toml").write_text(text)
    return manifest.read(f"{folder}/experiment.toml", name=NAME)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(FumehoodError) as caught:
        read(folder, text)
    return str(caught.value)


def test_an_empty_manifest_says_that_a_folder_is_an_experiment(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Manifest()
    assert Manifest().state == "active"


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "deps.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "checks").mkdir()
    text = """\
theme = "vision"
summary = "Does one thing."
owners = ["@example-owner", "@example-org/team", "someone@example.invalid"]
state = "suspended"
python = "3.12"
requirements = ["deps.txt"]
groups = ["gpu"]
extras = ["fast"]
tests = ["checks"]
layout = "flat"

[gpus]
count = 2
memory = "40GiB"
compute_capability = "9.0"
vendor = "nvidia"
"""
    assert read(tmp_path, text) == Manifest(
        theme="vision",
        summary="Does one thing.",
        owners=("@example-owner", "@example-org/team", "someone@example.invalid"),
        state="suspended",
        python=("3.12",),
        requirements=("deps.txt",),
        groups=("gpu",),
        extras=("fast",),
        tests=("checks",),
        layout="flat",
        gpus=GpuDemand(count=2, memory="40GiB", compute_capability="9.0", vendor="nvidia"),
    )
    assert read(tmp_path, "gpus = 4\n").gpus == GpuDemand(count=4)


def test_six_mistakes_are_said_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = """\
sumary = "Misspelt."
owners = ["example-owner"]
state = "on hold"
python = 3.12
requirements = ["../../requirements.txt", "missing.txt"]

[gpus]
count = 0
memory = "lots"
"""
    assert complaint(tmp_path, text) == (
        f"{NAME}:1: unknown key 'sumary'\n"
        "  → did you mean summary?\n"
        f"{NAME}:2: 'example-owner' is no owner\n"
        "  → write a handle, @name or @org/team, or an address\n"
        f"{NAME}:3: state is 'on hold'\n"
        "  → use one of proposed, active, suspended, graduated, retired\n"
        f"{NAME}:4: python is a list of strings, not a number\n"
        '  → write python = ["…"]\n'
        f"{NAME}:5: '../../requirements.txt' leaves the experiment's folder\n"
        "  → give a path inside the folder\n"
        f"{NAME}:5: 'missing.txt' does not exist\n"
        "  → correct the path, or add the file\n"
        f"{NAME}:8: count is a whole number of at least 1, not 0\n"
        "  → write count = 1\n"
        f"{NAME}:9: memory is 'lots'\n"
        '  → write a size such as "40GiB"'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("theme = 1", ':1: theme is a string, not 1\n  → write theme = "…"'),
        ("\nlayout = true", ':2: layout is a string, not a boolean\n  → write layout = "…"'),
        ("layout = 'deep'", ":1: layout is 'deep'\n  → use one of auto, flat"),
        (
            'summary = """\none\ntwo"""',
            ":1: summary has several lines\n  → keep it to one line; the README has room for more",
        ),
        ("gpus = true", ":1: gpus is a whole number of at least 1, not a boolean\n  → write gpus = 1"),
        ("gpus = []", ":1: gpus is a whole number of at least 1, not a list\n  → write gpus = 1"),
        ("[gpus]\ngpu = 1", ":2: unknown key 'gpu'\n  → known keys: compute_capability, count, memory, vendor"),
        ("[gpus]\ncompute_capability = 'new'", ":2: compute_capability is 'new'\n  → write a version such as \"9.0\""),
        ("python = ['3.12', '>=3.12']", ":1: '>=3.12' is no Python version\n  → write a version such as \"3.12\""),
        ("python = ['3.12', '3.12']", ":1: '3.12' is named twice\n  → remove one of them"),
        ("requirements = ['.']", ":1: '.' is a folder\n  → name a requirements file"),
        ("tests = '/tests'", ":1: '/tests' leaves the experiment's folder\n  → give a path inside the folder"),
        (
            "groups = 'gpu'",
            ":1: groups are those of pyproject.toml, and there is none beside it\n  → add it, or remove this",
        ),
        ("owners = {a = 1}", ':1: owners is a list of strings, not a table\n  → write owners = ["…"]'),
    ],
)  # fmt: skip
def test_each_mistake_says_what_is_meant(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path, text) == NAME + expected


def test_the_states_and_layouts_are_those_of_the_glossary(tmp_path: Path) -> None:
    for state in STATES:
        assert read(tmp_path, f"state = '{state}'").state == state
    for layout in LAYOUTS:
        assert read(tmp_path, f"layout = '{layout}'").layout == layout


values = st.recursive(
    st.none().map(lambda _: '"@example"') | st.sampled_from(["1", "true", "1979-05-27", "''", '"3.12"', "1.5", "nan"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | inner.map(lambda item: f"{{count = {item}, x = {item}}}")
    ),
    max_leaves=4,
)
keys = st.sampled_from(
    ["theme", "summary", "owners", "state", "python", "requirements", "groups", "tests", "gpus", "x"]
)


@given(st.dictionaries(keys, values, max_size=5))
def test_values_of_any_kind_are_read_or_refused_with_a_line(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, str]
) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in entries.items())
    folder = tmp_path_factory.mktemp("experiment")
    try:
        read(folder, text)
    except FumehoodError as error:
        mistakes = getattr(error, "mistakes", (error,))
        assert all(mistake.place and 1 <= mistake.place.line <= len(entries) for mistake in mistakes)
