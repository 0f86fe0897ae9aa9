"""From a folder to values, without a process in between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fumehood.errors import ConfigurationError, FumehoodError, UsageError
from fumehood.model.experiment import Core, RequirementSource
from fumehood.repository import find_root, open_repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.repository import Repository


def opened(root: Path, files: Mapping[str, str]) -> Repository:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return open_repository(root)


def names(repository: Repository) -> dict[str, str]:
    return {experiment.path: experiment.name for experiment in repository.experiments}


def requirements(repository: Repository) -> dict[str, list[str]]:
    return {one.name: [source.path for source in one.requirements] for one in repository.experiments}


def mistakes(repository: Repository) -> dict[str, str]:
    return {broken.name: str(broken.error) for broken in repository.broken}


def test_nothing_has_to_be_configured(tmp_path: Path) -> None:
    repository = opened(
        tmp_path,
        {
            "requirements.txt": "",
            "pkg/__init__.py": "",
            "tests/test_core.py": "",
            "experiments/__init__.py": "",
            "experiments/by_requirements/requirements.txt": "",
            "experiments/by_pyproject/pyproject.toml": "",
            "experiments/by_manifest/experiment.toml": "",
            "experiments/by_code/train.py": "",
            "experiments/by_package/__init__.py": "",
            "experiments/by_folders/src/x/__init__.py": "",
            "experiments/by_folders/tests/test_x.py": "",
            "experiments/group/README.md": "",
            "experiments/group/one/main.py": "",
            "experiments/group/deep/two/requirements-gpu.txt": "",
            "experiments/notes/ideas.md": "",
            "experiments/.hidden/main.py": "",
            "experiments/__pycache__/main.py": "",
            "experiments/common.py": "",
        },
    )
    assert names(repository) == {
        "experiments/by_code": "by_code",
        "experiments/by_folders": "by_folders",
        "experiments/by_manifest": "by_manifest",
        "experiments/by_package": "by_package",
        "experiments/by_pyproject": "by_pyproject",
        "experiments/by_requirements": "by_requirements",
        "experiments/group/deep/two": "group/deep/two",
        "experiments/group/one": "group/one",
    }
    assert repository.experiment("group/deep/two").session == "exp-group-deep-two"
    assert repository.experiment("by_folders").tests == ("experiments/by_folders/tests/test_x.py",)
    assert repository.experiment("by_folders").sources == ("experiments/by_folders/src",)
    assert repository.experiment("by_package").sources == (".",)
    assert repository.experiment("by_code").sources == ("experiments/by_code",)
    assert repository.core == Core(
        requirements=(RequirementSource(path="requirements.txt"),),
        sources=(".",),
        packages=("pkg",),
        tests=("tests",),
        test_requirements=("pytest>=7",),
    )
    assert repository.broken == ()


@pytest.mark.parametrize("files", [{}, {"experiments/.keep": ""}, {"experiments/notes.md": ""}])
def test_no_experiments_are_no_mistake(tmp_path: Path, files: dict[str, str]) -> None:
    repository = opened(tmp_path, files)
    assert (repository.experiments, repository.broken) == ((), ())


def test_of_several_requirement_files_the_plain_one_counts_and_else_the_only_one(tmp_path: Path) -> None:
    repository = opened(
        tmp_path,
        {
            "experiments/both/requirements.txt": "",
            "experiments/both/requirements-dev.txt": "",
            "experiments/both/pyproject.toml": "",
            "experiments/one/requirements-gpu.txt": "",
            "experiments/two/requirements-cpu.txt": "",
            "experiments/two/requirements-gpu.txt": "",
            "experiments/two/pyproject.toml": "",
            "experiments/chosen/requirements-a.txt": "",
            "experiments/chosen/requirements-b.txt": "",
            "experiments/chosen/experiment.toml": 'requirements = ["requirements-b.txt", "requirements-a.txt"]',
            "experiments/none/main.py": "",
            "experiments/open/main.py": "",
            "experiments/open/requirements-cpu.txt": "",
            "experiments/open/requirements-dev.txt": "",
            "experiments/open/requirements-gpu.txt": "",
        },
    )
    assert mistakes(repository) == {
        "open": (
            "experiments/open: has requirements-cpu.txt, requirements-dev.txt and requirements-gpu.txt, and nothing "
            "says which of them are its requirements\n"
            '  → choose with requirements = ["requirements-cpu.txt"] in its experiment.toml, '
            "or rename one to requirements.txt"
        )
    }
    assert requirements(repository) == {
        "both": ["experiments/both/requirements.txt"],
        "chosen": ["experiments/chosen/requirements-b.txt", "experiments/chosen/requirements-a.txt"],
        "none": [],
        "one": ["experiments/one/requirements-gpu.txt"],
        "two": ["experiments/two/pyproject.toml"],
    }


def test_globs_and_exclusions_find_the_experiments_of_other_layouts(tmp_path: Path) -> None:
    repository = opened(
        tmp_path,
        {
            "pyproject.toml": (
                "[tool.fumehood]\n"
                'experiments = ["pkg/experiments/*", "examples/*", "examples/research/*", "labs", "solo"]\n'
                'exclude = ["examples/old*", "examples/research/private/"]\n'
            ),
            "pkg/__init__.py": "",
            "pkg/experiments/__init__.py": "",
            "pkg/experiments/rl/__init__.py": "",
            "pkg/experiments/rl/tests/test_rl.py": "",
            "examples/first/main.py": "",
            "examples/older/main.py": "",
            "examples/research/paper/main.py": "",
            "examples/research/private/secret/main.py": "",
            "labs/north/main.py": "",
            "solo/main.py": "",
        },
    )
    assert names(repository) == {
        "examples/first": "first",
        "examples/research/paper": "research/paper",
        "labs/north": "north",
        "pkg/experiments/rl": "rl",
        "solo": "solo",
    }
    assert repository.experiment("rl").sources == (".",)
    assert repository.core.packages == ("pkg",)


def test_an_experiment_inside_another_declares_itself_and_keeps_its_tests(tmp_path: Path) -> None:
    repository = opened(
        tmp_path,
        {
            "experiments/outer/main.py": "",
            "experiments/outer/test_outer.py": "",
            "experiments/outer/sub/inner/experiment.toml": "",
            "experiments/outer/sub/inner/test_inner.py": "",
            "experiments/outer/sub/inner/innermost/experiment.toml": "",
            "experiments/broken/experiment.toml": "state = 1",
            "experiments/broken/inner/experiment.toml": "",
        },
    )
    assert sorted(names(repository).values()) == [
        "broken/inner",
        "outer",
        "outer/sub/inner",
        "outer/sub/inner/innermost",
    ]
    outer = repository.experiment("outer")
    assert outer.tests == ("experiments/outer/test_outer.py",)
    assert outer.inner == ("experiments/outer/sub/inner",)
    assert repository.experiment("outer/sub/inner").tests == ("experiments/outer/sub/inner/test_inner.py",)
    assert list(mistakes(repository)) == ["broken"]


def test_tests_are_what_pytest_would_collect(tmp_path: Path) -> None:
    files = [
        "test_a.py",
        "deep/er/b_test.py",
        "check_c.py",
        "testing.py",
        "venv/test_d.py",
        "build/test_e.py",
        "env/pyvenv.cfg",
        "env/lib/test_f.py",
        ".tox/test_g.py",
        "test_h.txt",
    ]
    repository = opened(tmp_path, {f"experiments/a/{name}": "" for name in files})
    assert repository.experiment("a").tests == ("experiments/a/deep/er/b_test.py", "experiments/a/test_a.py")
    assert repository.experiment("a").test_paths == ("experiments/a",)
    repository = opened(tmp_path, {"experiments/a/experiment.toml": 'tests = ["check_c.py", "./deep/", "build"]'})
    assert repository.experiment("a").tests == (
        "experiments/a/check_c.py",
        "experiments/a/deep/er/b_test.py",
        "experiments/a/build/test_e.py",
    )


@pytest.mark.parametrize(
    ("one", "other", "session"),
    [
        ("a-b", "a/b", "exp-a-b"),
        ("Foo", "foo", "exp-foo"),
        ("a.b", "a-b", "exp-a-b"),
        ("a/b-c", "a-b/c", "exp-a-b-c"),
        ("-a", "a", "exp-a"),
        ("a--b-", "a-b", "exp-a-b"),
    ],
)
def test_names_that_would_share_a_session_are_a_mistake_that_names_both(
    tmp_path: Path, one: str, other: str, session: str
) -> None:
    folders = [f"experiments/{name}" for name in (one, other)]
    repository = opened(tmp_path, {f"{folder}/main.py": "" for folder in (*folders, "experiments/fine")})
    if len(repository.experiments) + len(repository.broken) < len(folders) + 1:
        pytest.skip("this file system does not tell upper and lower case apart")
    assert list(names(repository).values()) == ["fine"]
    sentence = f"{' and '.join(sorted(folders))} would share the session {session}\n  → rename one of them"
    assert mistakes(repository) == {one: f"experiments/{one}: {sentence}", other: f"experiments/{other}: {sentence}"}
    with pytest.raises(ConfigurationError, match="would share the session"):
        repository.experiment(one)
    assert repository.experiment("fine").path == "experiments/fine"


def test_a_session_for_one_of_several_pythons_is_not_shared_either(tmp_path: Path) -> None:
    files = {"a/main.py": "", "a-3.11/main.py": "", "a/experiment.toml": 'python = ["3.11", "3.12"]\n', "b/main.py": ""}
    repository = opened(tmp_path, {f"experiments/{path}": text for path, text in files.items()})
    assert list(names(repository).values()) == ["b"]
    sentence = "experiments/a and experiments/a-3.11 would share the session exp-a-3-11\n  → rename one of them"
    assert mistakes(repository) == {name: f"experiments/{name}: {sentence}" for name in ("a", "a-3.11")}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two words", "experiments/two words: the folder name 'two words'"),
        ("it's", """experiments/it's: the folder name "it's\""""),
        ('say "x"', 'experiments/say "x": the folder name \'say "x"\''),
        ("größe", "experiments/größe: the folder name 'größe'"),
        ("new\nline", "experiments/new\\nline: the folder name 'new\\nline'"),
        ("\udcff", "experiments/\\udcff: the folder name '\\udcff'"),
    ],
)
def test_a_name_that_no_session_can_have_is_a_mistake_of_its_own(tmp_path: Path, name: str, shown: str) -> None:
    repository = opened(tmp_path, {f"experiments/{name}/main.py": "", "experiments/..fine..x/main.py": ""})
    (mistake,) = mistakes(repository).values()
    assert mistake == (
        f"{shown} cannot be part of a session's name\n"
        "  → rename it with letters, digits, '.', '_' and '-', or leave it out with `exclude`"
    )


def test_symbolic_links_may_lead_anywhere_within_the_repository_but_not_out_of_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "repo", tmp_path / "repo-outside"
    files = {"lib/one/main.py": "", "common/requirements.txt": "", "experiments/b/main.py": "", "labs/c/main.py": ""}
    (outside / "x").mkdir(parents=True)
    (outside / "x/main.py").touch()
    opened(root, files)
    (root / "experiments/a").symlink_to("../lib/one")
    (root / "experiments/b/requirements.txt").symlink_to("../../common/requirements.txt")
    (root / "experiments/out").symlink_to(outside / "x")
    (root / "experiments/gone").symlink_to("nowhere")
    (root / "experiments/loop").symlink_to("loop")
    (root / "experiments/around").symlink_to("..")
    (root / "labs/up").symlink_to(outside)
    repository = opened(
        root, {"pyproject.toml": '[tool.fumehood]\nexperiments = ["experiments/[abgol]*", "labs/up/*"]'}
    )
    assert requirements(repository)["b"] == ["experiments/b/requirements.txt"]
    remedy = "  → move the folder into the repository, or leave it out with `exclude` in [tool.fumehood]"
    leaves = "a symbolic link that leaves the repository, to"
    assert {path: text for path, text in mistakes(repository).items() if path in {"out", "x"}} == {
        "out": f"experiments/out: {leaves} {outside}/x\n{remedy}",
        "x": f"labs/up/x: {leaves} {outside}/x\n{remedy}",
    }
    assert repository.experiment("a").path == "experiments/a"


def test_a_package_that_is_an_experiment_is_none_of_core_s(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[tool.fumehood]\nexperiments = ["inference", "labs/*"]\n'}
    files |= {f"{package}/__init__.py": "" for package in ("olmo", "inference", "labs/one")}
    repository = opened(tmp_path, files)
    assert [one.name for one in repository.experiments] == ["inference", "one"]
    assert repository.core.packages == ("olmo",)


def test_the_readme_gives_the_summary(tmp_path: Path) -> None:
    readmes = {
        "prose": "# Title\n\n[![badge](x)](y)\n\nIt does one thing.\nAnd more.\n",
        "title": "\n## Only a title\n",
        "long": f"{'word ' * 40}\n",
        "escape": "red \x1b[31m text\n",
        "markup": "It runs `train.py` on the **new** [data](https://example.invalid/x), <b>fast</b>.\n",
        "nothing": "",
        "binary": "\x00\xff",
        "code": "# Code\n\n```sh\npip install x\n```\n\n~~~\nand more\n~~~\nIt has code.\n",
        "comment": "<!--Copyright\n\nLicensed under a licence\n-->\n\n# Comment\n\n`a/b.py` trains it.\n",
        "links": "# Links\n\n[Docs](x) | [Blog](y)\n`pip install x`\n* an item\n\n[It](x) adapts **much**.\n",
        "unclosed": "# Unclosed\nRun this:\n```\ncode\n",
    }
    files = {f"experiments/{name}/README.md": text for name, text in readmes.items()}
    repository = opened(tmp_path, files | {f"experiments/{name}/main.py": "" for name in readmes})
    assert {one.name: one.summary for one in repository.experiments} == {
        "binary": "",
        "code": "It has code.",
        "comment": "a/b.py trains it.",
        "escape": "red  [31m text",
        "links": "It adapts much.",
        "long": "word " * 19 + "word…",
        "markup": "It runs train.py on the new data, fast.",
        "nothing": "",
        "prose": "It does one thing.",
        "title": "Only a title",
        "unclosed": "Unclosed",
    }


def test_a_name_a_path_and_a_session_all_find_an_experiment(tmp_path: Path) -> None:
    repository = opened(tmp_path, {"experiments/group/one/main.py": "", "experiments/two/main.py": ""})
    for name in ("group/one", "experiments/group/one/", "exp-group-one"):
        assert repository.experiment(name).name == "group/one"
    assert [one.name for one in repository.select(["two", "exp-two"])] == ["two"]
    assert [one.name for one in repository.select([])] == ["group/one", "two"]
    with pytest.raises(UsageError) as caught:
        repository.experiment("tow")
    assert str(caught.value) == "there is no experiment 'tow'\n  → did you mean two?"
    with pytest.raises(UsageError) as caught:
        repository.experiment("../../etc")
    assert str(caught.value) == "there is no experiment '../../etc'\n  → `fumehood list` shows the experiments"


def test_core_is_found_where_build_backends_look(tmp_path: Path) -> None:
    layouts = {
        "src": {"src/one/__init__.py": ""},
        "python": {"python/one/__init__.py": "", "pyproject.toml": '[tool.maturin]\npython-source = "python"'},
        "lib": {"lib/one/__init__.py": "", "pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["lib"]'},
        "tools": {"tools/one/__init__.py": "", "pyproject.toml": '[tool.setuptools]\npackage-dir = {"" = "./tools/"}'},
        "sources": {
            "sources/one/__init__.py": "",
            "pyproject.toml": '[tool.hatch.build.targets.wheel]\npackages = ["sources/one"]',
        },
        "poetry": {
            "poetry/one/__init__.py": "",
            "pyproject.toml": '[tool.poetry]\npackages = [{include = "one", from = "poetry"}]',
        },
        "namespace/src": {"src/one/deep/module.py": "", "src/data/a.txt": "", "docs/conf.py": ""},
        "set": {"set/one/__init__.py": "", "pyproject.toml": '[tool.fumehood.core]\nsources = ["set"]'},
    }
    layouts |= {
        "module/src": {"src/one.py": "", "src/setup.py": "", "src/data.txt": "", "src/no-name.py": ""},
        "flit/.": {"one.py": "", "two.py": "", "pyproject.toml": '[tool.flit.module]\nname = "one"'},
        "kernels/.": {"one/__init__.py": "", "src/kernels/generate.py": ""},
        "modules/.": {"one.py": "", "two.py": "", "pyproject.toml": '[tool.setuptools]\npy-modules = ["one"]'},
    }
    for folder, files in layouts.items():
        core = opened(tmp_path / folder, files).core
        assert (core.sources, core.packages) == ((folder.rpartition("/")[2],), ("one",))
    assert opened(tmp_path / "none", {"docs/__init__.py": "", "noxfile.py": "", "one.py": ""}).core == Core(
        test_requirements=("pytest>=7",)
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = "checks more"\n'),
        ("pyproject.toml", '[tool.pytest]\ntestpaths = ["checks", "more"]\n'),
        ("pytest.ini", "[pytest]\ntestpaths = checks ./more/\n"),
        ("setup.cfg", "[tool:pytest]\ntestpaths =\n    checks\n    more\n"),
    ],
)
def test_core_s_tests_are_where_pytest_is_told_to_look(tmp_path: Path, file: str, text: str) -> None:
    files = {file: text, "checks/test_a.py": "", "more/test_b.py": "", "tests/test_c.py": ""}
    assert opened(tmp_path, files).core.tests == ("checks", "more")


def test_core_s_requirements_stand_where_settings_say_or_in_the_usual_places(tmp_path: Path) -> None:
    project = '[project]\nname = "x"\nversion = "1"\n'
    files = {"pyproject.toml": project}
    core = opened(tmp_path, files).core
    assert core.requirements == (RequirementSource(path="pyproject.toml"),)
    core = opened(tmp_path, {"requirements.txt": ""}).core
    assert core.requirements == (RequirementSource(path="requirements.txt"),)
    (tmp_path / "requirements.txt").unlink()
    (tmp_path / "requirements.txt").symlink_to("not-checked-out/requirements.txt")
    core = open_repository(tmp_path).core
    assert core.requirements == (RequirementSource(path="requirements.txt"),)
    chosen = '[tool.fumehood.core]\nrequirements = ["deps/core.txt"]\ngroups = ["gpu"]\ntests = ["checks"]\n'
    core = opened(tmp_path, {"pyproject.toml": project + chosen, "deps/core.txt": "", "checks/test_x.py": ""}).core
    assert core.requirements == (
        RequirementSource(path="deps/core.txt"),
        RequirementSource(path="pyproject.toml", groups=("gpu",)),
    )
    assert (core.lock, core.tests_lock) == ("deps/requirements.lock", "deps/requirements-tests.lock")
    assert core.tests == ("checks",)


def test_the_root_is_the_nearest_folder_with_settings_or_its_noxfile_else_with_git_else_with_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "outer/inner/experiments/a"
    deep.mkdir(parents=True)
    assert find_root(deep) == tmp_path / "outer/inner"
    (tmp_path / "outer/.git").mkdir()
    noxfile = tmp_path / "outer/inner/noxfile.py"
    noxfile.write_text("import nox\n")
    assert find_root(deep) == tmp_path / "outer"
    noxfile.write_text("import fumehood.nox\n")
    assert find_root(deep) == tmp_path / "outer/inner"
    (tmp_path / "outer/inner/experiments/pyproject.toml").write_text("[tool.fumehood]\n")
    assert find_root(deep) == tmp_path / "outer/inner/experiments"
    (tmp_path / "outer/inner/experiments/pyproject.toml").unlink()
    monkeypatch.chdir(deep)
    assert find_root(Path()) == tmp_path / "outer/inner"
    with pytest.raises(UsageError) as caught:
        find_root(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is in no repository: no .git, no experiments folder and no [tool.fumehood] here or above\n"
        "  → run it inside the repository, or name it with --root"
    )
    with pytest.raises(UsageError) as caught:
        open_repository(tmp_path / "missing")
    assert str(caught.value) == f"{tmp_path}/missing is no folder\n  → name the folder of a repository"


def test_a_folder_in_place_of_a_file_is_a_mistake_with_its_name(tmp_path: Path) -> None:
    repository = opened(tmp_path, {"experiments/a/experiment.toml/x": "", "experiments/b/main.py": ""})
    assert mistakes(repository) == {
        "a": "experiments/a/experiment.toml: cannot be read: Is a directory\n  → make it readable"
    }
    assert list(names(repository).values()) == ["b"]
    with pytest.raises(FumehoodError, match=r"^pyproject\.toml: cannot be read: Is a directory\n"):
        opened(tmp_path, {"pyproject.toml/x": ""})


def test_named_pipes_keep_nobody_waiting(tmp_path: Path) -> None:
    folder = tmp_path / "experiments/a"
    folder.mkdir(parents=True)
    for name in ("README.md", "requirements.txt", "test_pipe.py"):
        os.mkfifo(folder / name)
    (one,) = open_repository(tmp_path).experiments
    assert (one.tests, one.summary) == ((), "")
    os.mkfifo(folder / "experiment.toml")
    assert mistakes(open_repository(tmp_path)) == {
        "a": "experiments/a/experiment.toml: is no ordinary file\n  → write a TOML file there"
    }
    os.mkfifo(tmp_path / "pyproject.toml")
    with pytest.raises(ConfigurationError, match="is no ordinary file"):
        open_repository(tmp_path)


def test_a_thousand_experiments_take_few_calls_to_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        opened(
            tmp_path,
            {f"experiments/e{number}/{name}": "" for name in ("experiment.toml", "main.py", "tests/test_x.py")},
        )
    calls: list[str] = []
    real = os.scandir

    def counted(path: str) -> object:
        calls.append(str(path))
        return real(path)

    # Counting is the only way to notice that something lists a folder twice.
    monkeypatch.setattr(os, "scandir", counted)
    open_repository(tmp_path)
    inside = [path for path in calls if "/experiments/" in path]
    assert sorted(set(inside)) == sorted(inside)
    assert len(inside) == 40
