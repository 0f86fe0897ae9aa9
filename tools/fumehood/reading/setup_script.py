"""Core's requirements where they stand in ``setup.cfg`` or ``setup.py``, as in repositories from before ``[project]``.

What is written out is read line by line. What a ``setup.py`` computes only running it can tell, and this runs nothing:
the project then is one requirement on itself, ``-e .``, whose metadata uv has built when it resolves. Source: the
setuptools documentation, "Configuring setuptools using setup.cfg files" and "Keywords".
"""

from __future__ import annotations

import ast
import configparser
import contextlib
from typing import TYPE_CHECKING

from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fumehood.errors import ConfigurationError, FumehoodError, Place, raise_all
from fumehood.model.experiment import SETUP_SCRIPTS
from fumehood.model.pythons import lowest_admitted
from fumehood.model.requirement import RequirementSet
from fumehood.reading import requirement_line, requirements_txt, text_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fumehood.model.requirement import Requirement

CONFIGURATION, SCRIPT = SETUP_SCRIPTS
_KEYWORD = "install_requires"


def files(root: Path) -> tuple[str, ...]:
    """The file of a setuptools project that says what it requires, if there is one.

    What ``setup.cfg`` says counts more than the arguments in ``setup.py``, as it does for setuptools.
    """
    if _configured(root / CONFIGURATION) is not None:
        return (CONFIGURATION,)
    return (SCRIPT,) if (root / SCRIPT).is_file() else ()


def project(root: Path) -> str | None:
    """The name of a setuptools project, where it is written out."""
    return _written(root, "metadata", "name")


def version(root: Path) -> str | None:
    """The version of a setuptools project, or where setuptools finds it, where one is written out."""
    return _written(root, "metadata", "version")


def requires_python(root: Path) -> str | None:
    """The specifier of the Pythons that a setuptools project supports, where one is written out that can be used."""
    written = _written(root, "options", "python_requires")
    with contextlib.suppress(InvalidSpecifier):
        if written and lowest_admitted(SpecifierSet(written)):
            return written
    return None


def source_folder(root: Path) -> str | None:
    """The folder that a setuptools project has its packages in, where one is written out."""
    configured = configuration(root / CONFIGURATION).get("options", "package_dir", fallback="")
    written = dict(line.replace(" ", "").split("=", 1) for line in configured.splitlines() if "=" in line)
    given = written or _given(root, "package_dir")
    folder = given.get("") if isinstance(given, dict) else None
    return folder if isinstance(folder, str) else None


def _written(root: Path, section: str, key: str) -> str | None:
    """What ``setup.cfg`` says, else the text that ``setup.py`` gives to `setup`."""
    if configured := configuration(root / CONFIGURATION).get(section, key, fallback=None):
        return configured.strip()
    given = _given(root, key)
    return given if isinstance(given, str) else None


def _given(root: Path, key: str) -> object:
    """What ``setup.py`` gives to `setup`, where that is written out."""
    with contextlib.suppress(FumehoodError, SyntaxError, TypeError, ValueError, RecursionError):
        tree = ast.parse(text_file.read(root / SCRIPT, name=SCRIPT))
        call = call_of_setup(tree)
        for keyword in call.keywords if call else ():
            if keyword.arg == key:
                return ast.literal_eval(meant(tree, keyword.value))
    return None


def read(path: Path, *, root: Path) -> RequirementSet:
    """Read the requirements of a ``setup.cfg`` or ``setup.py``.

    Raises:
        FumehoodError: Every mistake at once, each a `ConfigurationError` with file and line.
    """
    name = text_file.shown(path, root)
    if path.name == CONFIGURATION:
        return _read_configuration(path, root=root, name=name)
    text = text_file.read(path, name=name)
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        place = Place(name, error.lineno or 1)
        raise ConfigurationError(f"not valid Python: {error.msg}", place=place, remedy="correct the syntax") from None
    except RecursionError:
        raise ConfigurationError("nested too deeply", place=Place(name), remedy="simplify it") from None
    written, line = _written_out(tree)
    if written is None:
        itself = requirement_line.parse_line(".", place=Place(name, line), editable=True)
        return RequirementSet(requirements=(replace(itself, editable=True),), files=(name,))
    return RequirementSet(requirements=_parsed(written, name), files=(name,))


