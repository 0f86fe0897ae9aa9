"""The bill of materials of views made by hand, and of this experiment's own environment."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from sbom.exporter import export
from sbom.graph import dependencies

from fumehood.errors import UsageError
from fumehood.extensions import EnvironmentView, ViewedPackage, ViewedProject

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKERS = (("python_version", "3.11"), ("sys_platform", "linux"))
VIEW = EnvironmentView(
    name="rl",
    interpreter="cpython 3.11.7 cpython-311-x86_64-linux-gnu linux-x86_64",
    markers=MARKERS,
    packages=(
        ViewedPackage(name="alpha", version="2.0", hashes=("sha256:" + "a" * 64,), origin="core", requires=()),
        ViewedPackage(
            name="beta",
            version="1.0",
            hashes=("sha256:" + "b" * 64, "sha256:" + "c" * 64),
            origin="changed",
            requires=("Alpha>=1", "gamma; extra == 'fast'", "colorama; sys_platform == 'win32'"),
        ),
        ViewedPackage(name="gamma", url="git+https://example.org/gamma@abc123", origin="delta", requires=("alpha",)),
        ViewedPackage(name="local", url="libs/local", editable=True, origin="delta"),
    ),
    projects=(ViewedProject(name="tool", version="0.1"),),
    direct=("beta[fast]", "local"),
)


@pytest.fixture(autouse=True)
def _no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def test_the_document_follows_the_schema() -> None:
    assert errors_in(export(VIEW)) == []
    assert errors_in(export(EnvironmentView(name="empty", interpreter="cpython"))) == []


def test_the_whole_document_is_as_expected() -> None:
    document = json.loads(export(VIEW))
    assert document["metadata"] == {
        "component": {"bom-ref": "environment:rl", "name": "rl", "type": "application"},
        "properties": [{"name": "fumehood:interpreter", "value": VIEW.interpreter}],
    }
    alpha, beta, gamma, local, tool = sorted(document["components"], key=lambda component: component["name"])
    assert alpha == {
        "bom-ref": "package:alpha",
        "hashes": [{"alg": "SHA-256", "content": "a" * 64}],
        "name": "alpha",
        "properties": [{"name": "fumehood:origin", "value": "core"}],
        "purl": "pkg:pypi/alpha@2.0",
        "type": "library",
        "version": "2.0",
    }
    assert [one["content"] for one in beta["hashes"]] == ["b" * 64, "c" * 64]
    assert gamma["purl"] == "pkg:pypi/gamma?vcs_url=git%2Bhttps://example.org/gamma%40abc123"
    assert "purl" not in local
    assert local["properties"] == [
        {"name": "fumehood:dependencies", "value": "unknown: the environment is not built"},
        {"name": "fumehood:origin", "value": "delta"},
        {"name": "fumehood:source", "value": "libs/local"},
    ]
    assert (tool["bom-ref"], tool["version"]) == ("project:tool", "0.1")
    assert document["dependencies"] == [
        {"dependsOn": ["package:beta", "package:local", "project:tool"], "ref": "environment:rl"},
        {"ref": "package:alpha"},
        {"dependsOn": ["package:alpha", "package:gamma"], "ref": "package:beta"},
        {"dependsOn": ["package:alpha"], "ref": "package:gamma"},
    ]


def test_an_extra_counts_only_where_somebody_asks_for_it() -> None:
    without = EnvironmentView(
        name="rl", interpreter="cpython", markers=MARKERS, packages=VIEW.packages, direct=("beta", "gamma")
    )
    assert dependencies(without)["beta"] == {"alpha"}
    assert dependencies(VIEW) == {"alpha": set(), "beta": {"alpha", "gamma"}, "gamma": {"alpha"}}


def test_an_extra_that_names_its_own_distribution_is_followed() -> None:
    thing = ViewedPackage(
        name="thing",
        version="1",
        origin="core",
        requires=("thing[fast]; extra == 'all'", "quick; extra == 'fast'", "not a requirement!"),
    )
    quick = ViewedPackage(name="quick", version="1", origin="core", requires=())
    view = EnvironmentView(name="x", interpreter="", markers=MARKERS, packages=(quick, thing), direct=("thing[all]",))
    assert dependencies(view) == {"quick": set(), "thing": {"quick"}}


def test_the_same_environment_gives_the_same_bytes_and_another_one_another_serial() -> None:
    assert export(VIEW) == export(VIEW)
    other = EnvironmentView(name="rl", interpreter=VIEW.interpreter, packages=VIEW.packages[:1], direct=("alpha",))
    assert serial(export(VIEW)) != serial(export(other))


def test_a_timestamp_is_written_only_where_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = export(VIEW)
    assert "timestamp" not in plain
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    dated = export(VIEW)
    assert json.loads(dated)["metadata"]["timestamp"] == "1970-01-02T00:00:00Z"
    assert serial(dated) == serial(plain)
    assert errors_in(dated) == []


@pytest.mark.parametrize("seconds", ["yesterday", "1e400", "9" * 30])
def test_a_wrong_moment_is_refused(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
    with pytest.raises(UsageError) as error:
        export(VIEW)
    assert str(error.value) == (
        f"SOURCE_DATE_EPOCH is {seconds!r}, which is no number of seconds since 1970\n"
        "  → unset it, or set it as in `SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)`"
    )


def test_the_entry_point_is_found_in_this_environment() -> None:
    (point,) = entry_points(group="fumehood.exporters", name="cyclonedx")
    assert point.load() is export


def test_fumehood_exports_this_experiment_itself() -> None:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "fumehood", "--root", str(root), "env", "export", "sbom", "--format", "cyclonedx"]
    outcome = run([*command, "--offline"], capture_output=True, text=True, check=False, cwd=root, env=dict(os.environ))
    assert outcome.returncode == 0, outcome.stderr
    assert errors_in(outcome.stdout) == []
    document = json.loads(outcome.stdout)
    found = {component["bom-ref"]: component for component in document["components"]}
    library = found["package:cyclonedx-python-lib"]
    assert library["properties"] == [{"name": "fumehood:origin", "value": "delta"}]
    assert found["package:packaging"]["properties"] == [{"name": "fumehood:origin", "value": "core"}]
    assert {"project:fumehood", "project:fumehood-sbom"} <= set(found)
    edges = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert {"package:packageurl-python", "package:jsonschema"} <= set(edges["package:cyclonedx-python-lib"])


def serial(document: str) -> str:
    text: str = json.loads(document)["serialNumber"]
    return text


def errors_in(document: str) -> list[str]:
    return [str(error) for error in _errors(document)]


def _errors(document: str) -> Iterator[Any]:
    yield from JsonStrictValidator(SchemaVersion.V1_6).validate_str(document, all_errors=True) or ()
