"""Whatever distributions hold: where nothing stands against stacking, imports find what they find in one folder."""

from __future__ import annotations

import os
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fumehood.environments import layer, stack, view
from fumehood.environments.stack import Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fumehood.environments.layer import Layer

SITE = "lib/python3.11/site-packages"
NAMES = ("x", "y")
FILES = (
    *("x.py", "x/__init__.py", "x/y.py", "x/data.txt", "x/y/__init__.py", "x/y/x.py", "x/y/data.txt", "x/x/data.txt"),
    *("y.py", "y/__init__.py", "y/x.py", "y/data.txt", "y/x/y.py", "y/x/__init__.py"),
)
Half = dict[str, str]
"""Which distribution of a half ships a file."""


def halves(*owners: str) -> st.SearchStrategy[Half]:
    return st.dictionaries(st.sampled_from(FILES), st.sampled_from(owners), max_size=7)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(core=halves("kept", "changed", "other"), delta=halves("changed", "added"), removes=st.booleans())
@example(core={"x/__init__.py": "kept"}, delta={"x/data.txt": "added"}, removes=False)
@example(core={"x/__init__.py": "kept", "x/y.py": "changed"}, delta={"y.py": "added"}, removes=True)
@example(core={"x/y.py": "kept", "x/y/__init__.py": "changed"}, delta={"x/x/data.txt": "changed"}, removes=False)
@example(core={"x.py": "kept"}, delta={"x/data.txt": "added"}, removes=False)
def test_imports_in_a_stack_find_what_they_find_in_one_folder(core: Half, delta: Half, *, removes: bool) -> None:
    replaced = {"changed"} if removes or "changed" in delta.values() else set()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lower, upper = written(root / "core", core), written(root / "delta", delta)
        flat = written(root / "flat", {**{file: one for file, one in core.items() if one not in replaced}, **delta})
        hidden = frozenset(replaced & {item.name for item in lower.distributions})
        visible, gone = Side.of(lower, hidden), frozenset(item.name for item in lower.distributions) - hidden
        if stack.obstacle(visible, Side.of(upper), Side.of(lower, gone)) is not None:
            return
        below = seen(lower, hidden, root / "view") if hidden else lower.import_path
        assert answers([upper.import_path, below]) == answers([flat.import_path])


def written(prefix: Path, half: Mapping[str, str]) -> Layer:
    """Install distributions by hand."""
    site = prefix / SITE
    site.mkdir(parents=True)
    for owner in sorted(set(half.values())):
        files = [file for file, one in half.items() if one == owner]
        info = site / f"{owner}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {owner}\nVersion: 1.0\n")
        record = [*files, f"{info.name}/METADATA", f"{info.name}/RECORD"]
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in record))
        for file in files:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text("")
    return layer.describe(prefix, "any", SITE)


def seen(core: Layer, hidden: frozenset[str], target: Path) -> Path:
    """A view's links, made by hand."""
    for path in view.links(core, hidden):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).symlink_to(core.path / path)
    return target / SITE


def answers(path: list[Path]) -> dict[str, object]:
    """What every dotted name of up to three parts leads to on an import path."""
    return dict(_answers("", [str(one) for one in path], [str(one) for one in path], depth=3))


def _answers(prefix: str, path: list[str], roots: list[str], *, depth: int) -> Iterator[tuple[str, object]]:
    for name in NAMES if depth else ():
        spec = PathFinder.find_spec(name, path)  # undotted, since the parents are not imported
        if spec is None:
            yield f"{prefix}{name}", None
            continue
        portions = list(spec.submodule_search_locations or ())
        inside = {entry for one in portions for entry in os.listdir(one)}
        origin = _relative(spec.origin, roots) if spec.origin else "namespace"
        yield f"{prefix}{name}", (origin, {_relative(one, roots) for one in portions}, inside)
        yield from _answers(f"{prefix}{name}.", portions, roots, depth=depth - 1) if portions else ()


def _relative(path: str, roots: list[str]) -> str:
    return next(os.path.relpath(path, root) for root in roots if path.startswith(f"{root}/"))
