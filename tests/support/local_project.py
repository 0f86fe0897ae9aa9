"""A project in a folder that can be installed from there, also editable, with no build tool but itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PYPROJECT = """\
[build-system]
requires = []
build-backend = "own_backend"
backend-path = ["backend"]

[project]
name = "{name}"
version = "{version}"

[project.scripts]
{name} = "{module}:main"
"""

_BACKEND = """\
import os, re, zipfile

STEM = "{module}-{version}"
SETUP = open("setup.py", encoding="utf-8").read() if os.path.exists("setup.py") else ""
REQUIRES = "".join("Requires-Dist: " + line + "\\n" for line in re.findall('"([a-z-]+[<>=].*?)"', SETUP))
INFO = {{
    "METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n" + REQUIRES,
    "WHEEL": "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "entry_points.txt": "[console_scripts]\\n{name} = {module}:main\\n",
}}


def write(folder, files):
    wheel = STEM + "-py3-none-any.whl"
    files.update({{STEM + ".dist-info/" + key: text for key, text in INFO.items()}})
    record = STEM + ".dist-info/RECORD"
    files[record] = "".join(path + ",,\\n" for path in [*files, record])
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open("src/{module}.py", encoding="utf-8") as file:
        return write(folder, {{"{module}.py": file.read()}})


def build_editable(folder, config_settings=None, metadata_directory=None):
    return write(folder, {{"{module}_editable.pth": os.path.abspath("src") + "\\n"}})
"""


def local_project(name: str, version: str, *, says: str) -> Mapping[str, str]:
    """The files of a project with one module and one command, both of its name; the command prints a text.

    What stands in quotes and with a bound in a ``setup.py`` beside them, it requires.
    """
    module = name.replace("-", "_")
    values = {"name": name, "version": version, "module": module}
    return {
        "pyproject.toml": _PYPROJECT.format(**values),
        "backend/own_backend.py": _BACKEND.format(**values),
        f"src/{module}.py": f"def main():\n    print({says!r})\n",
    }


def below(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """The same files in a folder."""
    return {f"{folder}/{path}": content for path, content in files.items()}
