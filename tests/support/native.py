"""Wheels with a compiled extension module and a shared library bundled beside it, laid out as auditwheel does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from packaging.tags import sys_tags

from support.wheels import Wheel, escape

_LIBRARY = "int bundled_answer(void) { return 42; }\n"

_EXTENSION = """\
#include <Python.h>

extern int bundled_answer(void);

static PyObject *answer(PyObject *self, PyObject *args) { return PyLong_FromLong(bundled_answer()); }

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, 0}, {0, 0, 0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_core", 0, -1, methods};

PyMODINIT_FUNC PyInit__core(void) { return PyModule_Create(&module); }
"""


def why_no_compiler() -> str | None:
    """Say why extensions cannot be compiled here, or nothing."""
    if not sys.platform.startswith("linux"):
        return f"compiled test wheels are laid out for Linux, this is {sys.platform}"
    if not shutil.which("gcc"):
        return "no C compiler: gcc is not on PATH"
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.is_file():
        return f"no Python headers: {header} is missing"
    return None


def native_wheel(name: str, version: str, folder: Path, package: str | None = None) -> Wheel:
    """Compile a wheel whose ``PACKAGE._core.answer()`` returns 42 by way of a library in ``NAME.libs``.

    Args:
        name: The distribution's name.
        version: Its version.
        folder: Where the compiler may write.
        package: The import package, ``/`` between its parts; a parent part gets no ``__init__.py`` (PEP 420).

    Raises:
        subprocess.CalledProcessError: The compiler failed.
    """
    package = package or escape(name)
    library = f"lib{escape(name)}_answer.so"
    module = f"{package}/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    up = "/".join([".."] * (package.count("/") + 1))
    libraries = folder / f"{escape(name)}.libs"
    for needed in (libraries, folder / package):
        needed.mkdir(parents=True, exist_ok=True)
    (folder / "bundled.c").write_text(_LIBRARY)
    (folder / "core.c").write_text(_EXTENSION)
    _compile(folder, "bundled.c", libraries / library, f"-Wl,-soname,{library}")
    options = (f"-I{sysconfig.get_path('include')}", f"-L{libraries}", f"-l:{library}")
    _compile(folder, "core.c", folder / module, *options, f"-Wl,-rpath,$ORIGIN/{up}/{libraries.name}")
    return Wheel(
        name=name,
        version=version,
        tag=interpreter_tag(),
        files={
            f"{package}/__init__.py": f'from ._core import answer\n\n__version__ = "{version}"\n',
            module: (folder / module).read_bytes(),
            f"{libraries.name}/{library}": (libraries / library).read_bytes(),
        },
    )


def interpreter_tag() -> str:
    """The tag of wheels that only this interpreter on this platform can use (not manylinux: nothing audits them)."""
    return next(str(tag) for tag in sys_tags() if tag.platform.startswith("linux_"))


def _compile(folder: Path, source: str, target: Path, *options: str) -> None:
    command = ["gcc", "-shared", "-fPIC", "-O0", "-Wl,--build-id=none", "-o", str(target), source, *options]
    subprocess.run(command, cwd=folder, check=True)
