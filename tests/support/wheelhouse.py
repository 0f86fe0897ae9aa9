"""The standard set of distributions that the test index serves."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.wheels import Sdist, Wheel, build_all, escape, pack

_PKGUTIL = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'

# One line, as setuptools wrote for years: `site` executes it in a frame that knows which folder it is reading.
_NSPKG_PTH = (
    "import os, sys, types; "
    'path = os.path.join(sys._getframe(1).f_locals["sitedir"], "legacy"); '
    'package = sys.modules.setdefault("legacy", types.ModuleType("legacy")); '
    'paths = package.__dict__.setdefault("__path__", []); '
    "path in paths or paths.append(path)\n"
)

NAMESPACES = (
    Wheel(name="nsone", version="1.0", files={"acme/one/__init__.py": 'WHO = "one"\n'}),
    Wheel(name="nstwo", version="1.0", files={"acme/two/__init__.py": 'WHO = "two"\n'}),
    Wheel(name="pkgutil-one", version="1.0", files={"shared/__init__.py": _PKGUTIL, "shared/one.py": 'WHO = "one"\n'}),
    Wheel(name="pkgutil-two", version="1.0", files={"shared/__init__.py": _PKGUTIL, "shared/two.py": 'WHO = "two"\n'}),
    Wheel(
        name="legacy-one",
        version="1.0",
        files={"legacy_one-1.0-nspkg.pth": _NSPKG_PTH, "legacy/one.py": 'WHO = "one"\n'},
    ),
    Wheel(
        name="legacy-two",
        version="1.0",
        files={"legacy_two-1.0-nspkg.pth": _NSPKG_PTH, "legacy/two.py": 'WHO = "two"\n'},
    ),
)

PLAIN: tuple[Wheel | Sdist, ...] = (
    *(Wheel(name="alpha", version=version) for version in ("1.0", "1.1", "2.0")),
    Wheel(name="beta", version="1.0", requires=("alpha>=1.0",)),
    Wheel(name="beta", version="2.0", requires=("alpha>=2",)),
    Wheel(
        name="gamma",
        version="1.0",
        requires=("alpha<2",),
        files={
            "gamma/__init__.py": '__version__ = "1.0"\n',
            "gamma/cli.py": "import alpha\n\n\ndef main() -> None:\n    print('gamma with alpha', alpha.__version__)\n",
        },
        console_scripts={"gamma": "gamma.cli:main"},
    ),
    Wheel(name="delta-lib", version="1.0"),
    Wheel(name="needs-old-alpha", version="1.0", requires=("alpha<1.1",)),
    Wheel(name="withdrawn", version="1.0"),
    Wheel(name="withdrawn", version="1.1", yanked=True),
    Wheel(name="for-new-python", version="1.0", requires_python=">=3.99"),
    Wheel(name="only-windows", version="1.0", tag="py3-none-win_amd64"),
    Sdist(name="source-only", version="1.0", requires=("alpha",)),
    Sdist(name="broken-build", version="1.0", fails="wheel"),
    Sdist(name="broken-metadata", version="1.0", fails="metadata"),
    # pytest asks for these elsewhere than here; a lock for all platforms has to find them.
    Wheel(name="colorama", version="0.4.6"),
    Wheel(name="exceptiongroup", version="1.3.0"),
    Wheel(name="tomli", version="2.2.1"),
)

AWKWARD = (
    Wheel(
        name="withdata",
        version="1.0",
        data={"share/withdata/table.txt": "1 2 3\n", "etc/withdata.cfg": "[withdata]\n"},
        headers={"withdata.h": "#define WITHDATA 1\n"},
        scripts={
            "withdata-script": "#!python\nimport sys, withdata\nprint(withdata.__version__, sys.prefix)\n",
            "withdata-shell": "#!/bin/sh\necho withdata in a shell\n",
        },
    ),
    Wheel(
        name="withpth",
        version="1.0",
        files={
            "withpth.py": '__version__ = "1.0"\n',
            "withpth_start.py": "import sys\n\nsys.withpth_started = True\n",
            "withpth_extra/withpth_hidden.py": "FOUND = True\n",
            "withpth.pth": "withpth_extra\nimport withpth_start\n",
        },
    ),
    Wheel(
        name="withplugin",
        version="1.0",
        files={"withplugin.py": '__version__ = "1.0"\n\n\ndef plug():\n    return "plugged"\n'},
        entry_points={"acme.plugins": {"plug": "withplugin:plug"}},
    ),
    Wheel(
        name="reader",
        version="1.0",
        files={"reader.py": 'from importlib.metadata import version\n\n__version__ = version("reader")\n'},
    ),
    Wheel(
        name="extras-demo",
        version="1.0",
        extras={"fast": ('alpha>=1.1 ; python_version >= "3.8"', 'delta-lib ; python_version < "3.8"')},
    ),
)

LEARNING = (
    *(Wheel(name="tokenizers", version=version) for version in ("0.21.4", "0.22.0", "0.23.3")),
    Wheel(name="transformers", version="4.50.0", requires=("tokenizers<0.22",)),
    Wheel(name="transformers", version="4.57.1", requires=("tokenizers>=0.22",)),
    Wheel(name="transformers", version="5.0.0", requires=("tokenizers>=0.22",)),
    *(Wheel(name="torch", version=version) for version in ("2.5.0", "2.6.0", "2.7.0", "2.7.1")),
    *(
        Wheel(name="torchvision", version=version, requires=(f"torch=={torch}",))
        for version, torch in (("0.20.0", "2.5.0"), ("0.21.0", "2.6.0"), ("0.22.0", "2.7.0"), ("0.22.1", "2.7.1"))
    ),
)

STANDARD: tuple[Wheel | Sdist, ...] = (*PLAIN, *NAMESPACES, *AWKWARD, *LEARNING)


def fill(folder: Path) -> None:
    """Write the standard set, and pytest with all it needs here, into a folder.

    pytest and its requirements come from the running environment, and pytest-xdist too when it is there.

    Raises:
        PackageNotFoundError: The environment lacks something that pytest requires.
    """
    build_all(STANDARD, folder)
    for name in _closure("pytest") | _closure("pytest-xdist", optional=True):
        repack(distribution(name), folder)


def repack(installed: Distribution, folder: Path) -> Path:
    """Make a wheel again from what an installer made of one.

    Left out is what installers write themselves: bytecode, scripts, and their notes in the metadata folder.
    """
    stem = f"{escape(installed.name)}-{installed.version}"
    info = f"{stem}.dist-info"
    members: dict[str, bytes] = {}
    for file in installed.files or ():
        path = file.as_posix()
        if path.startswith("..") or "__pycache__" in file.parts or not Path(file.locate()).is_file():
            continue
        if file.parent.name.endswith(".dist-info"):
            if file.name in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"} or file.name.startswith("uv_"):
                continue
            path = f"{info}/{file.name}"
        members[path] = file.read_binary()
    tag = next(
        line.removeprefix("Tag:").strip()
        for line in members[f"{info}/WHEEL"].decode().splitlines()
        if line.startswith("Tag:")
    )
    return pack(members, folder / f"{stem}-{tag}.whl", info)


def _closure(root: str, *, optional: bool = False) -> set[str]:
    """Name a distribution and everything that it requires in this environment."""
    found: set[str] = set()
    todo = [canonicalize_name(root)]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or ()
        except PackageNotFoundError:
            if optional and name == root:
                return set()
            raise
        found.add(name)
        wanted = [Requirement(text) for text in requires]
        todo += [canonicalize_name(one.name) for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
    return found
