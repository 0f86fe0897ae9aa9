"""Which GPUs the tests of an experiment need, read from their source without importing it.

What can be read is what stands in the file: ``pytest.mark.gpu`` as decorator, in ``pytestmark``, in ``pytest.param``,
under another name for pytest or its ``mark``, or under a name of its own in the same file.
"""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from functools import reduce
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.testing.gpu_values import GpuNeeds, capability, parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fumehood.model.experiment import GpuDemand

__all__ = ["GpuNeeds", "TestNeeds", "mentions_gpu", "needs_of_demand", "read_needs"]

_TEST = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]+test", re.MULTILINE)
_SIGNATURE = inspect.signature(GpuNeeds).replace(
    parameters=[
        parameter.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for parameter in inspect.signature(GpuNeeds).parameters.values()
    ]
)
_TYPES = {"count": int, "memory": int | str, "compute_capability": str, "vendor": str}


class TestNeeds(Struct, frozen=True, kw_only=True):
    """What the test files of one experiment need, all together.

    Attributes:
        gpu: What suffices for every GPU test, one after the other; None if no test asks for a GPU.
        vendors: If they name several vendors, what suffices for the GPU tests that run on the GPUs of each: those that
            name it, and those that name none.
        gpu_tests: Test functions of which at least one case needs a GPU.
        other_tests: Test functions that run without; as with `gpu_tests`, approximately, since no test is collected.
    """

    __test__ = False  # pytest would take the class for tests because of its name.

    gpu: GpuNeeds | None = None
    vendors: tuple[GpuNeeds, ...] = ()
    gpu_tests: int = 0
    other_tests: int = 0

    def on(self, vendor: str) -> GpuNeeds | None:
        """What suffices for the GPU tests that run on the GPUs of a vendor; of all of them where it is empty."""
        return next((needs for needs in self.vendors if needs.vendor == vendor), self.gpu)


def mentions_gpu(source: bytes) -> bool:
    """Whether the bytes of a file could hold a GPU mark at all: the check that spares reading most files."""
    return b"gpu" in source


def needs_of_demand(demand: GpuDemand) -> GpuNeeds:
    """What a manifest says about GPUs, as needs.

    Raises:
        ValueError: Its memory or compute capability is no such text.
    """
    if demand.compute_capability is not None:
        capability(demand.compute_capability)
    return GpuNeeds(
        count=demand.count,
        memory=parse_memory(demand.memory) if demand.memory is not None else None,
        compute_capability=demand.compute_capability,
        vendor=demand.vendor.lower() if demand.vendor is not None else None,
    )


def read_needs(files: Iterable[Path], beside: Iterable[Path] = ()) -> TestNeeds:
    """Read the GPU marks of test files.

    Every mark in a file counts for `TestNeeds.gpu`, used by a test there or not: tests elsewhere may import it. One
    whose arguments are not written out counts as one GPU, and a file that is no Python has none.

    Args:
        files: Test files.
        beside: Modules beside them that may define marks, such as a ``conftest.py``.
    """
    readings = list(map(_read_file, files))
    needs = [one for reading in (*readings, *map(_read_file, beside)) for one in reading.needs]
    return TestNeeds(
        gpu=reduce(GpuNeeds.join, needs) if needs else None,
        vendors=tuple(_by_vendor(needs)),
        gpu_tests=sum(reading.gpu_tests for reading in readings),
        other_tests=sum(reading.other_tests for reading in readings),
    )


def _by_vendor(needs: Sequence[GpuNeeds]) -> Iterator[GpuNeeds]:
    named = sorted({one.vendor for one in needs if one.vendor})
    for vendor in named if len(named) > 1 else ():
        yield reduce(GpuNeeds.join, (one for one in needs if one.vendor in {None, vendor}))


class _Reading(Struct, kw_only=True):
    """What is known of one file while it is read."""

    needs: list[GpuNeeds] = field(default_factory=list)
    gpu_tests: int = 0
    other_tests: int = 0


def _read_file(file: Path) -> _Reading:
    try:
        source = file.read_bytes()
    except OSError:
        return _Reading()
    return _read_source(source) if mentions_gpu(source) else _Reading(other_tests=len(_TEST.findall(source)))


def _read_source(source: bytes) -> _Reading:
    try:
        with warnings.catch_warnings():
            # Invalid escapes and the like are the business of whoever runs the file.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Reading(other_tests=len(_TEST.findall(source)))
    names = _Names()
    names.learn(tree)
    reading = _Reading()
    for mark in names.marks(tree):
        try:
            reading.needs.append(_read_mark(mark))
        except ValueError:
            reading.needs.append(GpuNeeds())
    _count_tests(tree.body, names, reading, inherited=False)
    return reading


