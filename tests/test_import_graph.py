from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fumehood.imports.cache import IMPORTS
from fumehood.imports.survey import survey
from fumehood.outside.remembered import Asked, ahead
from fumehood.outside.work_tree import WorkTree
from fumehood.repository import open_repository

if TYPE_CHECKING:
    from fumehood.imports.survey import Survey
    from support.project import Project


def look(project: Project, gone: tuple[str, ...] = ()) -> Survey:
    return survey(open_repository(project.root), WorkTree(cwd=project.root), project.env, gone=gone)


def leads(found: Survey, path: str) -> dict[str, str]:
    return {target: step[0] for target, step in sorted(found.graph.steps[path].items())}


def test_importing_a_module_runs_the_packages_around_it(project: Project) -> None:
    project.write({"src/core/__init__.py": "", "src/core/a/__init__.py": "", "src/core/a/b.py": ""})
    project.write({"experiments/one/train.py": "import core.a.b\n"})
    assert leads(look(project), "experiments/one/train.py") == {
        "src/core/__init__.py": "imports",
        "src/core/a/__init__.py": "imports",
        "src/core/a/b.py": "imports",
    }


def test_what_is_taken_from_a_package_may_be_a_module_or_a_name(project: Project) -> None:
    project.write({"core/__init__.py": "", "core/b.py": "", "core/sub/__init__.py": "", "core/sub/c.py": ""})
    project.write({"experiments/one/train.py": "from core import b, something\nfrom core.sub import c as d\n"})
    assert leads(look(project), "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/b.py": "imports",
        "core/sub/__init__.py": "imports",
        "core/sub/c.py": "imports",
    }


def test_names_are_compared_whole(project: Project) -> None:
    project.write({"core/__init__.py": "", "core/optim.py": "", "core/optimizers.py": "", "corelib.py": ""})
    project.write({"experiments/one/train.py": "import core.optimizers\n"})
    assert leads(look(project), "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/optimizers.py": "imports",
    }


def test_a_package_comes_before_a_module_of_the_same_name(project: Project) -> None:
    project.write({"core/__init__.py": "", "core/a.py": "", "core/a/__init__.py": "", "core/a/b.py": ""})
    project.write({"experiments/one/train.py": "from core.a import b\n"})
    assert leads(look(project), "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/a/__init__.py": "imports",
        "core/a/b.py": "imports",
    }


def test_folders_without_init_are_packages_where_nothing_else_is(project: Project) -> None:
    project.write({"src/core/__init__.py": "", "core/data/x.py": "", "tools/deep/y.py": ""})
    project.write({"experiments/one/train.py": "import core.data.x\nimport tools.deep.y\nimport experiments.one.own\n"})
    project.write({"experiments/one/own.py": ""})
    assert leads(look(project), "experiments/one/train.py") == {
        "experiments/one/own.py": "imports",
        "src/core/__init__.py": "imports",
        "tools/deep/y.py": "imports",
    }


def test_an_experiment_in_cores_package_is_found_by_its_long_name_and_by_relative_imports(project: Project) -> None:
    project.write({"pyproject.toml": '[tool.fumehood]\nexperiments = ["titan/experiments/*"]\n'})
    project.write({"titan/__init__.py": "", "titan/optim.py": "", "titan/experiments/__init__.py": ""})
    project.write({"titan/experiments/rl/__init__.py": "", "titan/experiments/rl/model.py": ""})
    project.write({"titan/experiments/rl/train.py": "from .model import M\nfrom ...optim import O\n"})
    project.write({"titan/experiments/rl/tests/test_it.py": "import titan.experiments.rl.model\n"})
    found = look(project)
    assert leads(found, "titan/experiments/rl/train.py") == {
        "titan/__init__.py": "is in the package",
        "titan/experiments/__init__.py": "is in the package",
        "titan/experiments/rl/__init__.py": "is in the package",
        "titan/experiments/rl/model.py": "imports",
        "titan/optim.py": "imports",
    }
    assert "titan/experiments/rl/model.py" in leads(found, "titan/experiments/rl/tests/test_it.py")


def test_an_experiments_own_modules_come_before_cores_and_are_not_seen_by_others(project: Project) -> None:
    project.write({"utils.py": "", "core/__init__.py": ""})
    project.write({"experiments/one/train.py": "import utils\n", "experiments/one/utils.py": ""})
    project.write({"experiments/two/train.py": "import utils\n"})
    found = look(project)
    assert leads(found, "experiments/one/train.py") == {"experiments/one/utils.py": "imports"}
    assert leads(found, "experiments/two/train.py") == {"utils.py": "imports"}


