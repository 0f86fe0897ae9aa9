"""The rules about what is imported: `boundary`, `reuse`, and the imports among `independence`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.rules import findings, said

if TYPE_CHECKING:
    from support.project import Project

SETTINGS = "[tool.fumehood]\ntest-requirements = []\n"


@pytest.fixture
def repository(project: Project) -> Project:
    """A core with two experiments that it does not know, and that do not know each other."""
    project.write(
        {
            "pyproject.toml": SETTINGS,
            "requirements.txt": "alpha\n",
            "src/core/__init__.py": "import alpha\n",
            "src/core/tools.py": "",
            "tests/test_core.py": "import core.tools\n",
            "experiments/one/requirements.txt": "",
            "experiments/one/model.py": "import core\nfrom core import tools\n",
            "experiments/two/requirements.txt": "",
            "experiments/two/src/twice/__init__.py": "from . import parts\n",
            "experiments/two/src/twice/parts.py": "",
        }
    )
    assert said(project, "boundary", "reuse", "independence") == []
    return project


ONE = "experiments.one.model, which is a part of the experiment one"
WAYS = {
    "a statement": ("import experiments.one.model\n", f"core imports {ONE}"),
    "a part of a line": ("import os, experiments.one.model as model\n", f"core imports {ONE}"),
    "in a function": ("def f():\n    from experiments.one import model\n", f"core imports {ONE}, in a function"),
    "in a try": (
        "try:\n    import experiments.one.model\nexcept ImportError: ...\n",
        f"core imports {ONE}, optionally",
    ),
    "for type checkers": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import experiments.one.model\n",
        f"core imports {ONE}, for type checkers only",
    ),
    "import_module": (
        'from importlib import import_module as load\nload("experiments.one.model")\n',
        f"core imports {ONE}, by name",
    ),
    "__import__": ('__import__("experiments.one.model")\n', f"core imports {ONE}, by name"),
    "a formatted name": (
        'import importlib\n\ndef f(name):\n    importlib.import_module(f"experiments.{name}.model")\n',
        "core imports what begins with 'experiments.', which leads to experiments",
    ),
    "a formatted relative name": (
        'import importlib\n\ndef f(n):\n    importlib.import_module(f".{n}.model", package="experiments")\n',
        "core imports what begins with 'experiments.', which leads to experiments",
    ),
    "a folder without a file": (
        "import pkgutil\nimport experiments\n",
        "core imports experiments, which is among the experiments and no part of core",
    ),
    "a folder in it": (
        "import os\nfrom experiments import one\n",
        "core imports experiments.one, which is a part of the experiment one",
    ),
    "sys.path": (
        'import sys\nsys.path.append("experiments/two/src")\nimport twice.parts\n',
        "core puts experiments/two/src on the import path, where experiments are",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_core_that_imports_an_experiment_is_found_whichever_way_it_is_written(repository: Project, way: str) -> None:
    source, message = WAYS[way]
    repository.write({"src/core/bad.py": source})
    found = said(repository, "boundary/core-imports-experiment")
    place = {"a statement": 1, "a part of a line": 1, "__import__": 1, "for type checkers": 3, "a formatted name": 4}
    place["a formatted relative name"] = 4
    assert f"src/core/bad.py:{place.get(way, 2)}: {message}" in found
    assert len(found) == (2 if way == "sys.path" else 1)


OFFERED = """\
import twice
from twice.parts import x
import importlib

REGISTRY = {"one": "twice.parts:X", "two": "twice.none", "three": "twice"}

def load(name):
    importlib.import_module("twice")
    importlib.import_module(f"twice.{name}")
