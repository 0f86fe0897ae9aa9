"""Tiny but valid wheels and source distributions, the same bytes every time.

Formats: the wheel as the packaging specifications describe it (binary distribution format, core metadata 2.2, entry
points), the source distribution as PEP 517 and PEP 643 do.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import stat
import tarfile
import textwrap
import zipfile
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_DATE = (2020, 2, 2, 0, 0, 0)
_SECONDS = 1_580_601_600  # the same moment for tar


def escape(name: str) -> str:
    """Spell a distribution's name as file names do."""
    return re.sub(r"[-_.]+", "_", name).lower()


class Wheel(Struct, frozen=True, kw_only=True):
    """What one wheel holds.

    Attributes:
        files: Paths relative to site-packages; when empty, one module that has ``__version__``.
        extras: Extra → its requirements, each with a marker of its own if it needs one.
        console_scripts: Command → ``module:function``.
        entry_points: Group → entry point → object.
        scripts: Files of ``.data/scripts``; a first line ``#!python`` becomes the environment's interpreter.
        data: Files of ``.data/data``, relative to the environment's root, for example ``share/x``.
        headers: Files of ``.data/headers``.
        yanked: Withdrawn from the index, though still served (PEP 592); said by a file beside the wheel.
    """

    name: str
    version: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    console_scripts: Mapping[str, str] = field(default_factory=dict)
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scripts: Mapping[str, str | bytes] = field(default_factory=dict)
    data: Mapping[str, str | bytes] = field(default_factory=dict)
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    requires_python: str | None = None
    tag: str = "py3-none-any"
    yanked: bool = False

    @property
    def stem(self) -> str:
        return f"{escape(self.name)}-{self.version}"

    @property
    def filename(self) -> str:
        return f"{self.stem}-{self.tag}.whl"


class Sdist(Struct, frozen=True, kw_only=True):
    """What one source distribution holds; its backend needs nothing but the standard library.

    Attributes:
        fails: Where building ends with an error: not at all, when asked for the metadata, or when building the wheel.
    """

    name: str
    version: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    fails: Literal["never", "metadata", "wheel"] = "never"


def build(wheel: Wheel, folder: Path) -> Path:
    """Write the wheel into a folder and say where."""
    info = f"{wheel.stem}.dist-info"
    members: dict[str, bytes] = {}
    for prefix, files in (
        ("", wheel.files or _module(wheel.name, wheel.version)),
        (f"{wheel.stem}.data/scripts/", wheel.scripts),
        (f"{wheel.stem}.data/data/", wheel.data),
        (f"{wheel.stem}.data/headers/", wheel.headers),
    ):
        members |= {prefix + path: _bytes(content) for path, content in files.items()}
    members[f"{info}/METADATA"] = _metadata(wheel).encode()
    members[f"{info}/WHEEL"] = _wheel_file(wheel).encode()
    if entry_points := _entry_points(wheel):
        members[f"{info}/entry_points.txt"] = entry_points.encode()
    target = pack(members, folder / wheel.filename, info)
    if wheel.yanked:
        target.with_name(f"{target.name}.yanked").write_text("withdrawn\n")
    return target


def build_all(wheels: Iterable[Wheel | Sdist], folder: Path) -> tuple[Path, ...]:
    """Write wheels and source distributions into one folder."""
    return tuple(build(one, folder) if isinstance(one, Wheel) else build_sdist(one, folder) for one in wheels)


def pack(members: Mapping[str, bytes], target: Path, info: str) -> Path:
    """Write a wheel file from its members, RECORD added; nothing is compressed, which is quicker for both sides."""
    record = f"{info}/RECORD"
    lines = [f"{path},sha256={_digest(content)},{len(content)}" for path, content in sorted(members.items())]
    everything = {**members, record: "\n".join([*lines, f"{record},,", ""]).encode()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(everything, key=lambda path: (path.startswith(info), path)):
            entry = zipfile.ZipInfo(path, _DATE)
            entry.create_system = 3  # Unix, on every system: the mode below means nothing otherwise.
            mode = 0o755 if ".data/scripts/" in path or path.endswith(".so") else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, everything[path])
    return target