def test_tests_run_with_the_conftests_around_them_and_find_helpers_beside_them(project: Project) -> None:
    project.write({"conftest.py": "", "experiments/conftest.py": "", "core/__init__.py": ""})
    project.write({"tests/support/__init__.py": "", "tests/support/data.py": ""})
    project.write({"experiments/one/tests/helper.py": "", "experiments/one/tests/conftest.py": ""})
    project.write({"experiments/one/tests/test_it.py": "import helper\nfrom tests.support import data\n"})
    assert leads(look(project), "experiments/one/tests/test_it.py") == {
        "conftest.py": "runs with",
        "experiments/conftest.py": "runs with",
        "experiments/one/tests/conftest.py": "runs with",
        "experiments/one/tests/helper.py": "imports",
        "tests/support/__init__.py": "imports",
        "tests/support/data.py": "imports",
    }


def test_names_in_calls_and_strings_lead_to_modules(project: Project) -> None:
    core = {f"core/{name}.py": "" for name in ("__init__", "a", "b", "models/__init__", "models/x", "models/y_z", "c")}
    project.write(core)
    train = 'import_module("core.a")\nimport_module(f"core.models.{name}")\n'
    train += 'registry = ["core.b:Thing", "core.no", "core"]\n'
    project.write({"experiments/one/train.py": train})
    assert leads(look(project), "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/a.py": "imports",
        "core/b.py": "names",
        "core/models/__init__.py": "may import",
        "core/models/x.py": "may import",
        "core/models/y_z.py": "may import",
    }


@pytest.mark.parametrize(
    "call",
    [
        'import_module(f".x_{name}", __name__)',
        'import_module(".x_" + name, package=__package__)',
        'import_module(f"{__name__}.x_{name}")',
        'import_module(__package__ + "." + "x_" + name)',
        'import_module(".x_%s" % name, __package__)',
        'import_module(".models.x_{}".format(name), "core")',
    ],
)
def test_names_that_are_put_together_may_be_relative(project: Project, call: str) -> None:
    project.write({f"core/{name}.py": "" for name in ("__init__", "x_no", "models/other", "models/x_a", "models/x_b")})
    project.write({"core/models/__init__.py": f"{call}\n"})
    assert leads(look(project), "core/models/__init__.py") == {
        "core/__init__.py": "is in the package",
        "core/models/x_a.py": "may import",
        "core/models/x_b.py": "may import",
    }


def test_names_that_are_put_together_may_go_on_behind_what_is_not_known(project: Project) -> None:
    project.write({f"core/{name}.py": "" for name in ("__init__", "zoo/a/model", "zoo/a/data", "zoo/b/model/deep")})
    project.write({"experiments/one/train.py": 'import_module(f"core.zoo.{name}.model")\n'})
    assert leads(look(project), "experiments/one/train.py") == {
        "core/__init__.py": "may import",
        "core/zoo/a/model.py": "may import",
    }


def test_modules_that_are_listed_may_be_imported(project: Project) -> None:
    project.write({f"core/{name}.py": "" for name in ("zoo/a/__init__", "zoo/a/deep", "zoo/b", "other")})
    project.write({"core/__init__.py": "", "core/zoo/__init__.py": "for m in pkgutil.iter_modules(__path__): ...\n"})
    project.write({"experiments/one/train.py": "import core.zoo as z\npkgutil.walk_packages(z.__path__)\n"})
    found = look(project)
    assert leads(found, "core/zoo/__init__.py") == {
        "core/__init__.py": "is in the package",
        "core/zoo/a/__init__.py": "may import",
        "core/zoo/b.py": "may import",
    }
    assert leads(found, "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/zoo/__init__.py": "imports",
        "core/zoo/a/__init__.py": "may import",
        "core/zoo/a/deep.py": "may import",
        "core/zoo/b.py": "may import",
    }


@pytest.mark.parametrize("call", ["import_module(f'.{name}', other)", "import_module(__name__ + '_x')"])
def test_names_relative_to_what_is_not_known_lead_nowhere(project: Project, call: str) -> None:
    project.write({"core/__init__.py": "", "core/a.py": "", "core/models/__init__.py": f"{call}\n"})
    project.write({"core/models/a.py": ""})
    assert leads(look(project), "core/models/__init__.py") == {"core/__init__.py": "is in the package"}


