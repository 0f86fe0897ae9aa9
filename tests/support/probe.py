"""A script for the interpreter of an environment: prints as JSON all that can be asked of what is installed in it.

It is run by path, in isolated mode, and must work with every Python that the project supports.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import io
import json
import os
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any

_OWN = {"pyvenv.cfg", "CACHEDIR.TAG", ".gitignore", ".lock", "fumehood.json"}


def distributions() -> dict[str, Any]:
    """Every installed distribution, by name and place in the order in which they are found."""
    found: dict[str, Any] = {}
    for one in importlib.metadata.distributions():
        metadata = one.metadata
        files = one.files or []
        found.setdefault(metadata["Name"], []).append(
            {
                "version": one.version,
                "metadata": {key: metadata.get_all(key) for key in sorted(set(metadata))},
                "requires": one.requires,
                "files": sorted(str(file) for file in files),
                "missing": sorted(str(file) for file in files if not os.path.exists(str(file.locate()))),
                "installer": one.read_text("INSTALLER"),
                "top level": one.read_text("top_level.txt"),
            }
        )
    return found


def entry_points() -> list[list[str]]:
    """Every entry point, with the distribution that declares it."""
    groups = {point.group for one in importlib.metadata.distributions() for point in one.entry_points}
    return sorted(
        [one.group, one.name, one.value, one.dist.name if one.dist else ""]
        for group in groups
        for one in importlib.metadata.entry_points(group=group)
    )


def modules(names: list[str]) -> dict[str, Any]:
    """What importing each module gives."""
    return {name: _import(name) for name in names}


def _import(name: str) -> dict[str, Any]:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever a module raises is part of the answer
        return {"error": f"{type(error).__name__}: {error}"}
    version = getattr(module, "__version__", None)
    path = [str(folder) for folder in getattr(module, "__path__", [])]
    return {
        "version": version if isinstance(version, str) else None,
        "namespace": getattr(module, "__file__", None) is None and bool(path),
        "portions": len(path) if getattr(module, "__file__", None) else None,
        "children": sorted(
            {child for folder in path if os.path.isdir(folder) for child in os.listdir(folder)} - {"__pycache__"}
        ),
        "file": getattr(module, "__file__", None),
    }


def outside(prefix: Path) -> dict[str, str]:
    """Every file of the prefix that is neither a command nor in site-packages, with a digest."""
    site = Path(sysconfig.get_paths()["purelib"])
    found = {}
    for top, folders, names in os.walk(prefix):
        folders[:] = [one for one in folders if Path(top, one) not in {site, prefix / "bin"}]
        for name in names:
            path = Path(top, name)
            if name not in _OWN or Path(top) != prefix:
                found[str(path.relative_to(prefix))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main() -> None:
    """Print the answers."""
    warnings.simplefilter("ignore")
    prefix = Path(sys.prefix)
    packages = {name: sorted(owners) for name, owners in importlib.metadata.packages_distributions().items()}
    started = sorted(name for name in vars(sys) if name.endswith("_started"))
    answers = {
        "started": started,
        "distributions": distributions(),
        "packages": packages,
        "entry points": entry_points(),
        "modules": modules(sorted(name for name in packages if name.isidentifier())),
        "outside": outside(prefix),
        "commands": sorted(os.listdir(prefix / "bin")),
        "paths": {
            key: os.path.relpath(path, prefix)
            for key, path in sysconfig.get_paths().items()
            if path.startswith(sys.prefix)
        },
    }
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