"""


def test_a_package_that_an_experiment_offers_counts_too_unless_a_requirement_brings_one_of_its_name(
    repository: Project,
) -> None:
    repository.write(dict.fromkeys(("src/core/bad.py", "experiments/one/bad.py"), OFFERED))
    repository.write({"models.json": '{"two": "twice.parts"}'})
    two = "a part of the experiment two"
    assert said(repository, "boundary", "independence") == [
        "models.json:1: core names twice.parts, which is no part of core",
        f"src/core/bad.py:1: core imports twice, which is {two}",
        f"src/core/bad.py:2: core imports twice.parts.x, which is {two}",
        "src/core/bad.py:5: core names twice.parts.X, which is no part of core",
        f"src/core/bad.py:8: core imports twice, which is {two}, by name",
        "src/core/bad.py:9: core imports what begins with 'twice.', which leads to experiments",
        f"experiments/one/bad.py:1: it imports twice, {two}",
        f"experiments/one/bad.py:2: it imports twice.parts.x, {two}",
        f"experiments/one/bad.py:8: it imports twice, {two}, by name",
        "experiments/one/bad.py:9: it imports what begins with 'twice.', which leads to other experiments",
    ]
    repository.write({"requirements.txt": "alpha\ntwice\n"})
    assert said(repository, "boundary", "independence") == []


def test_a_test_of_cores_and_an_entry_point_count_too(repository: Project) -> None:
    whose = "which is a part of the experiment"
    scripts = '[project]\nname = "core"\n[project.scripts]\ntrain = "experiments.one.model:main"\n'
    plugins = '[project.entry-points."core.models"]\ntwo = "twice"\nown = "core.tools"\n'
    repository.write(
        {
            "pyproject.toml": f"{SETTINGS}{scripts}{plugins}",
            "tests/test_core.py": "def test_it():\n    import experiments.one.model\n",
        }
    )
    assert said(repository, "boundary/core-imports-experiment") == [
        f"pyproject.toml:6: core's entry point 'train' is experiments.one.model:main, {whose} one",
        f"pyproject.toml:8: core's entry point 'two' is twice, {whose} two",
        f"tests/test_core.py:2: core's tests import {ONE}, in a function",
    ]


def test_an_entry_point_of_a_setuptools_project_counts_too(repository: Project) -> None:
    repository.write(
        {"setup.py": 'setup(\n    entry_points={"core.models": ["own = core.tools", "two = twice"]},\n)\n'}
    )
    told = "core's entry point 'two' is twice, which is a part of the experiment two"
    assert said(repository, "boundary/core-imports-experiment") == [f"setup.py:2: {told}"]
    repository.write({"setup.cfg": "[options.entry_points]\ncore.models =\n    two = twice\n"})
    assert said(repository, "boundary/core-imports-experiment") == [f"setup.cfg:3: {told}"]


def test_names_in_strings_and_in_files_of_core_are_found_and_those_for_tools_are_not(repository: Project) -> None:
    overrides = '[[tool.mypy.overrides]]\nmodule = "experiments.one.model"\nignore_errors = true\n'
    repository.write(
        {
            "pyproject.toml": SETTINGS + overrides,
            ".github/workflows/ci.yml": "run: python -m experiments.one.model\n",
            "src/core/registry.py": 'MODELS = ["experiments.one.model:Model", "experiments.none.model"]\n',
            "src/core/registry.yaml": "models:\n  one: experiments.one.model\n  none: experiments.none\n",
            "src/core/registry.ini": "[models]\none = experiments.one.model\n",
            "mypy.ini": "[mypy-experiments.one.model]\nignore_errors = true\n",
        }
    )
    assert said(repository, "boundary/core-names-experiment") == [
        "src/core/registry.ini:2: core names experiments.one.model, which is no part of core",
        "src/core/registry.py:1: core names experiments.one.model.Model, which is no part of core",
        "src/core/registry.yaml:2: core names experiments.one.model, which is no part of core",
    ]


def test_what_stands_around_experiments_is_no_part_of_core_and_may_know_them(repository: Project) -> None:
    repository.write(
        {
            "experiments/__init__.py": "from experiments.one import model\n",
            "experiments/one/__init__.py": "",
            "experiments/one/other.py": "import experiments\n",
            "src/core/bad.py": "import experiments\n",
        }
    )
    assert said(repository, "boundary") == [
        "src/core/bad.py:1: core imports experiments, which is among the experiments and no part of core"
    ]


def test_experiments_inside_of_cores_package_have_the_same_boundaries(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": f'{SETTINGS}experiments = ["core/experiments/*"]\n',
            "requirements.txt": "",
            "core/__init__.py": "from .experiments.one import model\n",
            "core/tools.py": "",
            "core/experiments/__init__.py": "",
            "core/experiments/one/__init__.py": "",
            "core/experiments/one/model.py": "from ... import tools\nfrom ..two.model import two\n",
            "core/experiments/two/__init__.py": "",
            "core/experiments/two/model.py": "import core.tools\n",
        }
    )
    assert said(project, "boundary", "independence") == [
        "core/__init__.py:1: core imports .experiments.one.model, which is a part of the experiment one",
        "core/experiments/one/model.py:2: it imports ..two.model.two, a part of the experiment two",
    ]
    by_name = (
        "from importlib import import_module\n"
        "def load(name):\n"
        '    import_module(f".experiments.{name}", __package__)\n'
        '    import_module(f"{__package__}.experiments.{name}.model")\n'
    )
    project.write({"core/__init__.py": by_name, "core/experiments/one/model.py": "from .. import two\n"})
    (project.root / "core/experiments/two/__init__.py").unlink()
    leads = "core imports what begins with '.experiments.', which leads to experiments"
    assert said(project, "boundary", "independence") == [
        f"core/__init__.py:3: {leads}",
        f"core/__init__.py:4: {leads}",
        "core/experiments/one/model.py:1: it imports ..two, a part of the experiment two",
    ]


def test_a_core_that_is_a_namespace_package_has_the_same_boundaries(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": f'{SETTINGS}experiments = ["src/lab/core/experiments/*"]\n',
            "requirements.txt": "",
            "src/lab/core/tools.py": "import lab.core.experiments\nfrom lab.core.experiments.one import model\n",
            "src/lab/core/experiments/one/requirements.txt": "",
            "src/lab/core/experiments/one/model.py": (
                "import lab\nimport lab.core.tools as tools\nfrom ..two import model\ntools._helper()\n"
            ),
            "src/lab/core/experiments/two/model.py": "from ... import tools\n",
        }
    )
    one = "src/lab/core/experiments/one/model.py"
    around = "which is among the experiments and no part of core"
    assert said(project, "boundary", "independence", "reuse") == [
        f"src/lab/core/tools.py:1: core imports lab.core.experiments, {around}",
        "src/lab/core/tools.py:2: core imports lab.core.experiments.one.model, which is a part of the experiment one",
        f"{one}:3: it imports ..two.model, a part of the experiment two",
        f"{one}:4: it uses lab.core.tools._helper, which is private to core",
    ]


def test_an_experiment_that_imports_another_is_found_whichever_way_it_is_written(repository: Project) -> None:
    repository.write(
        {
            "experiments/one/more.py": (
                "import experiments.two.src.twice.parts\n"
                "def later(name):\n"
                "    import importlib\n"
                '    importlib.import_module("experiments." + name)\n'
                '    importlib.import_module(f"experiments.two.{name}")\n'
                '    importlib.import_module(f"experiments.one.{name}")\n'
                '    importlib.import_module(f".{name}", __package__)\n'
                '    importlib.import_module(f"..{name}", __package__)\n'
            )
        }
    )
    assert said(repository, "boundary") == [
        "experiments/one/more.py:1: it imports experiments.two.src.twice.parts, a part of the experiment two",
        "experiments/one/more.py:4: it imports what begins with 'experiments.', which leads to other experiments",
        "experiments/one/more.py:5: it imports what begins with 'experiments.two.', which leads to other experiments",
        "experiments/one/more.py:8: it imports what begins with '..', which leads to other experiments",
    ]


def test_a_mistake_in_the_manifest_of_the_one_that_is_imported_changes_nothing(repository: Project) -> None:
    repository.write({"experiments/one/model.py": "import twice\n"})
    found = said(repository, "boundary", "independence")
    assert found == ["experiments/one/model.py:1: it imports twice, a part of the experiment two"]
    repository.write({"experiments/two/experiment.toml": "stat = 1\n"})
    assert said(repository, "boundary", "independence") == found


def test_private_names_of_core_are_found_once_in_each_file_with_whom_to_ask(repository: Project) -> None:
    points = 'extension-points = { hooks = "core.offered._hook", tools = "core.tools" }\n'
    repository.write(
        {
            "CODEOWNERS": "/src/core/ @core-owner\n",
            "src/core/_inner.py": "",
            "src/core/offered/_hook.py": "",
            "pyproject.toml": SETTINGS + points,
            "experiments/one/private.py": (
                "from core import __version__\nfrom core.offered._hook import hook\nfrom core.tools import _helper\n"
                "import core._inner\n\ndef later():\n    from core.tools import _helper\n"
            ),
        }
    )
    found = findings(repository, "reuse/private-name")
    assert [(one.line, one.message, one.details) for one in found] == [
        (3, "it uses core.tools._helper, which is private to core", ("experiments/one/private.py:7",)),
        (4, "it uses core._inner, which is private to core", ()),
    ]
    assert found[0].remedy == "use one of core's extension points (hooks, tools), or ask @core-owner to make it public"


REACHING = """\
import core.tools, core.tools as t
import core.offered._hook as h
from core import tools, taken, renamed
from core.tools import Tool
from . import model

