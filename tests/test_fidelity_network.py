"""Stacked and flat give the same answers for real packages, chosen to hurt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import environments
from support.fidelity import assert_faithful, plain_environment

if TYPE_CHECKING:
    from support.project import Project

pytestmark = pytest.mark.network

CORE = (
    "attrs",  # two import packages
    "azure-core",  # a namespace package without __init__, split with the experiment
    "backports.tarfile",  # a namespace package that more than one tool fills
    "black",  # compiled with mypyc: a top-level module with a hashed name
    "certifi",  # data that is found through importlib.resources
    "cffi",  # a top-level extension module
    "coverage>=7.6",  # the newest has a .pth file, the experiment's does not
    "cryptography",  # an extension module of Rust, for the stable ABI
    "googleapis-common-protos",  # google: shared by four distributions in both halves
    "httpie",  # many commands, plugins through entry points
    "importlib-metadata",  # shadows nothing, and reads metadata
    "jaraco.functools",  # a namespace package, split
    "jupyter-core",  # commands, and a module at the top level
    "lxml",  # extension modules and headers
    "numpy>=2",  # bundled libraries; the experiment changes it
    "pillow",  # bundled libraries in a folder beside
    "pip",  # its own checks are part of the comparison
    "protobuf",  # extension modules inside google
    "pywin32 ; sys_platform == 'win32'",  # a marker that does not hold here
    "pyzmq",  # bundled libraries
    "ruamel.yaml",  # a namespace package with an __init__
    "setuptools<80",  # distutils-precedence.pth
    "sphinxcontrib-applehelp",  # a namespace package, split
    "tzdata",  # data only
    "zope.interface",  # a namespace package with an extension module, split
)
EXPERIMENT = (
    "azure-common",
    "coverage<7.10",
    "google-api-core",
    "google-cloud-core",
    "jaraco.context",
    "jupyterlab-widgets",  # share/jupyter
    "nbconvert",  # share/jupyter, entry points, commands
    "numpy<2.3",
    "pytest-cov",
    "pytest-xdist",
    "rich-cli",  # needs an old rich, which does without some of core's packages
    "scipy",  # needs the experiment's numpy
    "sphinxcontrib-qthelp",
    "zope.event",
)
RUN = (
    "black",
    "coverage",
    "f2py",
    "http",
    "jupyter-nbconvert",
    "jupyter-trust",
    "normalizer",
    "pip3",
    "pytest",
    "rich",
)
"""Of the commands those that say something of their environment when asked for their version, or take long to start."""


def test_real_packages_answer_stacked_as_they_do_flat(project: Project) -> None:
    environments.write(project, core=CORE, a=EXPERIMENT, bare=False)
    project.fumehood("env", "build", "a", timeout=300).assert_ok()
    stacked = environments.folder(project)
    state = environments.state(stacked)
    assert (state["layout"], state["why_flat"]) == ("stacked", None)
    assert {"coverage", "numpy", "rich"} <= {change.split()[0] for change in state["changes"]}
    assert any(change.endswith("→ removed") for change in state["changes"])
    plain = plain_environment(project, project.root.parent / "plain", state["versions"])
    assert_faithful(project, stacked, plain, versions=RUN)
    code = "import numpy, scipy.linalg; print(scipy.linalg.inv(numpy.eye(2)).trace())"
    assert project.run(stacked / "bin/python", "-c", code).assert_ok().stdout == "2.0\n"
    assert Path(state["root"]) == project.root