def build_sdist(sdist: Sdist, folder: Path) -> Path:
    """Write the source distribution into a folder and say where."""
    wheel = Wheel(
        name=sdist.name, version=sdist.version, requires=sdist.requires, requires_python=sdist.requires_python
    )
    # Before metadata 2.2 nothing in PKG-INFO may be relied on; with dynamic dependencies neither may pyproject.toml
    # be. Then installers have to ask the backend.
    opaque = sdist.fails == "metadata"
    info = _metadata(wheel, "2.1" if opaque else "2.2")
    members = {
        "PKG-INFO": info,
        "pyproject.toml": _PYPROJECT.format(
            name=sdist.name,
            version=sdist.version,
            dependencies='dynamic = ["dependencies"]' if opaque else f"dependencies = {list(sdist.requires)}",
            python=f'requires-python = "{sdist.requires_python}"' if sdist.requires_python else "",
        ),
        "backend/plain_backend.py": _BACKEND.format(stem=wheel.stem, metadata=info, fails=sdist.fails),
        **{f"src/{path}": content for path, content in (sdist.files or _module(sdist.name, sdist.version)).items()},
    }
    target = folder / f"{wheel.stem}.tar.gz"
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in sorted(members.items()):
            entry = tarfile.TarInfo(f"{wheel.stem}/{path}")
            entry.size, entry.mtime = len(_bytes(content)), _SECONDS
            archive.addfile(entry, io.BytesIO(_bytes(content)))
    return target


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _module(name: str, version: str) -> Mapping[str, str]:
    return {f"{escape(name)}.py": f'__version__ = "{version}"\n'}


def _metadata(wheel: Wheel, metadata_version: str = "2.2") -> str:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {wheel.name}", f"Version: {wheel.version}"]
    if wheel.requires_python:
        lines.append(f"Requires-Python: {wheel.requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in wheel.requires]
    for extra, requirements in wheel.extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_with_extra(requirement, extra)}" for requirement in requirements]
    return "\n".join([*lines, ""])


def _with_extra(text: str, extra: str) -> str:
    requirement = Requirement(text)
    own = f"({requirement.marker}) and " if requirement.marker else ""
    requirement.marker = None
    return f'{requirement} ; {own}extra == "{extra}"'


def _wheel_file(wheel: Wheel) -> str:
    pure = str(wheel.tag.endswith("-none-any")).lower()
    python, abi, platforms = wheel.tag.split("-")
    tags = "".join(f"Tag: {one}-{abi}-{platform}\n" for one in python.split(".") for platform in platforms.split("."))
    return f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\n{tags}"


def _entry_points(wheel: Wheel) -> str:
    groups = {**({"console_scripts": wheel.console_scripts} if wheel.console_scripts else {}), **wheel.entry_points}
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    )


_PYPROJECT = textwrap.dedent(
    """\
    [build-system]
    requires = []
    build-backend = "plain_backend"
    backend-path = ["backend"]

    [project]
    name = "{name}"
    version = "{version}"
    {dependencies}
    {python}
    """
)

_BACKEND = textwrap.dedent(
    """\
    import base64, hashlib, os, zipfile

    STEM, METADATA, FAILS = {stem!r}, {metadata!r}, {fails!r}
    INFO = STEM + ".dist-info"
    WHEEL = "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        if FAILS == "metadata":
            raise RuntimeError("this source distribution has no metadata, on purpose")
        os.makedirs(os.path.join(folder, INFO))
        for name, text in (("METADATA", METADATA), ("WHEEL", WHEEL)):
            with open(os.path.join(folder, INFO, name), "w", encoding="utf-8") as file:
                file.write(text)
        return INFO


    def build_wheel(folder, config_settings=None, metadata_directory=None):
        if FAILS != "never":
            raise RuntimeError("this source distribution does not build, on purpose")
        members = {{INFO + "/METADATA": METADATA.encode(), INFO + "/WHEEL": WHEEL.encode()}}
        for parent, _, names in os.walk("src"):
            for name in names:
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    members[os.path.relpath(path, "src").replace(os.sep, "/")] = file.read()
        record = INFO + "/RECORD,,\\n"
        for path, content in sorted(members.items()):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += path + ",sha256=" + digest + "," + str(len(content)) + "\\n"
        members[INFO + "/RECORD"] = record.encode()
        with zipfile.ZipFile(os.path.join(folder, STEM + "-py3-none-any.whl"), "w") as archive:
            for path, content in sorted(members.items()):
                archive.writestr(zipfile.ZipInfo(path, (2020, 2, 2, 0, 0, 0)), content)
        return STEM + "-py3-none-any.whl"
    """
)
