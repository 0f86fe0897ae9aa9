"""Fixtures that every test may use, and the guards that every test gets."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wheelhouse as standard
from support.answers import PLAIN
from support.guards import SocketGuard, importable, replaced_environment, sanitised, source_folder
from support.index import Index
from support.native import native_wheel, why_no_compiler
from support.project import Project
from support.wheels import build_all

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOCKETS = SocketGuard()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # In the background of a script interrupts are ignored, also by all that is started from there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
importable(Path(__file__).resolve().parents[1])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-expected", action="store_true", help="Write tests/expected/ anew; read the difference.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the network takes longest and comes first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("network") is None)


@pytest.fixture(scope="session")
def _source() -> Path | None:
    return source_folder()


@pytest.fixture(scope="session", autouse=True)
def _guarded_session(tmp_path_factory: pytest.TempPathFactory, _source: Path | None) -> Iterator[None]:
    """Fixtures of wider scope than one test are guarded too."""
    home = tmp_path_factory.mktemp("session-home")
    with replaced_environment(sanitised(home, _source, network=False)):
        yield


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the standard set of distributions, and pytest with all it needs; add to it with care."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    standard.fill(folder)
    return folder


@pytest.fixture(scope="session")
def native_wheels(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Three compiled wheels, served by every index of the standard set: `nativedemo`, and a pair.

    The pair `nsnative-one` and `nsnative-two` shares the PEP 420 package `nsnative`.
    """
    if reason := why_no_compiler():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("native")
    packages = {"nativedemo": "nativedemo", "nsnative-one": "nsnative/one", "nsnative-two": "nsnative/two"}
    wheels = [native_wheel(name, "1.0", folder / name, package) for name, package in packages.items()]
    return build_all(wheels, wheelhouse)


@pytest.fixture(scope="session")
def index(wheelhouse: Path) -> Iterator[Index]:
    """The index that every test without the network has as its only one; it always behaves."""
    with Index(wheelhouse) as served:
        yield served


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's cache, one for all tests, so that only the first of them downloads."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, _source: Path | None, index: Index, uv_cache: Path
) -> dict[str, str]:
    """The environment variables of this test: of its own process, and of all that `project` starts."""
    network = request.node.get_closest_marker("network") is not None
    home = tmp_path / "home"
    home.mkdir()
    variables = sanitised(home, _source, network=network)
    variables["UV_CACHE_DIR"] = str(uv_cache)
    if not network:
        variables["UV_DEFAULT_INDEX"] = index.url
    return variables


@pytest.fixture(autouse=True)
def _guarded(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[None]:
    _SOCKETS.closed = request.node.get_closest_marker("network") is None
    with replaced_environment(environment):
        yield
    _SOCKETS.closed = False


@pytest.fixture
def private_uv_cache(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """uv's cache for this test alone, empty, and in use."""
    folder = tmp_path / "uv-cache"
    environment["UV_CACHE_DIR"] = str(folder)
    monkeypatch.setenv("UV_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fumehood-cache")


@pytest.fixture
def shared_cache(environment: dict[str, str], _shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache of fumehood's for all tests that ask for it, so that each thing is installed and compiled once."""
    environment["FUMEHOOD_CACHE"] = str(_shared_cache)
    monkeypatch.setenv("FUMEHOOD_CACHE", str(_shared_cache))
    return _shared_cache


@pytest.fixture
def faulty_index(wheelhouse: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index with the standard set for this test alone, in use instead of the other; tell it how to misbehave."""
    with Index(wheelhouse) as served:
        environment["UV_DEFAULT_INDEX"] = served.url
        monkeypatch.setenv("UV_DEFAULT_INDEX", served.url)
        yield served


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Project:
    """An empty git repository."""
    root = tmp_path / "repo"
    root.mkdir()
    made = Project(root=root, env=environment)
    made.git("init", "--quiet", "--initial-branch", "main")
    return made


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Iterator[Path]:
    """The folder of a registry for this test alone, in use."""
    folder = tmp_path / "own-wheels"
    folder.mkdir()
    with Index(folder, cache_control="no-cache") as index:
        project.env["UV_DEFAULT_INDEX"] = index.url
        project.write({"pyproject.toml": PLAIN})
        yield folder
