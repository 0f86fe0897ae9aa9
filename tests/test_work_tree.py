"""What git lists, and which of it is believed to have the content that git knows by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fumehood.imports.survey import survey
from fumehood.outside.work_tree import WorkTree
from fumehood.repository import open_repository

if TYPE_CHECKING:
    from support.project import Project


def blobs(project: Project) -> set[str]:
    return set(WorkTree(cwd=project.root).listed().blobs)


def imports(project: Project, path: str) -> list[str]:
    found = survey(open_repository(project.root), WorkTree(cwd=project.root), project.env)
    return [module for module, *_ in found.sources.scans[path].imports]


def test_only_files_that_are_as_git_last_saw_them_are_known_by_name(project: Project) -> None:
    names = ("same", "changed", "staged", "gone", "touched")
    project.write({f"{name}.py": f"import {name}\n" for name in names})
    (project.root / "link.py").symlink_to("same.py")
    project.commit()
    project.write({"changed.py": "import others_\n", "staged.py": "import again\n", "new.py": "import new\n"})
    project.git("add", "staged.py")
    (project.root / "gone.py").unlink()
    os.utime(project.root / "touched.py", (1, 1))
    assert blobs(project) == {"same.py", "staged.py", "touched.py"}


def test_a_file_that_has_changed_unnoticed_by_its_time_and_size_is_read_again(project: Project) -> None:
    path = project.root / "one.py"
    project.write({"one.py": "import one\n"})
    project.commit()
    assert imports(project, "one.py") == ["one"]
    before = path.stat()
    project.write({"one.py": "import two\n"})
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert imports(project, "one.py") == ["two"]
    project.git("checkout", "--quiet", "--", "one.py")
    assert imports(project, "one.py") == ["one"]
    project.write({"one.py": "import two\n"})
    project.git("add", "one.py")
    assert imports(project, "one.py") == ["two"]


def test_where_a_filter_gives_files_another_content_no_file_is_known_by_name(project: Project) -> None:
    project.write({"one.py": "import one\n", "data/.gitattributes": "*.bin filter=large\n"})
    project.commit()
    assert blobs(project) == set()
