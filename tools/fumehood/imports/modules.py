"""Which file a module's name leads to, seen from a file that imports it: as Python looks for it, on paths alone.

Names are compared part by part and never as beginnings of texts. In each folder of the path a package with an
``__init__`` comes before a module of the same name, and a folder without one is only used where no folder of the path
holds either. Source: Python's language reference, "The import system"; PEP 420.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_INIT = "/__init__.py"


class Modules(Struct):
    """The modules of a repository.

    Attributes:
        files: Every Python file, relative to the repository with ``/``; also those that a change took away.
        links: Folders that are symbolic links to other folders of the repository, with those.
        file_links: Likewise, Python files.
    """

    files: frozenset[str]
    links: Mapping[str, str] = field(default_factory=dict)
    file_links: Mapping[str, str] = field(default_factory=dict)
    _folders: dict[str, set[str]] = field(default_factory=dict)
    _stems: set[str] = field(default_factory=set)
    _found: dict[tuple[str, str], tuple[tuple[str, ...], bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.files:
            folder, _, name = path.rpartition("/")
            if folder in self._folders:
                self._folders[folder].add(name)
                continue
            self._folders[folder] = {name}
            while folder:
                folder, _, name = folder.rpartition("/")
                if folder in self._folders:
                    self._folders[folder].add(name)
                    break
                self._folders[folder] = {name}
        for link in self.links:
            folder, _, name = link.rpartition("/")
            self._folders.setdefault(folder, set()).add(name)
        for names in self._folders.values():
            self._stems.update(name.removesuffix(".py") for name in names)

    def may_have(self, module: str) -> bool:
        """Whether any file or folder of the repository is called like the first part of a dotted name."""
        return module.partition(".")[0] in self._stems

    def directly_in(self, folder: str) -> frozenset[str]:
        """What the modules and packages are called that are directly in a folder."""
        return frozenset(name.removesuffix(".py") for name in self._folders.get(self._real(folder), ()))

    def is_folder(self, path: str) -> bool:
        """Whether there is a Python file in a folder or below it."""
        return self._real(path) in self._folders

    def package_root(self, path: str) -> str:
        """The folder from which a file is imported: the nearest above it that is no package."""
        folder = path.rpartition("/")[0]
        while folder and f"{folder}{_INIT}" in self.files:
            folder = folder.rpartition("/")[0]
        return folder

    def packages_of(self, path: str) -> Iterator[str]:
        """The ``__init__`` files of the packages that a file is in, which run before it; without itself."""
        folder = path.rpartition("/")[0]
        while folder and (package := f"{folder}{_INIT}") in self.files:
            if path != package:
                yield package
            folder = folder.rpartition("/")[0]

    def run_by(self, module: str, name: str, roots: Sequence[str]) -> tuple[str, ...]:
        """The files that run when ``from module import name`` does; the last is the module that is imported.

        Args:
            module: A dotted name.
            name: What is taken from it; empty for the module itself.
            roots: Folders of the import path, first to last.
        """
        first = module.partition(".")[0]
        best: tuple[str, ...] = ()
        for root in roots:
            if not self._has(root, first):
                continue
            files, is_regular = self.below(root, module, name)
            if is_regular:
                return files
            if len(files) > len(best):
                best = files
        return best

    def below(self, folder: str, module: str, name: str) -> tuple[tuple[str, ...], bool]:
        """As `run_by`, for one folder; and whether the first part is more there than a folder without ``__init__``."""
        key = folder, f"{module}:{name}"
        if key not in self._found:
            self._found[key] = self._search(folder, module.split(".") if module else [], name)
        return self._found[key]

    def names(self, path: str, roots: Iterable[str]) -> tuple[str, ...]:
        """The dotted names under which a file can be imported, one for each folder of the path that it is below."""
        stem = path.removesuffix(".py").removesuffix("/__init__")
        inside = [root for root in roots if not root or stem.startswith(f"{root}/")]
        relative = [stem[len(root) + 1 :] if root else stem for root in inside]
        return tuple(dict.fromkeys(name.replace("/", ".") for name in relative if _is_dotted(name)))

    def members(self, package: str, roots: Sequence[str]) -> Iterator[str]:
        """The names of the modules directly in a package."""
        inner = package.replace(".", "/")
        folders = (self._real("/".join(filter(None, (root, inner)))) for root in roots)
        held = next((self._folders[folder] for folder in folders if folder in self._folders), set())
        for name in sorted(held):
            stem = name.removesuffix(".py")
            if stem != "__init__" and stem.isidentifier():
                yield stem

    def _search(self, folder: str, parts: list[str], name: str) -> tuple[tuple[str, ...], bool]:
        files: list[str] = []
        is_regular = False
        wanted = [*parts, name] if name and name != "*" else parts
        for position, part in enumerate(wanted):
            if not self._has(folder, part):
                break
            inner = self._real(f"{folder}/{part}" if folder else part)
            if f"{inner}{_INIT}" in self.files:
                files.append(f"{inner}{_INIT}")
            elif f"{inner}.py" in self.files:
                files.append(f"{inner}.py")
                return tuple(files), is_regular or position == 0
            is_regular = is_regular or (position == 0 and bool(files))
            folder = inner
        return tuple(files), is_regular

    def _has(self, folder: str, part: str) -> bool:
        held = self._folders.get(folder)
        return held is not None and (f"{part}.py" in held or part in held)

    def _real(self, path: str) -> str:
        if not self.links:
            return path
        seen: set[str] = set()
        while path not in seen:
            seen.add(path)
            head, tail = path, ""
            while head and head not in self.links:
                head, _, last = head.rpartition("/")
                tail = f"/{last}{tail}"
            if not head:
                break
            path = f"{self.links[head]}{tail}"
        return path


def _is_dotted(path: str) -> bool:
    return bool(path) and all(part.isidentifier() for part in path.split("/"))
