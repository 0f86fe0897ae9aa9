# noqa: INP001 - a folder on the import path of environments that do not have fumehood: it must not be a package
# ruff: noqa: PLC0415 - every Python process of an environment imports this file first: what it needs, it imports late
"""The fence between experiments, and what pytest has to know about GPUs: one file without dependencies.

An environment's ``.pth`` file puts this file's folder on the import path, and imports it in every process for which
``FUMEHOOD_FENCE`` is set. Under pytest it is loaded with ``-p fumehood_pytest``. It works on Python 3.9 and pytest 7.0
and newer. PYTEST_DONT_REWRITE (pytest would warn that the fence was there before it could rewrite assertions.)

What the session that starts pytest says, in environment variables:

* ``FUMEHOOD_FENCE``: a text file: the repository's root, what this session is (``core`` or ``experiments/foo``), and
  the folders that nothing may be imported from, one a line.
* ``FUMEHOOD_GPUS_GRANTED``: the GPUs of this run, a JSON list of objects like ``fumehood.testing.gpus.Gpu``.
* ``FUMEHOOD_JUNIT``: where to write a JUnit file, unless pytest is told another place.
* ``FUMEHOOD_JUNIT_PLACE``: where that file is put when pytest has ended.
* ``FUMEHOOD_GPU_MODE``: ``auto``, ``none`` or ``require``: what ``--gpus`` is when nobody says it.
* ``FUMEHOOD_LEASES``: the files whose locks keep the environment as it is and the GPUs leased, one a line.
* ``FUMEHOOD_PYTEST_REPORT``: where to write how many tests did what, as JSON.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType
    from typing import Any

    import pytest


# --- the fence ---------------------------------------------------------------------------------------------------


class FenceError(ImportError):
    """An import, or a run, that would load another experiment's code, or, in core's session, any experiment's."""


