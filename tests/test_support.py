from __future__ import annotations

import csv
import hashlib
import os
import socket
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from support.forks import Forks
from support.index import Fault, Index
from support.project import Outcome, kill
from support.wheels import Sdist, Wheel, build, build_sdist

if TYPE_CHECKING:
    from support.project import Project

UV = find_uv_bin()

TEST = """\
import sys

import acme.one, acme.two, legacy.one, legacy.two, shared.one, shared.two
import reader, source_only, withpth_hidden


def test_it():
    assert sys.withpth_started
    assert reader.__version__ == "1.0"
"""

NATIVE = """\
import nativedemo, nsnative.one, nsnative.two

print(nativedemo.answer(), nsnative.one.answer(), nsnative.two.answer())
"""


def test_every_wheel_of_the_standard_set_agrees_with_its_record(wheelhouse: Path) -> None:
    wheels = sorted(wheelhouse.glob("*.whl"))
    assert wheels
    for path in wheels:
        with zipfile.ZipFile(path) as archive:
            (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
            rows = {row[0]: row[1:] for row in csv.reader(archive.read(record).decode().splitlines())}
            assert rows.pop(record) == ["", ""]
            for name in set(archive.namelist()) - {record}:
                content = archive.read(name)
                digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert rows.pop(name) == [f"sha256={digest}", str(len(content))], f"{path.name}: {name}"
            assert rows == {}


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    wheel = Wheel(name="Some.Name", version="1.0", requires=("alpha",), data={"share/x": "x"}, yanked=True)
    sdist = Sdist(name="some-source", version="1.0")
    first = [build(wheel, tmp_path).read_bytes(), build_sdist(sdist, tmp_path).read_bytes()]
    assert [build(wheel, tmp_path).read_bytes(), build_sdist(sdist, tmp_path).read_bytes()] == first
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "some_name-1.0-py3-none-any.whl",
        "some_name-1.0-py3-none-any.whl.yanked",
        "some_source-1.0.tar.gz",
    ]
    with tarfile.open(tmp_path / "some_source-1.0.tar.gz") as archive:
        assert {entry.mtime for entry in archive} == {1_580_601_600}


def test_metadata_says_extras_with_their_markers(tmp_path: Path) -> None:
    wheel = Wheel(
        name="many",
        version="1.0",
        requires=("alpha>=1",),
        extras={"fast": ('beta ; python_version >= "3.8" or os_name == "nt"',)},
        requires_python=">=3.11",
        console_scripts={"many": "many:main"},
        entry_points={"acme.plugins": {"one": "many:one"}},
    )
    with zipfile.ZipFile(build(wheel, tmp_path)) as archive:
        assert archive.read("many-1.0.dist-info/METADATA").decode().splitlines() == [
            "Metadata-Version: 2.2",
            "Name: many",
            "Version: 1.0",
            "Requires-Python: >=3.11",
            "Requires-Dist: alpha>=1",
            "Provides-Extra: fast",
            'Requires-Dist: beta ; (python_version >= "3.8" or os_name == "nt") and extra == "fast"',
        ]
        assert archive.read("many-1.0.dist-info/entry_points.txt").decode() == (
            "[console_scripts]\nmany = many:main\n\n[acme.plugins]\none = many:one\n"
        )


def test_an_environment_from_the_local_index_runs_real_pytest(project: Project) -> None:
    project.write({"test_it.py": TEST})
    names = ["nsone", "nstwo", "pkgutil-one", "pkgutil-two", "legacy-one", "legacy-two", "withpth", "reader"]
    python = environment_with(project, "pytest", "pytest-xdist", "withdata", "gamma", "source-only", *names)
    project.run(python, "-m", "pytest", "-n1", "-p", "no:cacheprovider").assert_ok()
    assert project.run(python.parent / "gamma").assert_ok().stdout == "gamma with alpha 1.1\n"
    prefix = project.root / "env"
    assert project.run(prefix / "bin/withdata-script").assert_ok().stdout == f"1.0 {prefix}\n"
    assert (prefix / "share/withdata/table.txt").read_text() == "1 2 3\n"
    assert list(prefix.glob("include/site/python*/withdata/withdata.h"))