t._helper
print(tools._helper, core.tools._other.inner)
h.hook, h._state
def work(t, size=core._size):
    t._parameter
    from core._inner import secret
    import core._inner as inner
    secret._part, inner._part, inner.public
[tools._variable for tools in range(3)]
Tool._method, taken._cache, renamed._cache, model._own, tools.__name__
"""


def test_private_names_are_found_that_are_reached_through_a_module_of_core_and_no_others(repository: Project) -> None:
    points = 'extension-points = { hooks = "core.offered._hook" }\n'
    repository.write(
        {
            "pyproject.toml": SETTINGS + points,
            "src/core/__init__.py": "import alpha\nfrom core.taken import taken\nfrom .taken import thing as renamed\n",
            "src/core/_inner.py": "",
            "src/core/taken.py": "",
            "src/core/renamed.py": "",
            "src/core/offered/_hook.py": "",
            "experiments/one/private.py": REACHING,
            "experiments/two/relative.py": "def work():\n    import core.tools\n    return core.tools._helper\n",
        }
    )
    again = "\n  experiments/one/private.py:8"
    assert said(repository, "reuse/private-name") == [
        f"experiments/one/private.py:7: it uses core.tools._helper, which is private to core{again}",
        "experiments/one/private.py:8: it uses core.tools._other, which is private to core",
        "experiments/one/private.py:9: it uses core.offered._hook._state, which is private to core",
        "experiments/one/private.py:10: it uses core._size, which is private to core",
        "experiments/one/private.py:12: it uses core._inner.secret, which is private to core, in a function",
        "experiments/one/private.py:13: it uses core._inner, which is private to core, in a function",
        "experiments/two/relative.py:3: it uses core.tools._helper, which is private to core",
    ]


def test_a_relative_import_reaches_private_names_of_a_core_that_has_experiments_in_it(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": f'{SETTINGS}experiments = ["core/experiments/*"]\n',
            "requirements.txt": "",
            "core/__init__.py": "",
            "core/tools.py": "",
            "core/experiments/one/requirements.txt": "",
            "core/experiments/one/model.py": "from ... import tools\n\ntools._helper()\n",
        }
    )
    assert said(project, "reuse/private-name") == [
        "core/experiments/one/model.py:3: it uses ...tools._helper, which is private to core"
    ]


def test_imports_of_cores_tests_are_found_by_their_line(repository: Project) -> None:
    repository.write({"experiments/one/test_it.py": "from tests.test_core import a, b\nimport tests.test_core\n"})
    assert said(repository, "reuse/core-tests") == [
        "experiments/one/test_it.py:1: it imports tests.test_core.a, which is a part of core's tests",
        "experiments/one/test_it.py:2: it imports tests.test_core, which is a part of core's tests",
    ]
    repository.write(
        {"experiments/one/test_it.py": "from tests.test_core import _a\nimport tests.test_core as t\nt._a\n"}
    )
    assert [one.rule for one in findings(repository, "reuse")] == ["reuse/core-tests"] * 2


def needs(project: Project, source: str, requirements: str = "", **more: str) -> list[str]:
    files = {f"experiments/one/{name.replace('__', '.')}": text for name, text in more.items()}
    project.write({"experiments/one/model.py": source, "experiments/one/requirements.txt": requirements, **files})
    return [line.removeprefix("experiments/one/") for line in said(project, "independence")]


def test_what_is_imported_has_to_be_asked_for(repository: Project) -> None:
    assert needs(repository, "import os, alpha.part, distutils\nimport zeta.one\nfrom zeta import two\n") == [
        "model.py:2: it imports zeta, and no requirement line asks for it\n  experiments/one/model.py:3"
    ]
    assert needs(repository, "import zeta\n", "Zeta>=1\n") == []


def test_an_import_that_the_experiment_can_do_without_needs_no_requirement(repository: Project) -> None:
    optional = "try:\n    import zeta\nexcept ImportError:\n    zeta = None\n"
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import zeta\n"
    looked = "import importlib.util\nif importlib.util.find_spec('zeta'):\n    import zeta\n"
    guarded = "from core.tools import is_zeta_available\nif is_zeta_available():\n    import zeta\n"
    left = "def f():\n    if not is_zeta_available():\n        raise ImportError\n    import zeta\n"
    named = "import importlib\ntry:\n    zeta = importlib.import_module('zeta')\nexcept ImportError: ...\n"
    every = (optional, typing, looked, guarded, left, named)
    assert [needs(repository, source) for source in every] == [[] for _ in every]
    assert needs(repository, "def later():\n    import zeta\n") == [
        "model.py:2: it imports zeta, and no requirement line asks for it, in a function"
    ]


def test_a_script_in_a_package_finds_what_stands_beside_it(repository: Project) -> None:
    beside = {f"experiments/one/{name}": "" for name in ("__init__.py", "utils/__init__.py", "utils/args.py")}
    repository.write(beside | {"experiments/one/utils/data.py": "from utils.args import x\nimport zeta\n"})
    assert needs(repository, "from utils.args import x\nimport two\n") == [
        "model.py:2: it imports two, and no requirement line asks for it",
        "utils/data.py:2: it imports zeta, and no requirement line asks for it",
    ]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("yaml", "PyYAML"),
        ("cv2", "opencv-python-headless"),
        ("google.protobuf.message", "protobuf"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("ruamel.yaml", "ruamel.yaml"),
        ("slugify", "python-slugify"),
        ("monarch", "torchmonarch"),
        ("renderers", "git+https://example.invalid/some/renderers.git@main"),
    ],
)
def test_a_distribution_with_another_name_than_its_module_is_known(repository: Project, module: str, line: str) -> None:
    assert needs(repository, f"import {module}\n", f"{line}\n") == []


def test_a_distribution_whose_name_goes_on_behind_that_of_its_module_is_believed_to_bring_it(
    repository: Project,
) -> None:
    assert needs(repository, "import zeta.part\n", "zeta-python-lib\n") == []
    assert needs(repository, "import zeta, zeta_extra\n", "zeta-extra\n") == [
        "model.py:1: it imports zeta, and no requirement line asks for it"
    ]


def test_of_an_experiment_whose_lines_are_wrong_nothing_is_said_about_what_they_ask_for(repository: Project) -> None:
    assert needs(repository, "import pytest, zeta\n", "not a line\n") == []


def test_what_core_imports_without_asking_for_it_is_a_warning_everywhere(repository: Project) -> None:
    repository.write({"src/core/tools.py": "import zeta\n", "scripts/convert.py": "import eta\n"})
    assert needs(repository, "import zeta\n") == [
        "src/core/tools.py:1: core imports zeta, and no requirement line asks for it",
        "model.py:1: it imports zeta, as core does, and no requirement line asks for it",
    ]
    assert {one.severity for one in findings(repository, "independence")} == {"warning"}


def test_a_requirement_file_that_is_none_of_the_experiments_is_named(repository: Project) -> None:
    repository.write({"experiments/one/examples/requirements.txt": "zeta\n"})
    said_of = "which only experiments/one/examples/requirements.txt asks for, and that is none of its files"
    assert needs(repository, "import zeta\n") == [f"model.py:1: it imports zeta, {said_of}"]
    repository.write({"src/core/tools.py": "import zeta\n", "requirements-dev.txt": "zeta\n"})
    said_of = "which only requirements-dev.txt asks for, and that is none of"
    assert needs(repository, "import zeta\n") == [
        f"src/core/tools.py:1: core imports zeta, {said_of} its files",
        f"model.py:1: it imports zeta, as core does, {said_of} core's files",
    ]


def test_what_only_the_lock_brings_is_milder(repository: Project) -> None:
    pinned = f"zeta==1.0 \\\n    --hash=sha256:{'0' * 64}\n"
    repository.write({"requirements.lock": f"# fumehood lock\n{pinned}"})
    assert needs(repository, "import zeta\n") == [
        "model.py:1: it imports zeta, which is installed only because others require it"
    ]


def test_where_only_a_build_knows_what_core_requires_its_lock_and_its_setup_script_are_believed(
    repository: Project,
) -> None:
    (repository.root / "requirements.txt").unlink()
    script = 'extras = {"x": ["theta>=1"]}\nsetup(install_requires=load(), extras_require=extras)\n'
    pinned = "".join(f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n" for name in ("alpha", "zeta"))
    repository.write({"setup.py": script, "requirements.lock": f"# fumehood lock\n-e .\n{pinned}"})
    repository.write({"src/core/tools.py": "import zeta, theta, iota\n"})
    assert needs(repository, "import zeta\nimport theta\n") == [
        "src/core/tools.py:1: core imports iota, and no requirement line asks for it",
        "model.py:2: it imports theta, and no requirement line asks for it",
    ]
    script = 'deps = versions()\ninstall = [deps["iota"], deps["theta"]]\nsetup(install_requires=list(install))\n'
    repository.write({"setup.py": script})
    assert needs(repository, "import theta\n") == []


def test_a_line_that_nothing_imports_or_mentions_is_a_note(repository: Project) -> None:
    lines = "zeta\npytest-cov\ntypes-requests\nruff-lsp\neta-theta\nalpha\n"
    mentions = {"run__sh": "ruff-lsp --check\n", "README__md": "# One\n\nNeeds eta_theta.\n"}
    assert needs(repository, "import alpha\n", lines, **mentions) == [
        "requirements.txt:1: nothing imports zeta, and no file of the experiment mentions it"
    ]
    assert [one.severity for one in findings(repository, "independence")] == ["note"]


def test_a_line_for_what_core_imports_if_it_is_there_and_a_compiled_file_are_used(repository: Project) -> None:
    repository.write({"src/core/tools.py": "try:\n    import zeta\nexcept ImportError: ...\n"})
    assert needs(repository, "", "zeta\n") == []
    assert len(needs(repository, "", "iota\n")) == 1
    assert needs(repository, "", "# This file was autogenerated by uv via the following command:\niota==1\n") == []