class Fence:
    """A finder that asks the other finders and refuses what they find in a forbidden folder.

    Because it judges what was found, not what was asked for, neither the name nor the state of ``sys.path`` nor
    symbolic links matter, and nothing is searched twice.
    """

    def __init__(self, root: str, session: str, forbidden: Iterable[str]) -> None:
        self._root = os.path.realpath(root)
        self._session = session
        self._own = os.path.realpath(os.path.join(root, session))
        self._forbidden = frozenset(forbidden)
        self._verdicts: dict[str, str | None] = {}
        self._finding: set[tuple[int, str]] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, as the import system would ask them (`importlib.abc.MetaPathFinder`)."""
        key = (get_ident(), fullname)
        if key in self._finding:
            # A finder that itself asks all finders, as import hooks of tracing tools do, has come back to this one.
            return None
        self._finding.add(key)
        try:
            for finder in list(sys.meta_path):
                find = None if finder is self else getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find(fullname, path, target) if find is not None else None
                if spec is not None:
                    break
            else:
                return None
        finally:
            self._finding.discard(key)
        if (folder := self._judge(spec)) is not None:
            raise FenceError(self._complaint(fullname, folder), name=fullname, path=spec.origin)
        return spec

    def judge_loaders(self) -> None:
        """Have the loaders refuse, too: importlib.util.spec_from_file_location gives one without asking any finder.

        They are caught when they ask themselves for their file, so that no frame of this one is in the tracebacks of
        whatever a module raises.
        """
        from _frozen_importlib_external import FileLoader

        loaders: Any = FileLoader
        get_filename = loaders.get_filename

        def judged(loader: FileLoader, *arguments: str) -> str:
            file: str = get_filename(loader, *arguments)
            if (folder := self._folder_of_file(file)) is not None:
                raise FenceError(self._complaint(loader.name, folder), name=loader.name, path=file)
            return file

        loaders.get_filename = judged

    def judge_programs(self) -> None:
        """Have files be refused that are run and not imported, by runpy, pdb, the profilers and others that say so.

        Source: PEP 578, whose io.open_code is for what opens a file to run it.
        """
        import io

        whole: Any = io
        open_code = whole.open_code

        def judged(path: str) -> object:
            if complaint := self.complaint_about_program(path):
                raise FenceError(complaint, path=path)
            return open_code(path)

        whole.open_code = judged

    def complaint_about_program(self, file: str, place: str = "") -> str:
        """What there is to say against running a file; empty if it may be run."""
        folder = self._folder_of_file(os.path.abspath(file))
        if folder is None:
            return ""
        name = os.path.relpath(os.path.realpath(file), folder)
        return self._sentence(place or self._importer("")[0], f"runs {name}", folder)

    def invalidate_caches(self) -> None:
        """Forget where folders really are: a symbolic link may point elsewhere now."""
        self._verdicts.clear()

    def _judge(self, spec: ModuleSpec) -> str | None:
        """The forbidden folder that the module would come from; None if it may be imported.

        A namespace package loads nothing itself: it is refused only if all of its folders are forbidden.
        """
        if spec.has_location:
            return self._folder_of_file(spec.origin or "")
        if spec.submodule_search_locations is None:
            return None
        try:
            portions = list(spec.submodule_search_locations)
        except KeyError:
            # Asked for without its parent being imported, which only tools do: an import comes by again.
            return None
        folders = [self._folder_of(portion) for portion in portions]
        return folders[0] if folders and None not in folders else None

    def _folder_of_file(self, file: str) -> str | None:
        folder = self._folder_of(os.path.dirname(file))
        if folder is None and file.startswith(self._root) and os.path.islink(file):
            folder = self._folder_of(os.path.dirname(os.path.realpath(file)))
        return folder

    def _folder_of(self, directory: str) -> str | None:
        try:
            return self._verdicts[directory]
        except KeyError:
            pass
        verdict = None
        folder = os.path.realpath(directory)
        while folder != self._own:
            if folder in self._forbidden:
                verdict = folder
                break
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
        if os.path.isabs(directory):
            self._verdicts[directory] = verdict
        return verdict

    def _complaint(self, fullname: str, folder: str) -> str:
        place, wanted = self._importer(fullname)
        return self._sentence(place, f"imports {wanted}", folder)

    def _sentence(self, place: str, deed: str, folder: str) -> str:
        other = self._relative(folder)
        if self._session == "core":
            rule = f"core never imports an experiment → move what core needs of {other} into core"
        else:
            rule = "one experiment never imports another → move what both need into core"
        return f"{place}: {self._session} {deed} from {other}: {rule}"

    def _importer(self, fullname: str) -> tuple[str, str]:
        """File and line of the import, and the whole name that it asks for, of which this is a beginning.

        The place is the nearest in the repository's own code, or else the nearest at all.
        """
        frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the documented way to see who is calling
        nearest = None
        while frame is not None:
            file = frame.f_code.co_filename
            if file == __file__ or file.startswith("<frozen ") or "importlib" in file.split(os.sep)[-2:]:
                name = frame.f_locals.get("name") if nearest is None else None
                fullname = name if isinstance(name, str) and name.startswith(f"{fullname}.") else fullname
            elif self._is_of_repository(file):
                return f"{self._relative(os.path.realpath(file))}:{frame.f_lineno}", fullname
            else:
                nearest = nearest or frame
            frame = frame.f_back
        if nearest is None:
            return "python", fullname
        file = nearest.f_code.co_filename
        return "pytest" if "_pytest" in file.split(os.sep) else f"{file}:{nearest.f_lineno}", fullname

    def _is_of_repository(self, file: str) -> bool:
        real = os.path.realpath(file)
        in_environment = os.path.abspath(file).startswith(sys.prefix + os.sep) or "site-packages" in real
        return real.startswith(self._root + os.sep) and not in_environment and not file.startswith("<")

    def _relative(self, path: str) -> str:
        inside = path.startswith(self._root + os.sep)
        return path[len(self._root) + 1 :].replace(os.sep, "/") if inside else path


_fences: list[Fence] = []
"""The one fence of this process, once it is up."""
_failures: list[Exception] = []
"""Why it is not; said once, though an interpreter reads the ``.pth`` files of a virtual environment twice."""


def raise_fence() -> None:
    """Put the fence up, in front of all other finders; if it is up, bring it back to the front.

    Nothing that goes wrong here may keep an interpreter from starting: it becomes a line on standard error.
    """
    try:
        if not _fences:
            if not (path := os.environ.get("FUMEHOOD_FENCE")):
                return
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                root, session, *forbidden = file.read().splitlines()
            _fences.append(Fence(root, session, filter(None, forbidden)))
            _fences[0].judge_loaders()
            _fences[0].judge_programs()
            _refuse_program()
        if sys.meta_path[:1] != _fences:
            sys.meta_path[:] = _fences + [finder for finder in sys.meta_path if finder not in _fences]
    except Exception as error:  # noqa: BLE001 - see the docstring
        _failures.append(error)
        if len(_failures) == 1 and sys.stderr is not None:
            text = " ".join(str(error).split())
            sys.stderr.write(f"fumehood: experiments are not fenced off: {type(error).__name__}: {text}\n")


def _refuse_program() -> None:
    """End an interpreter that was started for a program behind the fence, which it opens without asking anybody."""
    program = sys.argv[0] if sys.argv else ""
    if os.path.isfile(program) and (complaint := _fences[0].complaint_about_program(program, "python")):
        if sys.stderr is not None:
            sys.stderr.write(f"{FenceError.__module__}.{FenceError.__name__}: {complaint}\n")
            sys.stderr.flush()
        # Whatever is raised while an interpreter reads its .pth files, it either shows and forgets, or calls fatal.
        os._exit(1)


# --- what a test needs -------------------------------------------------------------------------------------------

_UNITS = {"B": 0, "KB": 3, "MB": 6, "GB": 9, "TB": 12, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
_NOMINAL = 0.93
"""The share of its nominal memory that a GPU has to report to count as having it, as `fumehood.testing.gpu_values`."""
_DEVICE_LISTS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_HELD = "FUMEHOOD_GPU_TURN"
"""The lock file that the test which is running holds, for what it starts."""
_MARKER = (
    "gpu(count=1, memory=None, compute_capability=None, vendor=None): the test needs `count` GPUs, each with at least "
    'that memory ("40GiB"), that compute capability ("9.0") and of that vendor ("nvidia"); it is skipped without them'
)


def parse_memory(text: str) -> int:
    """Bytes of ``40GiB``, ``40 GB``, ``512MiB``, ``1.5TiB``; a ValueError with a clause for anything else."""
    import re

    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?i?B)", text, re.ASCII)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f'memory is a number and a unit, such as "40GiB" or "512MB", not {text!r}')
    whole, _, fraction = match[1].partition(".")
    unit: int = (2 if "i" in match[2] else 10) ** _UNITS[match[2]]
    scale: int = 10 ** len(fraction)
    return int(whole + fraction) * unit // scale


def render_memory(memory: int) -> str:
    """Bytes as people say them: ``80 GiB``, ``79.6 GiB``, ``512 MiB``."""
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if memory >= 2 ** _UNITS[unit]), "B")
    text = f"{memory / (2 ** _UNITS[unit]):.1f}"
    return f"{text.removesuffix('.0')} {unit}"


def _capability(text: str) -> tuple[int, int]:
    import re

    match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?", text, re.ASCII)
    if match is None:
        raise ValueError(f'compute_capability is text such as "9.0", not {text!r}')
    return int(match[1]), int(match[2] or 0)


class Gpu:
    """One GPU that this run was granted, or that it was told to pretend."""

    def __init__(self, *, name: str, uuid: str, memory: int, compute_capability: str | None, vendor: str) -> None:
        self.name = name
        self.uuid = uuid
        self.memory = memory
        self.capability = _capability(compute_capability) if compute_capability is not None else (-1, 0)
        self.vendor = vendor

    def __str__(self) -> str:
        return f"{self.name} {render_memory(self.memory)}" if self.memory else self.name


class Needs:
    """What the ``gpu`` marks of one test ask for, all together."""

    def __init__(
        self,
        count: object = 1,
        memory: object = None,
        compute_capability: object = None,
        vendor: object = None,
    ) -> None:
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"count is a whole number from 1 on, not {count!r}")
        if memory is not None and (not isinstance(memory, (str, int)) or isinstance(memory, bool)):
            raise ValueError(f'memory is text such as "40GiB", or bytes, not {memory!r}')
        if compute_capability is not None and not isinstance(compute_capability, str):
            raise ValueError(f'compute_capability is text such as "9.0", not {compute_capability!r}')
        if vendor is not None and not (isinstance(vendor, str) and vendor.isascii() and vendor.isalnum()):
            raise ValueError(f'vendor is a word such as "nvidia", not {vendor!r}')
        self.count = count
        self.memory = parse_memory(memory) if isinstance(memory, str) else memory or 0
        self.compute_capability = compute_capability
        self.capability = _capability(compute_capability) if compute_capability is not None else (-1, 0)
        self.vendor = vendor.lower() if vendor is not None else None

    def join(self, other: Needs) -> Needs:
        """What suffices for both."""
        if None not in (self.vendor, other.vendor) and self.vendor != other.vendor:
            raise ValueError(f"GPUs of {self.vendor} and of {other.vendor} at once")
        newer = max(self, other, key=lambda one: one.capability)
        return Needs(
            max(self.count, other.count),
            max(self.memory, other.memory),
            newer.compute_capability,
            self.vendor or other.vendor,
        )

    def __str__(self) -> str:
        features = [
            f"{render_memory(self.memory)}" if self.memory else "",
            f"compute capability {self.compute_capability} or newer" if self.compute_capability else "",
        ]
        words = (str(self.count), self.vendor or "", "GPU" if self.count == 1 else "GPUs")
        tail = " and ".join(filter(None, features))
        return " ".join(filter(None, words)) + (f" with {tail}" if tail else "")

    def met_by(self, gpus: Iterable[Gpu]) -> bool:
        """Whether enough of the GPUs, all of one vendor, will do."""
        fit = [
            gpu.vendor
            for gpu in gpus
            if gpu.memory >= self.memory * _NOMINAL
            and gpu.capability >= self.capability
            and self.vendor in (None, gpu.vendor)
            and not (self.count > 1 and gpu.uuid.startswith("MIG-"))  # of which a CUDA process sees only one
        ]
        return any(fit.count(vendor) >= self.count for vendor in set(fit))


def read_marks(item: pytest.Item) -> Needs | None:
    """The needs of one test; a ValueError with a sentence that names test and place if a mark is wrong."""
    needs = None
    for mark in item.iter_markers("gpu"):
        try:
            one = Needs(*mark.args, **mark.kwargs)
            needs = one if needs is None else needs.join(one)
        except (TypeError, ValueError) as error:
            file, line, _name = item.location
            written = [repr(value) for value in mark.args] + [f"{key}={value!r}" for key, value in mark.kwargs.items()]
            place = file if line is None else f"{file}:{line + 1}"
            clause = str(error).split("() ")[-1]
            raise ValueError(f"{place}: {item.name}: the mark gpu({', '.join(written)}) is wrong: {clause}") from error
    return needs


def parse_simulated(text: str) -> list[Gpu]:
    """The GPUs of ``FUMEHOOD_GPUS``, for who runs pytest by hand; a ValueError for text that is something else."""
    import re

    if text.strip() in ("0", "none"):
        return []
    pattern = (
        r"(\d{1,4})x(?:([a-z]+)/)?([A-Za-z0-9](?:[A-Za-z0-9 ._+-]*[A-Za-z0-9])?)"
        r"(?::([^@,]+))?(?:@([^@,]+))?"
    )
    gpus: list[Gpu] = []
    for group in text.split(","):
        match = re.fullmatch(pattern, group.strip(), re.ASCII)
        if match is None or int(match[1]) == 0:
            raise ValueError(f"{group.strip()!r} is not a group of GPUs such as 8xH100:80GiB@9.0")
        for _ in range(int(match[1])):
            gpus.append(
                Gpu(
                    name=match[3],
                    uuid=f"SIMULATED-{len(gpus)}",
                    memory=parse_memory(match[4]) if match[4] else 0,
                    compute_capability=match[5],
                    vendor=match[2] or "nvidia",
                )
            )
    return gpus


def granted_gpus() -> list[Gpu] | None:
    """The GPUs of this run; None if nobody said which; a ValueError if what was said cannot be read."""
    import json

    granted, simulated = os.environ.get("FUMEHOOD_GPUS_GRANTED"), os.environ.get("FUMEHOOD_GPUS", "").strip()
    if granted is not None:
        try:
            return [
                Gpu(
                    name=str(one["name"]),
                    uuid=str(one["uuid"]),
                    memory=int(one["memory"]),
                    compute_capability=one["compute_capability"],
                    vendor=str(one["vendor"]),
                )
                for one in json.loads(granted)
            ]
        except (ValueError, KeyError, TypeError) as error:
            message = f"FUMEHOOD_GPUS_GRANTED is not a list of GPUs: {type(error).__name__}: {error}"
            raise ValueError(message) from error
    if not simulated:
        return None
    try:
        return parse_simulated(simulated)
    except ValueError as error:
        raise ValueError(f"FUMEHOOD_GPUS={simulated}: {error}") from error


def describe(gpus: Iterable[Gpu]) -> str:
    """One phrase for messages, such as ``2 x H100 80 GiB`` with a real multiplication sign, or ``none``."""
    kinds = [str(gpu) for gpu in gpus]
    return ", ".join(f"{kinds.count(kind)} \N{MULTIPLICATION SIGN} {kind}" for kind in dict.fromkeys(kinds)) or "none"


# --- in every process that runs tests ----------------------------------------------------------------------------


class GpuTests:
    """Skips or fails the tests whose needs are not met, and lets the workers of pytest-xdist take turns."""

    def __init__(self, mode: str, gpus: list[Gpu] | None, *, is_worker: bool) -> None:
        self._mode = mode
        self._gpus = gpus
        self._is_worker = is_worker
        self._needs: Needs | None = None
        self._unmet = ""
        self._must_fail = False

    def why_not(self, needs: Needs) -> str:
        """Why a test with these needs cannot run; empty if it can."""
        if self._mode == "none":
            return "--gpus=none"
        if self._gpus is None:
            return f"needs {needs}; no GPUs are known: run it as nox -s exp-NAME"
        return "" if needs.met_by(self._gpus) else f"needs {needs}; granted: {describe(self._gpus)}"

    def pytest_make_collect_report(self) -> Generator[None, Any, None]:
        """Turn wrong marks into a collection error of the file or class that they stand in."""
        import pytest

        outcome = yield
        report = outcome.get_result()
        mistakes: list[str] = []
        for item in report.result or ():
            if isinstance(item, pytest.Item):
                try:
                    read_marks(item)
                except ValueError as error:
                    mistakes.append(str(error))
        if mistakes and report.outcome == "passed":
            report.outcome = "failed"
            report.longrepr = "\n".join(mistakes)
            report.result = []

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the tests that ``--gpu-tests`` does not ask for."""
        wanted, _, vendor = config.option.fumehood_gpu_tests.partition(":")
        if wanted == "all":
            return
        parts: dict[bool, list[pytest.Item]] = {True: [], False: []}
        for item in items:
            needs = read_marks(item)
            is_gpu_test = needs is not None and (not vendor or needs.vendor in (None, vendor))
            parts[is_gpu_test == (wanted == "only")].append(item)
        items[:] = parts[True]
        if parts[False]:
            config.hook.pytest_deselected(items=parts[False])

    def pytest_collectstart(self) -> None:
        """Files of tests and configuration may put finders in front of the fence."""
        raise_fence()

    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Know what the test needs before anything of it runs, and hold the GPUs while it does."""
        raise_fence()
        try:
            self._needs = read_marks(item)
            self._unmet = self.why_not(self._needs) if self._needs is not None else ""
            self._must_fail = self._mode == "require"
        except ValueError as error:
            # The mark was added after collection, by a conftest.py.
            self._needs, self._unmet, self._must_fail = Needs(), str(error), True
        if self._needs is None or self._unmet or not self._is_worker or not self._gpus:
            yield
            return
        with _turn(self._gpus):
            yield

    def pytest_runtest_setup(self) -> None:
        """Before any fixture."""
        import pytest

        if self._unmet:
            if self._must_fail:
                pytest.fail(f"{self._unmet} (--gpus={self._mode})", pytrace=False)
            pytest.skip(self._unmet)

    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, None]:  # noqa: ANN401 - its type is public only since pytest 7.2
        """Mark the reports of GPU tests, which also travel from a worker, and let them point at the test."""
        outcome = yield
        report = outcome.get_result()
        if self._needs is None:
            return
        report.fumehood_gpu = True
        if not self._unmet or call.when != "setup":
            return
        if report.skipped:
            line = item.location[1]
            report.longrepr = (str(item.path), None if line is None else line + 1, f"Skipped: {self._unmet}")
        elif report.failed:
            # Not an error of the test's setup: the test as a whole has failed.
            report.when = "call"
            report.fumehood_unmet = self._unmet


class _turn:  # noqa: N801 - used as the functions of contextlib are, whose import it saves
    """Hold this run's GPUs against the other workers of the run, by a file that all of them lock in turn."""

    def __init__(self, gpus: Iterable[Gpu]) -> None:
        import tempfile
        import zlib

        fence = os.environ.get("FUMEHOOD_FENCE")
        folder = os.path.dirname(fence) if fence else tempfile.gettempdir()
        key = zlib.crc32("\n".join(sorted(gpu.uuid for gpu in gpus)).encode())
        self._path = os.path.join(folder, f"fumehood-gpus-{os.getuid()}-{key:08x}.lock")
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        import fcntl

        if os.environ.get(_HELD) == self._path:
            # This run was started by a GPU test of another, which would wait for it for ever.
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._descriptor = os.open(self._path, flags, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            os.environ[_HELD] = self._path
        except OSError as error:
            sys.stderr.write(f"fumehood: GPU tests of several workers may overlap: {self._path}: {error.strerror}\n")

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            import fcntl

            os.environ.pop(_HELD, None)
            # A process that the test forked may have the file open still: closing alone would not unlock it.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)


# --- in the process that talks to the user -----------------------------------------------------------------------


class JunitPlace:
    """Has pytest say where its JUnit file will be, and not where it is on its way there."""

    def __init__(self, written: str, place: str) -> None:
        self._written = os.path.abspath(written)  # as pytest calls it
        self._place = os.path.abspath(place)

    def pytest_terminal_summary(self, config: pytest.Config) -> None:
        """After the file was written, and before its path is shown."""
        for plugin in config.pluginmanager.get_plugins():
            if getattr(plugin, "logfile", None) == self._written and os.path.exists(self._written):
                plugin.logfile = self._place


class Tally:
    """Counts what became of the tests, in whichever process they ran."""

    def __init__(self, mode: str, report_path: str | None) -> None:
        self._mode = mode
        self._report_path = report_path
        self._collected = 0
        self._deselected = 0
        self._finished = 0
        self._torn_down: set[str] = set()
        self._outcomes: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._gpu_tests: set[str] = set()
        self._missed: dict[str, str] = {}
        self._broken_collections: set[str] = set()
        self._lines: list[str] = []
        self._is_run = False

    def pytest_collection(self, session: pytest.Session) -> None:
        """Only in a run of tests, and not for --fixtures and the like, or before something ends pytest at its start."""
        options = session.config.option
        self._is_run = not (options.collectonly or getattr(options, "setuponly", False))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without pytest-xdist."""
        self._collected = max(self._collected, len(session.items))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count those that were collected for nothing; without pytest-xdist, which does not tell."""
        self._deselected += len(items)

    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """With it: every worker collects all tests."""
        self._collected = max(self._collected, len(ids))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count files that could not be collected, or that skipped themselves."""
        if report.failed:
            self._broken_collections.add(report.nodeid)
        elif report.skipped:
            self._outcomes[report.nodeid] = "skipped"
            self._reasons[report.nodeid] = _reason(report)

    def pytest_runtest_logfinish(self) -> None:
        """Count the tests that came to their end; several may have one name."""
        self._finished += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one phase of a test."""
        name = report.nodeid
        if report.when == "teardown":
            self._torn_down.add(name)
        if getattr(report, "fumehood_gpu", False):
            self._gpu_tests.add(name)
        outcome = _outcome(report)
        if outcome is None or self._outcomes.get(name) in ("failed", "errors"):
            return
        self._outcomes[name] = outcome
        if outcome == "skipped":
            self._reasons[name] = _reason(report)
        elif unmet := getattr(report, "fumehood_unmet", ""):
            self._missed[name] = unmet

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge the run as a whole, write the report, and see that the user learns of it."""
        if self._is_run:
            self._lines = list(self._judge(session))
            if self._report_path:
                self._write_report(self._report_path)
        if not session.config.pluginmanager.hasplugin("terminalreporter"):
            sys.stderr.write("".join(f"{line}\n" for line in self._lines))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """At the end of pytest's own summary."""
        for line in self._lines:
            terminalreporter.write_line(line)

    def _judge(self, session: pytest.Session) -> Iterator[str]:
        if self._gpu_tests:
            yield self._gpu_line()
        idle = ""
        if self._outcomes and self._skipped_all(self._outcomes) and not self._broken_collections:
            idle = "every test was skipped"
        elif not self._outcomes and not self._collected and not self._broken_collections:
            idle = "no test was collected"
        elif self._mode == "require" and self._gpu_tests and not self._missed and self._skipped_all(self._gpu_tests):
            idle = "every GPU test was skipped"
        if idle and self._mode == "require":
            if session.exitstatus == 0:
                session.exitstatus = 1
            yield f"fumehood: {idle}: with --gpus=require the run has failed"
        elif idle == "every test was skipped":
            yield f"fumehood: {idle}"

    def _skipped_all(self, names: Iterable[str]) -> bool:
        return all(self._outcomes.get(name) == "skipped" for name in names)

    def _gpu_line(self) -> str:
        skipped = [self._reasons[name] for name in self._gpu_tests if self._outcomes.get(name) == "skipped"]
        missed = list(self._missed.values())
        total = len(self._gpu_tests)
        parts = [f"{total - len(skipped) - len(missed)} ran"]
        parts += [f"{len(skipped)} skipped ({_count(skipped)})"] if skipped else []
        parts += [f"{len(missed)} failed without running ({_count(missed)})"] if missed else []
        return f"fumehood: {total} GPU {'test' if total == 1 else 'tests'}: {', '.join(parts)}"

    def _write_report(self, path: str) -> None:
        import json

        counts = dict.fromkeys(("passed", "failed", "errors", "skipped", "xfailed", "xpassed"), 0)
        for outcome in self._outcomes.values():
            counts[outcome] += 1
        counts["errors"] += len(self._broken_collections)
        skipped = sum(self._outcomes.get(name) == "skipped" for name in self._gpu_tests)
        reasons = sorted(self._reasons[name] for name, outcome in self._outcomes.items() if outcome == "skipped")
        answer = {
            "schema": 1,
            "collected": self._collected,
            "deselected": self._deselected,
            # A conftest.py may run tests in its own way, and not say when one has finished.
            "finished": max(self._finished, len(self._torn_down)),
            **counts,
            "gpu": {
                "mode": self._mode,
                "tests": len(self._gpu_tests),
                "ran": len(self._gpu_tests) - skipped - len(self._missed),
                "skipped": skipped,
            },
            "skip_reasons": {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
        }
        try:
            with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
                json.dump(answer, file)
            os.replace(f"{path}.{os.getpid()}", path)
        except OSError as error:
            self._lines.append(f"fumehood: the report was not written: {path}: {error.strerror}")


def _outcome(report: pytest.TestReport) -> str | None:
    """What one phase says about the test; None if it says nothing.

    Reports with a context are of subtests: only their failures say something about the test.
    """
    if report.failed:
        return "errors" if report.when in ("setup", "teardown") else "failed"
    if hasattr(report, "context"):
        return None
    if hasattr(report, "wasxfail"):
        return "xpassed" if not report.skipped else "skipped" if _NOT_RUN in report.wasxfail else "xfailed"
    if report.skipped:
        return "skipped"
    return "passed" if report.passed and report.when == "call" else None


_NOT_RUN = "[NOTRUN]"
"""What stands in the reason of a test that is marked xfail(run=False): it is expected to fail, and nobody knows."""


def _reason(report: Any) -> str:  # noqa: ANN401 - a TestReport or a CollectReport
    if hasattr(report, "wasxfail"):
        text = str(report.wasxfail).removeprefix("reason: ")
    elif isinstance(report.longrepr, (tuple, list)):
        text = report.longrepr[2].removeprefix("Skipped: ")
    else:
        text = str(report.longrepr)
    # Names of files may be in it that are no text.
    return text.encode("utf-8", "backslashreplace").decode()


def _count(reasons: list[str]) -> str:
    """Each distinct reason, with its number where there are several."""
    distinct = sorted(set(reasons))
    if len(distinct) == 1:
        return distinct[0]
    return " | ".join(f"{reasons.count(reason)}: {reason}" for reason in distinct)


# --- pytest's hooks ----------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--gpus``; pytest has put its own finder in front by now."""
    raise_fence()
    parser.getgroup("fumehood").addoption(
        "--gpus",
        dest="fumehood_gpus",
        choices=("auto", "none", "require"),
        help="tests marked gpu without the GPUs that they need: auto skips them, require fails them; "
        "none skips all of them and hides all GPUs",
    )
    parser.getgroup("fumehood").addoption(
        "--gpu-tests",
        dest="fumehood_gpu_tests",
        type=_gpu_tests,
        metavar="{all,only,only:VENDOR,none}",
        default="all",
        help="leave out tests: only leaves those marked gpu, only:amd those of them that an AMD GPU will do for, "
        "none the others",
    )


def _gpu_tests(text: str) -> str:
    """What ``--gpu-tests`` may be; an argparse.ArgumentTypeError for anything else."""
    import argparse

    wanted, colon, vendor = text.lower().partition(":")
    is_vendor = wanted == "only" and vendor.isascii() and vendor.isalnum()
    if wanted not in ("all", "only", "none") or (colon and not is_vendor):
        raise argparse.ArgumentTypeError(f"all, only, only:VENDOR or none, not {text!r}")
    return text.lower()


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Hide the GPUs before a conftest.py can start using them."""
    if _mode(early_config.known_args_namespace) == "none":
        os.environ.update(dict.fromkeys(_DEVICE_LISTS, ""))


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the parts that this process needs; before pytest decides about a JUnit file."""
    import pytest

    junit, place = os.environ.pop("FUMEHOOD_JUNIT", None), os.environ.pop("FUMEHOOD_JUNIT_PLACE", None)
    if junit and not getattr(config.option, "xmlpath", junit):
        config.option.xmlpath = junit
        pytest.hookimpl(tryfirst=True)(JunitPlace.pytest_terminal_summary)
        config.pluginmanager.register(JunitPlace(junit, place or junit), "fumehood-junit-place")
    raise_fence()
    _hold_leases()
    config.addinivalue_line("markers", _MARKER)
    mode = _mode(config.option)
    if mode not in ("auto", "none", "require"):
        raise pytest.UsageError(f"FUMEHOOD_GPU_MODE={mode}: it is one of auto, none, require")
    try:
        gpus = granted_gpus()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    pytest.hookimpl(hookwrapper=True)(GpuTests.pytest_make_collect_report)
    pytest.hookimpl(hookwrapper=True, tryfirst=True)(GpuTests.pytest_runtest_protocol)
    pytest.hookimpl(hookwrapper=True)(GpuTests.pytest_runtest_makereport)
    pytest.hookimpl(trylast=True)(GpuTests.pytest_collection_modifyitems)
    pytest.hookimpl(tryfirst=True)(GpuTests.pytest_runtest_setup)
    pytest.hookimpl(tryfirst=True)(Tally.pytest_collection)
    pytest.hookimpl(optionalhook=True)(Tally.pytest_xdist_node_collection_finished)
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(GpuTests(mode, gpus, is_worker=is_worker), "fumehood-gpu-tests")
    if not is_worker:
        # Taken out of the environment: a pytest that a test starts is not the run that is reported on.
        report_path = os.environ.pop("FUMEHOOD_PYTEST_REPORT", None)
        config.pluginmanager.register(Tally(mode, report_path), "fumehood-tally")


_leases: list[int] = []
"""Descriptors that are open as long as this process lives."""


def _hold_leases() -> None:
    """Hold the leases in this process too, in case the session that took them is killed."""
    import fcntl

    for path in filter(None, os.environ.get("FUMEHOOD_LEASES", "").splitlines()):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            continue  # The session holds the lease as well; without working locks there is nothing to hold.
        _leases.append(descriptor)


def _mode(options: Any) -> str:  # noqa: ANN401 - argparse's namespace
    return getattr(options, "fumehood_gpus", None) or os.environ.get("FUMEHOOD_GPU_MODE") or "auto"