@pytest.mark.parametrize(
    "init",
    [
        '_MODULES = {"Thing": "thing", "Other": ".deep.other"}\n\n\ndef __getattr__(name): ...\n',
        '__getattr__, __dir__, __all__ = lazy.attach(__name__, ["thing"], {"deep.other": ["Other"]})\n',
        (
            "if TYPE_CHECKING:\n    from .thing import *\n    from .deep.other import Other\n"
            "else:\n    sys.modules[__name__] = Lazy(read(__file__))\n"
        ),
        'if not TYPE_CHECKING:\n    sys.modules[__name__] = Lazy({"thing": ["Thing"], "deep.other": []})\n',
    ],
)
def test_a_package_that_gives_its_names_when_asked_leads_to_the_modules_that_it_names(
    project: Project, init: str
) -> None:
    project.write({f"core/{name}.py": "" for name in ("__init__", "thing", "lazy/thing", "lazy/unnamed")})
    project.write({"core/lazy/__init__.py": init, "core/lazy/deep/__init__.py": "", "core/lazy/deep/other.py": ""})
    assert leads(look(project), "core/lazy/__init__.py") == {
        "core/__init__.py": "is in the package",
        "core/lazy/deep/__init__.py": "names",
        "core/lazy/deep/other.py": "names",
        "core/lazy/thing.py": "names",
    }


def test_what_a_package_reads_from_a_stub_may_be_every_module_beside_it(project: Project) -> None:
    project.write({"core/__init__.py": "__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)\n"})
    project.write({"core/a.py": "", "core/inner/__init__.py": "", "core/inner/b.py": ""})
    assert leads(look(project), "core/__init__.py") == {
        "core/a.py": "may import",
        "core/inner/__init__.py": "may import",
    }


def test_what_only_type_checkers_see_leads_nowhere(project: Project) -> None:
    project.write({"core/__init__.py": "", "core/a.py": ""})
    project.write({"experiments/one/train.py": "if TYPE_CHECKING:\n    import core.a\n"})
    assert leads(look(project), "experiments/one/train.py") == {}


def test_a_star_takes_the_modules_that_all_names(project: Project) -> None:
    project.write({"core/__init__.py": "", "core/sub/__init__.py": '__all__ = ["a", "f"]\n'})
    project.write({"core/sub/a.py": "", "core/sub/b.py": ""})
    project.write({"experiments/one/train.py": "from core.sub import *\n"})
    assert leads(look(project), "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/sub/__init__.py": "imports",
        "core/sub/a.py": "imports",
    }


PYPROJECT = (
    '[project]\nname = "core"\nversion = "1"\n[project.entry-points."core.models"]\nx = "core.x:X"\n'
    '[project.entry-points.pytest11]\ncore = "core.plugin"\n[project.entry-points.other]\ny = "core.y"\n'
)
SETUP_CFG = """\
[options.entry_points]
core.models =
    x = core.x:X
pytest11 = core = core.plugin
other =
    y = core.y
console_scripts =
    run = core.y:main
"""
SETUP_PY = """\
setup(entry_points={"core.models": ["x = core.x:X"], "pytest11": ["core = core.plugin"], "other": ["y = core.y"]})
"""


@pytest.mark.parametrize(
    ("name", "content"), [("pyproject.toml", PYPROJECT), ("setup.cfg", SETUP_CFG), ("setup.py", SETUP_PY)]
)
def test_entry_points_lead_to_the_plugins_of_core_and_of_the_experiment(
    project: Project, name: str, content: str
) -> None:
    project.write(
        {
            name: content,
            "core/__init__.py": "",
            "core/load.py": 'from importlib.metadata import entry_points\nentry_points(group="core.models")\n',
            "core/x.py": "",
            "core/y.py": "",
            "core/plugin.py": "",
            "experiments/one/test_one.py": "import core.load\n",
        }
    )
    found = look(project)
    assert leads(found, "core/load.py") == {
        "core/__init__.py": "is in the package",
        "core/x.py": "loads the plugin",
    }
    assert leads(found, "experiments/one/test_one.py") == {
        "core/__init__.py": "imports",
        "core/load.py": "imports",
        "core/plugin.py": "loads the plugin",
    }


