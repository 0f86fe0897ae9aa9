"""A stacked environment answers every question as a flat one with the same pins does; where it could not, it is flat.

The environment that fumehood stacks is compared with one that uv installs the same pins into without any fumehood.
"""

from __future__ import annotations

from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import pytest

from support import environments
from support.fidelity import assert_faithful, plain_environment
from support.wheelhouse import repack
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

_SHRINKING = (
    Wheel(
        name="shrinking",
        version="1.0",
        requires=("shrink-helper",),
        files={
            "shrinking/__init__.py": '__version__ = "1.0"\n',
            "shrinking/old.py": "OLD = True\n",
            "shrinking_extra.py": "EXTRA = True\n",
            "shrinking_start.py": "import sys\n\nsys.shrinking_started = True\n",
            "shrinking.pth": "import shrinking_start\n",
            "acme/shrinking/__init__.py": "",
        },
        scripts={"shrinking-script": "#!python\nprint('shrinking 1.0')\n"},
        console_scripts={"shrinking-old": "shrinking.old:main", "shrinking": "shrinking_cli:main"},
        entry_points={"acme.plugins": {"shrinking": "shrinking:plug"}},
        data={"share/shrinking/old.txt": "old\n", "share/shrinking/both.txt": "1.0\n", "etc/shrinking.cfg": "1.0\n"},
    ),
    Wheel(
        name="shrinking",
        version="2.0",
        files={"shrinking/__init__.py": '__version__ = "2.0"\n', "shrinking/new.py": "NEW = True\n"},
        data={"share/shrinking/both.txt": "2.0\n", "etc/shrinking.cfg": "2.0\n"},
    ),
    Wheel(name="shrink-helper", version="1.0", console_scripts={"shrink-helper": "shrink_helper:main"}),
)

_UNTIDY = (
    Wheel(
        name="untidy-one", version="1.0", files={"untidy_one.py": "", "tests/__init__.py": "", "tests/test_one.py": ""}
    ),
    Wheel(
        name="untidy-two", version="1.0", files={"untidy_two.py": "", "tests/__init__.py": "", "tests/test_two.py": ""}
    ),
    Wheel(
        name="untidy-two", version="2.0", files={"untidy_two.py": "", "tests/__init__.py": "", "tests/test_two.py": ""}
    ),
    Wheel(
        name="folder-one", version="1.0", files={"folder_one.py": "", "assets/one.txt": "1", "tests/test_folder.py": ""}
    ),
    Wheel(
        name="folder-two", version="1.0", files={"folder_two.py": "", "assets/two.txt": "2", "tests/test_two.py": ""}
    ),
    Wheel(name="shadow-one", version="1.0", files={"shadow/__init__.py": 'WHO = "one"\n'}),
    Wheel(name="shadow-two", version="1.0", files={"shadow.py": 'WHO = "two"\n'}),
)


@pytest.fixture(scope="session")
def _awkward(wheelhouse: Path) -> None:
    build_all((*_SHRINKING, *_UNTIDY), wheelhouse)
    repack(distribution("pip"), wheelhouse)


@pytest.mark.usefixtures("_awkward")
@pytest.mark.parametrize(
    ("core", "experiment", "changes"),
    [
        pytest.param(
            ["nsone", "legacy-one", "withdata", "gamma", "withpth", "extras-demo[fast]", "folder-one"],
            ["nstwo", "legacy-two", "withplugin", "reader", "delta-lib", "folder-two"],
            [],
            id="namespaces, data, start-up files, plugins, extras and commands",
        ),
        pytest.param(
            ["nstwo", "legacy-two", "withplugin", "reader"],
            ["nsone", "legacy-one", "withdata", "gamma", "withpth", "extras-demo[fast]"],
            [],
            id="the same the other way round",
        ),
        pytest.param(
            ["shrinking>=1", "nsone"],
            ["shrinking==1.0", "nstwo"],
            ["shrinking 2.0 → 1.0"],
            id="a changed pin that has more",
        ),
        pytest.param(["shrinking<2", "nsone"], [], [], id="an experiment that adds nothing but what testing needs"),
        pytest.param([], ["shrinking<2", "nsone"], [], id="a core without requirements"),
        pytest.param(
            ["transformers", "pip"],
            ["transformers<4.57"],
            [
                "tokenizers 0.23.3 → 0.21.4",
                "transformers 5.0.0 → 4.50.0",
            ],
            id="two changed pins that belong together",
        ),
    ],
)
def test_stacked_and_flat_give_the_same_answers(
    project: Project, core: list[str], experiment: list[str], changes: list[str]
) -> None:
    stacked, state = build(project, core, experiment)
    assert (state["layout"], state["why_flat"], state["changes"]) == ("stacked", None, changes)
    compare(project, stacked, state)


@pytest.mark.usefixtures("_awkward")
@pytest.mark.parametrize(
    ("core", "experiment", "why"),
    [
        (["pkgutil-one"], ["pkgutil-two"], "pkgutil-one (core) and pkgutil-two both ship shared"),
        (["untidy-one"], ["untidy-two"], "untidy-one (core) and untidy-two both ship tests"),
        (["shadow-one"], ["shadow-two"], "shadow-one (core) and shadow-two both ship shadow"),
        (
            ["untidy-one", "untidy-two"],
            ["untidy-two<2"],
            "untidy-one (core) and untidy-two both ship tests",
        ),
    ],
)
def test_where_stacking_would_not_be_faithful_the_environment_is_flat_and_says_why(
    project: Project, core: list[str], experiment: list[str], why: str
) -> None:
    stacked, state = build(project, core, experiment)
    assert (state["layout"], state["why_flat"]) == ("flat", why)
    compare(project, stacked, state)


def test_compiled_packages_stack_with_the_libraries_that_they_bring(
    project: Project, native_wheels: tuple[Path, ...]
) -> None:
    assert native_wheels
    stacked, state = build(project, ["nativedemo", "alpha"], ["nsnative-one", "alpha<2"])
    assert (state["layout"], state["changes"]) == ("stacked", ["alpha 2.0 → 1.1"])
    compare(project, stacked, state)
    code = "import nativedemo, nsnative.one; print(nativedemo.answer(), nsnative.one.answer())"
    assert project.run(stacked / "bin/python", "-c", code).assert_ok().stdout == "42 42\n"


def test_native_halves_of_one_namespace_are_not_stacked(project: Project, native_wheels: tuple[Path, ...]) -> None:
    assert native_wheels
    stacked, state = build(project, ["nsnative-one"], ["nsnative-two"])
    assert (state["layout"], state["why_flat"]) == (
        "flat",
        "nsnative-one (core) and nsnative-two both ship native libraries in the namespace package nsnative",
    )
    compare(project, stacked, state)


def build(project: Project, core: list[str], experiment: list[str]) -> tuple[Path, dict[str, Any]]:
    """Build the environment of an experiment on core; where it is, and what it is."""
    environments.write(project, core=core, a=experiment)
    project.fumehood("env", "build", "a").assert_ok()
    folder = environments.folder(project)
    return folder, environments.state(folder)


def compare(project: Project, stacked: Path, state: dict[str, Any]) -> None:
    """Compare with an environment of the same pins that was made without fumehood."""
    plain = plain_environment(project, project.root.parent / "plain", state["versions"])
    assert_faithful(project, stacked, plain)