def test_compiled_wheels_find_their_bundled_library(project: Project, native_wheels: tuple[Path, ...]) -> None:
    assert len(native_wheels) == 3
    python = environment_with(project, "nativedemo", "nsnative-one", "nsnative-two")
    assert project.run(python, "-c", NATIVE).assert_ok().stdout == "42 42 42\n"


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("broken-build", "this source distribution does not build, on purpose"),
        ("broken-metadata", "this source distribution has no metadata, on purpose"),
        ("only-windows", "has no wheels with a matching"),
        ("for-new-python", "for-new-python==1.0 depends on Python>=3.99"),
        ("withdrawn>1.0", "withdrawn==1.1 was yanked"),
        ("no-such-project", "no-such-project was not found in the package registry"),
    ],
)
def test_what_cannot_be_installed_says_why(project: Project, wanted: str, complaint: str) -> None:
    environment_with(project)
    outcome = project.run(UV, "pip", "install", "--python", "env", wanted)
    assert outcome.exit_code != 0
    assert complaint in " ".join(outcome.stderr.split()), repr(outcome)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault.STATUS_500, "500 Internal Server Error"),
        (Fault.STATUS_403, "403 Forbidden"),
        (Fault.HANG, "timed out"),
        (Fault.TRUNCATED, "Failed to"),
        (Fault.WRONG_CONTENT, "Hash mismatch"),
        (Fault.GARBAGE, "there is no version of alpha==2.0"),
        (Fault.VANISHED, "404 Not Found"),
    ],
)
def test_a_fault_is_seen_by_uv_and_over_when_healed(
    project: Project, faulty_index: Index, fault: Fault, complaint: str
) -> None:
    environment_with(project)
    digest = hashlib.sha256((faulty_index.folder / "alpha-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    project.write({"lock.txt": f"alpha==2.0 --hash=sha256:{digest}\n"})
    sync = (UV, "pip", "sync", "--python", "env", "--require-hashes", "lock.txt")
    faulty_index.misbehave("alpha", fault)
    outcome = project.run(*sync, env={"UV_HTTP_TIMEOUT": "1", "UV_NO_CACHE": "1"})
    assert outcome.exit_code != 0
    assert complaint in outcome.stderr, repr(outcome)
    faulty_index.heal()
    project.run(*sync, env={"UV_NO_CACHE": "1"}).assert_ok()


def test_a_lock_made_from_wrong_hashes_fits_no_file(project: Project, faulty_index: Index) -> None:
    environment_with(project)
    project.write({"requirements.txt": "alpha\n"})
    faulty_index.misbehave("alpha", Fault.WRONG_HASH)
    project.run(UV, "pip", "compile", "--generate-hashes", "-q", "-o", "lock.txt", "requirements.txt").assert_ok()
    faulty_index.heal()
    outcome = project.run(UV, "pip", "sync", "--python", "env", "lock.txt").assert_exit(1)
    assert "Hash mismatch" in outcome.stderr, repr(outcome)


def test_a_slow_index_answers_rightly(faulty_index: Index) -> None:
    faulty_index.misbehave("alpha", Fault.SLOW)
    assert b"alpha-2.0" in fetch(f"{faulty_index.url}/alpha/")


def test_the_index_counts_requests_and_lets_clients_cache(project: Project, faulty_index: Index) -> None:
    compile_ = (UV, "pip", "compile", "--quiet", "-")
    project.write({"requirements.txt": "beta\n"})
    for _ in range(2):
        project.run(*compile_[:-1], "requirements.txt").assert_ok()
        assert faulty_index.requests() == 4
    assert faulty_index.requests("beta", "page") == 1
    assert faulty_index.requests("alpha", "metadata") == 1
    faulty_index.forget_requests()
    project.run(*compile_[:-1], "--refresh", "requirements.txt").assert_ok()
    assert faulty_index.requests(kind="page") == 2


def test_the_html_page_says_what_the_json_page_says(faulty_index: Index) -> None:
    page = fetch(f"{faulty_index.url}/for-new-python/").decode()
    host, wheel = faulty_index.url.removesuffix("/simple"), "for_new_python-1.0-py3-none-any.whl"
    content = (faulty_index.folder / wheel).read_bytes()
    with zipfile.ZipFile(faulty_index.folder / wheel) as archive:
        metadata = hashlib.sha256(archive.read("for_new_python-1.0.dist-info/METADATA")).hexdigest()
    path = host.removeprefix(faulty_index.host)
    assert page == (
        "<!doctype html><title>for-new-python</title>\n"
        f'<a href="{path}/files/for-new-python/{wheel}#sha256={hashlib.sha256(content).hexdigest()}"'
        f' data-requires-python="&gt;=3.99" data-core-metadata="sha256={metadata}"'
        f' data-dist-info-metadata="sha256={metadata}">{wheel}</a><br>\n'
    )
    assert 'data-yanked=""' in fetch(f"{faulty_index.url}/withdrawn/").decode()
    assert b'<a href="alpha/">alpha</a>' in fetch(f"{faulty_index.url}/")


def test_a_closed_index_refuses_connections(wheelhouse: Path) -> None:
    with Index(wheelhouse) as index:
        assert fetch(f"{index.url}/alpha/")
    with pytest.raises(urllib.error.URLError):
        fetch(f"{index.url}/alpha/")


def test_nothing_but_loopback_can_be_reached() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"reached for 192\.0\.2\.1; mark it `network` if it has to"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(pytest.fail.Exception, match=r"reached for host\.invalid;"):
        socket.getaddrinfo("host.invalid", 80)


def test_a_child_process_reaches_no_other_host(project: Project) -> None:
    project.write({"requirements.txt": "alpha\n"})
    outcome = project.run(UV, "pip", "compile", "--default-index", "https://192.0.2.1/simple", "requirements.txt")
    assert outcome.exit_code == 2
    assert "tunnel error: failed to create underlying connection" in outcome.stderr, repr(outcome)


def test_home_and_caches_are_of_this_test(tmp_path: Path, environment: dict[str, str]) -> None:
    assert Path.home() == tmp_path / "home"
    assert {name: os.environ[name] for name in environment} == environment
    assert [name for name in os.environ if name not in environment and not name.startswith("PYTEST_")] == []


def test_fumehood_is_importable_by_a_child(project: Project) -> None:
    import fumehood  # noqa: PLC0415 - the question is which one this process would import

    outcome = project.run(sys.executable, "-c", "import fumehood; print(fumehood.__file__)").assert_ok()
    assert outcome.stdout.strip() == fumehood.__file__


def test_a_project_is_a_git_repository_with_an_author(project: Project) -> None:
    project.noxfile()
    commit = project.commit("First")
    shown = project.git("log", "--format=%H %an <%ae> %s", "--name-only").stdout
    assert shown == f"{commit} fumehood tests <tests@example.invalid> First\n\nnoxfile.py\n"


def test_an_outcome_shows_everything(tmp_path: Path) -> None:
    outcome = Outcome(argv=("tool", "an argument"), cwd=tmp_path, exit_code=3, stdout="said\n", stderr="")
    with pytest.raises(AssertionError) as failure:
        outcome.assert_ok()
    assert str(failure.value) == (
        f"expected exit code 0:\n$ tool 'an argument'   (in {tmp_path})\nexit code 3\n"
        "--- stdout ---\nsaid\n--- no stderr ---"
    )


def test_a_run_that_takes_too_long_is_killed_with_its_output_shown(project: Project) -> None:
    code = "import time; print('begun', flush=True); time.sleep(60)"
    with pytest.raises(AssertionError, match=r"(?s)not done after 0\.5 s:.*begun"):
        project.run(sys.executable, "-c", code, timeout=0.5)
    started = project.start(sys.executable, "-c", code)
    kill(started)
    assert started.returncode == -9


PROBE = """\
import atexit, json, locale, os, signal, sys

atexit.register(print, "at exit")
print(json.dumps([sys.argv, sys.path, os.getcwd(), dict(os.environ), os.getsid(0) == os.getpid(), sys.stdin.read()]))
print(__name__, __file__, __package__, sys.modules["__main__"].__file__, sys.flags, locale.setlocale(locale.LC_ALL))
print([sys.stdout.encoding, sys.stdout.isatty(), sys.stderr.line_buffering, signal.getsignal(signal.SIGINT)])
sys.stderr.write("an error\\n")
if sys.argv[1] == "raise":
    raise ValueError(sys.argv[1])
if sys.argv[1] == "kill":
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit({"none": None, "text": "a text", "number": 7}[sys.argv[1]])
"""


@pytest.fixture(scope="module")
def forks() -> Forks:
    return Forks()


@pytest.mark.parametrize("end", ["none", "text", "number", "raise", "kill"])
def test_a_fork_is_what_a_fresh_interpreter_would_be(project: Project, forks: Forks, end: str) -> None:
    project.write({"probe.py": PROBE})
    arguments = (end, "two words")
    fresh = project.run(sys.executable, "-m", "probe", *arguments)
    assert forks.can(project.env)
    fork = forks.start("probe", arguments, cwd=project.root, env=project.env)
    stdout, stderr = fork.communicate()
    assert (fork.returncode, stdout) == (fresh.exit_code, fresh.stdout)
    # A traceback begins in this module instead of in the interpreter's.
    assert (
        stderr.splitlines()[:1] + stderr.splitlines()[-1:]
        == fresh.stderr.splitlines()[:1] + fresh.stderr.splitlines()[-1:]
    )


def test_a_fork_does_not_stand_for_what_an_interpreter_reads_before_it_imports(project: Project, forks: Forks) -> None:
    forks.start("this", (), cwd=project.root, env=project.env).communicate()
    assert forks.can({**project.env, "ANOTHER": "1"})
    assert not forks.can({**project.env, "PYTHONUTF8": "1"})
    assert not forks.can({**project.env, "LC_ALL": "C"})


def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started(project: Project) -> None:
    code = "import subprocess; print('begun', flush=True); subprocess.run(['sleep', '60'])"
    project.write({"noxfile.py": code})
    with pytest.raises(AssertionError, match=r"(?s)not done after 0\.5 s:.*begun"):
        project.nox(timeout=0.5)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - the address is that of the index above
        content: bytes = answer.read()
    return content


def environment_with(project: Project, *wanted: str) -> Path:
    project.run(UV, "venv", "--quiet", "--python", sys.executable, "env").assert_ok()
    if wanted:
        project.run(UV, "pip", "install", "--quiet", "--python", "env", *wanted).assert_ok()
    return project.root / "env/bin/python"
