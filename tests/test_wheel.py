"""The built wheel, in an empty environment, on a repository that is not this one."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest
import uv

from support.guards import sanitised
from support.project import Project

pytestmark = pytest.mark.network
CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Path:
    """The wheel of this checkout, built from its sdist as for a release."""
    folder = tmp_path_factory.mktemp("dist")
    env = sanitised(folder, None, network=True) | {"UV_CACHE_DIR": str(uv_cache)}
    builder = Project(root=folder, env=env)
    builder.run(uv.find_uv_bin(), "build", "--out-dir", folder, CHECKOUT, timeout=300).assert_ok()
    (built,) = folder.glob("fumehood-*.whl")
    return built


@pytest.fixture
def lab(project: Project) -> Project:
    """Another repository; this checkout is off the path."""
    project.env.pop("PYTHONPATH", None)
    project.write(
        {
            "requirements.txt": "idna\n",
            "experiments/one/requirements.txt": "six\n",
            "experiments/one/test_one.py": "import idna, six\n\ndef test_one():\n    assert six.PY3\n",
        }
    )
    return project


def test_the_sdist_holds_what_the_wheel_is_built_from_and_no_tests_that_lack_their_half(wheel: Path) -> None:
    with tarfile.open(next(wheel.parent.glob("fumehood-*.tar.gz"))) as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    assert tops == {
        *("LICENSE", "MANIFEST.in", "PKG-INFO", "README.md"),
        *("pyproject.toml", "requirements.txt", "setup.cfg", "tools"),
    }


def test_the_wheel_holds_what_it_needs_and_works_from_an_empty_environment(lab: Project, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"fumehood/py.typed", "fumehood/testing/plugin/fumehood_pytest.py"} <= set(names)
    assert not [name for name in names if not name.startswith(("fumehood/", "fumehood-"))]
    empty = lab.root.parent / "empty"
    lab.run(uv.find_uv_bin(), "venv", "--python", sys.executable, empty).assert_ok()
    lab.run(uv.find_uv_bin(), "pip", "install", "--python", empty / "bin" / "python", wheel, timeout=300).assert_ok()
    lab.noxfile()
    listed = lab.run(empty / "bin" / "fumehood", "list").assert_ok()
    assert "one         requirements.txt  active  1      nobody" in listed.stdout
    outcome = lab.run(empty / "bin" / "nox", "-s", "exp-one").assert_ok()
    assert "1 passed" in outcome.stdout


def test_a_noxfile_with_inline_metadata_needs_nothing_but_nox(lab: Project, wheel: Path) -> None:
    lab.write(
        {
            "noxfile.py": dedent(
                """
                # /// script
                # dependencies = ["nox", "fumehood"]
                # ///
                import fumehood.nox

                fumehood.nox.register()
                """
            )
        }
    )
    only_nox = lab.root.parent / "only-nox"
    lab.run(uv.find_uv_bin(), "venv", "--python", sys.executable, only_nox).assert_ok()
    python = only_nox / "bin" / "python"
    lab.run(uv.find_uv_bin(), "pip", "install", "--python", python, "nox[uv]", timeout=300).assert_ok()
    lab.run(python, "-c", "import fumehood").assert_exit(1)
    found = {"UV_FIND_LINKS": str(wheel.parent)}
    outcome = lab.run(only_nox / "bin" / "nox", "-s", "exp-one", env=found, timeout=300).assert_ok()
    assert "1 passed" in outcome.stdout
