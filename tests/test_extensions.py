"""Extensions of fumehood: found, loaded when asked for, and blamed by name for what they do wrong."""

from __future__ import annotations

import re
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from fumehood import extensions
from fumehood.errors import ConfigurationError, UsageError
from fumehood.extensions import EnvironmentView, Extension, ExtensionError, SessionCall, SessionResult
from support.extensions import install, offer, pyproject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.extensions import Exporter, Runner
    from support.project import Project

EXTENDING = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
NOXFILE = """
import nox

@nox.session(name="exp-a", venv_backend="none")
def a(session):
    pass
"""
VIEW = EnvironmentView(name="a", interpreter="cpython 3.11.7")
REPORT = "report it to the authors of that distribution; `docs/extending.md` says what it has to do"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on this process's import path; what was imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path / "extensions")
    yield tmp_path / "extensions"
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def exporter(folder: Path, code: str) -> Extension[Exporter]:
    offer(
        folder, {"pyproject.toml": pyproject("odd", extensions.EXPORTERS_GROUP, 'odd = "odd:export"'), "odd.py": code}
    )
    return extensions.load(extensions.EXPORTERS_GROUP, "odd", {})


def test_the_examples_of_the_documentation_do_what_it_says(project: Project) -> None:
    examples = documented()
    assert [sorted(files) for files in examples] == [
        ["plain_list.py", "pyproject.toml"],
        ["one_by_one.py", "pyproject.toml"],
        ["acme_gpus.py", "pyproject.toml"],
        ["lab_rules.py", "pyproject.toml"],
    ]
    for files in examples:
        install(project, files)
    project.write({"requirements.txt": "alpha<2\n", "experiments/a/requirements.txt": "gamma\n", "noxfile.py": NOXFILE})
    project.write({"pyproject.toml": "[tool.fumehood]\ntest-requirements = []\n", "gpus": "77\n78\n"})
    exported = project.fumehood("env", "export", "a", "--format", "names").assert_ok()
    assert exported.stdout == "a:\nalpha 1.1 (core)\ngamma 1.0 (delta)\n"
    # In front of it nox may remark on folders as long as those of tests.
    assert exported.stderr.endswith(
        "a is not built, so the exporter cannot know what its packages require\n  → run `fumehood env build a` first\n"
    )
    ran = project.fumehood("run", "--runner", "polite").assert_ok()
    assert ran.stdout.splitlines()[1].split()[:2] == ["exp-a", "passed"]
    code = "import os; from fumehood.testing.gpus import find_gpus; print(find_gpus(os.environ))"
    source = {"FUMEHOOD_GPU_SOURCE": "acme", "ACME_LIST": str(project.root / "gpus")}
    listed = project.run(sys.executable, "-c", code, env=source).assert_ok()
    assert re.findall(r"uuid='(ACME-\d+)'", listed.stdout) == ["ACME-77", "ACME-78"]
    absent = project.run(sys.executable, "-c", code, env={**source, "ACME_LIST": "/nowhere"}).assert_ok()
    assert "acme failed: RuntimeError: no ACME driver is loaded" in absent.stdout


def test_a_built_in_name_cannot_be_taken(folder: Path) -> None:
    offer(folder, {"pyproject.toml": pyproject("thief", extensions.RUNNERS_GROUP, 'local = "thief:run"')})
    own = extensions.load(extensions.RUNNERS_GROUP, "local", {"local": len})
    assert own == Extension(what="the runner local", value=len)


def test_a_name_that_nobody_offers_is_answered_with_those_there_are(folder: Path) -> None:
    offer(folder, {"pyproject.toml": pyproject("odd", extensions.EXPORTERS_GROUP, 'odd = "odd:export"')})
    known = ", ".join(sorted({"odd", "plain", *entry_points(group=extensions.EXPORTERS_GROUP).names}))
    with pytest.raises(UsageError) as error:
        extensions.load(extensions.EXPORTERS_GROUP, "spdx", {"plain": len})
    assert str(error.value) == (
        f"there is no exporter 'spdx'\n  → name one of these, or install the distribution that offers it: {known}"
    )


def test_two_distributions_that_offer_one_name_are_both_named(folder: Path) -> None:
    for name in ("first", "second"):
        offer(folder, {"pyproject.toml": pyproject(name, extensions.RUNNERS_GROUP, f'same = "{name}:run"')})
    with pytest.raises(UsageError) as error:
        extensions.load(extensions.RUNNERS_GROUP, "same", {})
    assert str(error.value) == "first 1.0 and second 1.0 both offer a runner 'same'\n  → uninstall one of them"