def test_edits_of_the_import_path_are_followed(project: Project) -> None:
    project.write({"core/__init__.py": "", "third/lib/helper.py": ""})
    project.write({"experiments/one/setup_path.py": 'sys.path.insert(0, os.path.join(HERE, "../..", "third/lib"))\n'})
    project.write({"experiments/one/train.py": "import helper\n", "experiments/two/train.py": "import helper\n"})
    found = look(project)
    assert leads(found, "experiments/one/train.py") == {"third/lib/helper.py": "imports"}
    assert leads(found, "experiments/two/train.py") == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = "third/more third/lib"\n'),
        ("pyproject.toml", '[tool.pytest]\npythonpath = ["./third/lib/"]\n'),
        ("pytest.toml", '[pytest]\npythonpath = ["third/lib"]\n'),
        (".pytest.ini", "[pytest]\npythonpath =\n    third/lib\n"),
        ("tox.ini", "[pytest]\npythonpath = third/lib\n"),
        ("setup.cfg", "[tool:pytest]\npythonpath = third/lib\n"),
    ],
)
def test_folders_that_pytest_puts_on_the_import_path_are_looked_into(project: Project, file: str, text: str) -> None:
    project.write({"third/lib/helper.py": "", file: text, "experiments/one/train.py": "import helper\n"})
    assert leads(look(project), "experiments/one/train.py") == {"third/lib/helper.py": "imports"}


@pytest.mark.parametrize("empty", ["pytest.ini", "pytest.toml"])
def test_only_the_first_file_that_configures_pytest_counts(project: Project, empty: str) -> None:
    project.write({"pyproject.toml": '[tool.pytest.ini_options]\npythonpath = "third/lib"\n', empty: ""})
    project.write({"third/lib/helper.py": "", "experiments/one/train.py": "import helper\n"})
    assert leads(look(project), "experiments/one/train.py") == {}


def test_symbolic_links_are_followed_and_files_that_are_gone_still_count(project: Project) -> None:
    project.write(
        {"core/__init__.py": "", "core/a.py": "", "experiments/one/train.py": "import shared.a\nimport mine\n"}
    )
    (project.root / "experiments/one/shared").symlink_to("../../core")
    (project.root / "experiments/one/mine.py").symlink_to("../../core/a.py")
    project.write({"experiments/two/train.py": "import core.b\n"})
    found = look(project, gone=("core/b.py",))
    assert leads(found, "experiments/one/train.py") == {
        "core/__init__.py": "imports",
        "core/a.py": "imports",
        "experiments/one/mine.py": "imports",
    }
    assert leads(found, "experiments/one/mine.py") == {"core/a.py": "is a link to"}
    assert leads(found, "experiments/two/train.py") == {"core/__init__.py": "imports", "core/b.py": "imports"}


def test_only_what_has_changed_is_read_again(project: Project) -> None:
    files = {"core/__init__.py": "import core.a\n", "core/a.py": "", "core/b.py": "import core.a\n"}
    project.write(files)
    asked = Asked(reading=IMPORTS, paths=files)
    with ahead([asked], project.root, project.env) as reader:
        assert reader.fresh == 3
    look(project)
    (project.root / "core/b.py").write_text("import core\n")
    for path in files:
        (project.root / path).touch()
    with ahead([asked], project.root, project.env) as reader:
        assert reader.fresh == 1
    again = look(project)
    assert leads(again, "core/b.py") == {"core/__init__.py": "imports"}
    assert leads(again, "core/__init__.py") == {"core/a.py": "imports"}


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_is_ignored(project: Project, damage: bytes | None) -> None:
    project.write({"core/__init__.py": "", "experiments/one/train.py": "import core\n"})
    before = look(project)
    (stored,) = (project.root.parent / "home").rglob("imports/*.*")
    stored.write_bytes(stored.read_bytes()[:-3] + b"xyz" if damage is None else damage)
    assert look(project).graph.steps == before.graph.steps


def test_a_folder_that_is_no_clone_is_walked(project: Project) -> None:
    project.write({"core/__init__.py": "", "experiments/one/train.py": "import core\n", ".hidden/x.py": ""})
    project.write({"venv/pyvenv.cfg": "", "env/pyvenv.cfg": "", "env/lib/x.py": ""})
    (project.root / ".git").rename(project.root.parent / "git")
    assert look(project).files == ("core/__init__.py", "experiments/one/train.py")


def test_ways_lead_from_every_user_to_the_nearest_target(project: Project) -> None:
    project.write({"core/__init__.py": "from core.utils.clip import clip\n", "core/utils/clip.py": ""})
    project.write({"experiments/one/train.py": "from core import clip\n", "experiments/two/train.py": ""})
    graph = look(project).graph
    assert graph.ways_to(["core/utils/clip.py"]) == {
        "core/__init__.py": "core/utils/clip.py",
        "experiments/one/train.py": "core/__init__.py",
    }
    assert graph.name("core/utils/clip.py") == "core.utils.clip"