def named(path: Path, *, all_of_it: bool = True) -> frozenset[str]:
    """The distributions that texts in a ``setup.py`` name as requirements, whatever it makes of them.

    Args:
        path: The file.
        all_of_it: Whether extras count too; else only what stands in the value of ``install_requires``.
    """
    found = set()
    with contextlib.suppress(FumehoodError, SyntaxError, ValueError, RecursionError):
        tree = ast.parse(text_file.read(path, name=path.name))
        for part in [tree] if all_of_it else _values(tree):
            for node in ast.walk(part):
                with contextlib.suppress(FumehoodError):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        found.add(str(requirement_line.parse_pep508(node.value, place=Place(path.name)).name))
    return frozenset(found)


def _values(tree: ast.Module) -> Iterator[ast.expr]:
    """What is given for ``install_requires``, or is given a name of the module that stands in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == _KEYWORD:
            names = {inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name)}
            yield node.value
            for statement in tree.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=target)], value=value) if target in names:
                        yield value


def configuration(path: Path) -> configparser.ConfigParser:
    """What a ``setup.cfg`` says; nothing where it is wrong or missing: setuptools would not build it either."""
    parser = _CaseSensitive(interpolation=None)
    with contextlib.suppress(configparser.Error, OSError, UnicodeDecodeError):
        parser.read(path, encoding="utf-8")
        return parser
    return _CaseSensitive()


class _CaseSensitive(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        """An option as it is written, as setuptools reads it."""
        return optionstr


def _configured(path: Path) -> str | None:
    """The value of ``install_requires`` in a ``setup.cfg``."""
    return configuration(path).get("options", _KEYWORD, fallback=None)


def _read_configuration(path: Path, *, root: Path, name: str) -> RequirementSet:
    value = _configured(path) or ""
    lines = text_file.read(path, name=name).splitlines()
    start = next((number for number, line in enumerate(lines, 1) if line.startswith(_KEYWORD)), 1)
    if value.strip().startswith("file:"):
        named = [part.strip() for part in value.strip().removeprefix("file:").split(",")]
        place = Place(name, start)
        found = [requirements_txt.read(path.parent / file, root=root, environ={}, asked_by=place) for file in named]
        return RequirementSet(
            requirements=tuple(line for part in found for line in part.requirements),
            files=(name, *(file for part in found for file in part.files)),
        )
    parts = value.splitlines() if "\n" in value.strip() else value.split(";")
    texts = [part.strip() for part in parts if part.strip() and not part.strip().startswith("#")]
    return RequirementSet(requirements=_parsed(numbered(texts, lines, start), name), files=(name,))


def numbered(texts: Iterable[str], lines: list[str], start: int) -> Iterator[tuple[str, int]]:
    """Each text with the first line, from where the value begins, that it stands in."""
    for text in texts:
        yield text, next((number for number, line in enumerate(lines[start - 1 :], start) if text in line), start)


def _parsed(written: Iterable[tuple[str, int]], name: str) -> tuple[Requirement, ...]:
    found: list[Requirement] = []
    mistakes: list[FumehoodError] = []
    for text, line in written:
        try:
            found.append(requirement_line.parse_pep508(text, place=Place(name, line)))
        except FumehoodError as mistake:
            mistakes.append(mistake)
    raise_all(mistakes)
    return tuple(found)


def _written_out(tree: ast.Module) -> tuple[list[tuple[str, int]] | None, int]:
    """The requirements that a call of ``setup`` is given with their lines, and the line that gives them.

    None where they are not written out: in the call, or in a list that is given a name once and used once.
    """
    call = call_of_setup(tree)
    if call is None:
        return None, 1
    given = next((keyword for keyword in call.keywords if keyword.arg == _KEYWORD), None)
    if given is None:
        return (None if any(keyword.arg is None for keyword in call.keywords) else []), call.lineno
    value = meant(tree, given.value)
    if isinstance(value, ast.List | ast.Tuple) and all(map(_is_text, value.elts)):
        return [(ast.literal_eval(item), item.lineno) for item in value.elts], given.value.lineno
    return None, given.value.lineno


def call_of_setup(tree: ast.Module) -> ast.Call | None:
    """The call of ``setup`` in a ``setup.py``; None where there are several, or none."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "setup"]
    return calls[0] if len(calls) == 1 else None


def meant(tree: ast.Module, value: ast.expr) -> ast.expr:
    """A value, or what is written out where it is given a name that is used only once."""
    return (_only_value(tree, value.id) if isinstance(value, ast.Name) else None) or value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _only_value(tree: ast.Module, name: str) -> ast.expr | None:
    """What a name of the module is bound to, if nothing else is ever done with it than to read it once."""
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    bound = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [_name(target) for target in node.targets] == [name]
    ]
    return bound[0] if len(bound) == 1 and len(uses) == len(("bound", "read")) else None


def _is_text(item: ast.expr) -> bool:
    return isinstance(item, ast.Constant) and isinstance(item.value, str)