@pytest.mark.parametrize(
    ("code", "details"),
    [
        ("import no_such_thing", "{folder}/odd.py:1: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise ValueError('two\\nlines')", "{folder}/odd.py:1: ValueError: two lines"),
    ],
)
def test_an_extension_that_cannot_be_imported_is_blamed_by_name(folder: Path, code: str, details: str) -> None:
    with pytest.raises(ExtensionError) as error:
        exporter(folder, code)
    assert str(error.value) == (
        "the exporter odd of odd 1.0 failed while loading odd:export\n"
        f"  | {details.format(folder=folder)}\n"
        f"  → {REPORT}"
    )


def test_an_entry_point_without_a_function_is_blamed_by_name(folder: Path) -> None:
    with pytest.raises(ExtensionError) as error:
        exporter(folder, "export = 'text'")
    assert str(error.value) == f"the exporter odd of odd 1.0 cannot be called: odd:export is str\n  → {REPORT}"


def test_an_exporter_that_raises_is_blamed_with_the_line(folder: Path) -> None:
    loaded = exporter(folder, "def export(view):\n    return view.nothing")
    with pytest.raises(ExtensionError) as error:
        extensions.export(loaded, VIEW)
    assert str(error.value) == (
        "the exporter odd of odd 1.0 failed while describing a\n"
        f"  | {folder}/odd.py:2: AttributeError: 'EnvironmentView' object has no attribute 'nothing'\n"
        f"  → {REPORT}"
    )
    assert error.value.exit_code == 3


def test_an_exporter_that_gives_no_text_is_blamed(folder: Path) -> None:
    with pytest.raises(ExtensionError) as error:
        extensions.export(exporter(folder, "def export(view):\n    return b'bytes'"), VIEW)
    assert str(error.value) == f"the exporter odd of odd 1.0 answered with bytes instead of text\n  → {REPORT}"


def test_what_an_extension_says_on_purpose_is_passed_on(folder: Path) -> None:
    code = """
from fumehood.errors import ConfigurationError

def export(view):
    raise ConfigurationError("no key is set")
"""
    with pytest.raises(ConfigurationError, match=r"^no key is set$"):
        extensions.export(exporter(folder, code), VIEW)


CALLS = tuple(SessionCall(session=session, experiment=session, root=Path("/repo")) for session in ("x", "y"))


def passed(session: str) -> SessionResult:
    return SessionResult(session=session, status="passed", seconds=1.0, output="", host="here")


def runner(*answers: object) -> Extension[Runner]:
    def run(_calls: tuple[SessionCall, ...], /, *, jobs: int | None) -> Iterator[SessionResult]:  # noqa: ARG001 - a Runner
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            yield cast("Any", answer)

    return Extension(what="the runner odd of odd 1.0", value=run)


def test_a_call_that_a_runner_forgets_has_failed() -> None:
    forgotten = SessionResult(
        session="y",
        status="failed",
        seconds=0.0,
        output="the runner odd of odd 1.0 ended without a result\n",
        host="nowhere",
    )
    assert list(extensions.run(runner(passed("x")), CALLS, jobs=None)) == [passed("x"), forgotten]


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (("x",), "the runner odd of odd 1.0 answered with str instead of SessionResult"),
        ((passed("z"),), "the runner odd of odd 1.0 answered for z, which is not waited for"),
        ((passed("x"), passed("x")), "the runner odd of odd 1.0 answered for x, which is not waited for"),
        ((passed("x"), OSError("gone")), "the runner odd of odd 1.0 failed while running sessions"),
    ],
)
def test_a_runner_that_answers_wrongly_is_blamed(answers: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ExtensionError) as error:
        list(extensions.run(runner(*answers), CALLS, jobs=None))
    assert error.value.what == complaint


def test_a_runner_is_closed_when_the_run_is_interrupted() -> None:
    closed: list[str] = []

    def run(_calls: tuple[SessionCall, ...], /, *, jobs: int | None) -> Iterator[SessionResult]:  # noqa: ARG001 - a Runner
        try:
            yield passed("x")
            yield passed("y")
        finally:
            closed.append("closed")

    results = extensions.run(Extension(what="a runner", value=run), CALLS, jobs=None)
    next(results)
    results.close()
    assert closed == ["closed"]


def documented() -> list[dict[str, str]]:
    """The files of each example in the documentation, in its order."""
    found: list[dict[str, str]] = []
    for name, text in re.findall(
        r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", EXTENDING.read_text(), re.MULTILINE | re.DOTALL
    ):
        if name == "pyproject.toml":
            found.append({})
        found[-1][name] = text
    return found