class _Names:
    """What the names of one file stand for, as far as marks go."""

    def __init__(self) -> None:
        self.pytest: set[str] = set()
        self.mark: set[str] = set()
        self.gpu: set[str] = set()
        """Names of a GPU mark, or of something that holds one, such as a list of parameters."""

    def learn(self, tree: ast.Module) -> None:
        """Learn from all imports, then from the assignments in their order."""
        assignments: list[tuple[ast.expr, ast.expr]] = []
        for node in ast.walk(tree):
            match node:
                case ast.Import():
                    self.pytest |= {alias.asname or alias.name for alias in node.names if alias.name == "pytest"}
                case ast.ImportFrom(module="pytest"):
                    self.mark |= {alias.asname or alias.name for alias in node.names if alias.name == "mark"}
                case ast.Assign():
                    assignments += [(target, node.value) for target in node.targets]
                case ast.AnnAssign(value=ast.expr() as value):
                    assignments.append((node.target, value))
        for target, value in sorted(assignments, key=lambda pair: pair[1].lineno):
            if not isinstance(target, ast.Name):
                continue
            if self._is_mark(value):
                self.mark.add(target.id)
            elif target.id != "pytestmark" and self.holds_gpu(value):
                self.gpu.add(target.id)

    def marks(self, node: ast.AST) -> Iterator[ast.expr]:
        """Each GPU mark written below the node, with its arguments where it has any."""
        if isinstance(node, ast.expr) and self._is_gpu(node.func if isinstance(node, ast.Call) else node):
            yield node
        else:
            for child in ast.iter_child_nodes(node):
                yield from self.marks(child)

    def holds_gpu(self, node: ast.expr) -> bool:
        """Whether a GPU mark is written in the expression, or a name that stands for one."""
        used = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
        return bool(used & self.gpu) or next(self.marks(node), None) is not None

    def _is_gpu(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "gpu" and self._is_mark(node.value)

    def _is_mark(self, node: ast.expr) -> bool:
        match node:
            case ast.Name():
                return node.id in self.mark
            case ast.Attribute(attr="mark", value=ast.Name() as owner):
                return owner.id in self.pytest
        return False


def _read_mark(mark: ast.expr) -> GpuNeeds:
    """The needs that a mark writes out.

    Raises:
        ValueError: It does not write them out, or not as the plugin will accept them.
    """
    if not isinstance(mark, ast.Call):
        return GpuNeeds()
    if any(keyword.arg is None for keyword in mark.keywords):
        raise ValueError("arguments from a mapping")
    try:
        given = _SIGNATURE.bind(
            *(ast.literal_eval(argument) for argument in mark.args),
            **{str(keyword.arg): ast.literal_eval(keyword.value) for keyword in mark.keywords},
        ).arguments
    except TypeError as error:
        raise ValueError(str(error)) from error
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}")  # noqa: TRY004 - to the caller all of these are one thing
    memory = given.get("memory")
    if "compute_capability" in given:
        capability(given["compute_capability"])
    if given.get("count", 1) < 1:
        raise ValueError("a count below 1")
    vendor = given["vendor"].lower() if "vendor" in given else None
    if vendor is not None and not (vendor.isascii() and vendor.isalnum()):
        raise ValueError("a vendor that is no word")
    return GpuNeeds(
        count=given.get("count", 1),
        memory=parse_memory(memory) if isinstance(memory, str) else memory,
        compute_capability=given.get("compute_capability"),
        vendor=vendor,
    )


def _count_tests(body: Sequence[ast.stmt], names: _Names, reading: _Reading, *, inherited: bool) -> None:
    """Count the test functions of a module or class, and of the ``if`` and ``try`` in it."""
    inherited = inherited or any(names.holds_gpu(value) for value in map(_pytestmark, body) if value is not None)
    for statement in body:
        match statement:
            case ast.ClassDef():
                marked = any(names.holds_gpu(decorator) for decorator in statement.decorator_list)
                _count_tests(statement.body, names, reading, inherited=inherited or marked)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if statement.name.startswith("test"):
                marked = any(names.holds_gpu(decorator) for decorator in statement.decorator_list)
                reading.gpu_tests += inherited or marked
                reading.other_tests += not (inherited or marked)
            case ast.If() | ast.Try() | ast.With():
                for part in ("body", "orelse", "finalbody"):
                    _count_tests(getattr(statement, part, ()), names, reading, inherited=inherited)


def _pytestmark(statement: ast.stmt) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
            return value
        case ast.AnnAssign(target=ast.Name(id="pytestmark"), value=value):
            return value
    return None
