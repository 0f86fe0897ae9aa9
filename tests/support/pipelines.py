"""Workflows and pipelines held against what the platforms accept."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sysconfig
from importlib.resources import files
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def gitlab_mistakes(text: str) -> str:
    """What GitLab's own JSON Schema of pipelines has against a text; empty if nothing."""
    return _schema_mistakes("gitlab-ci", text)


def github_mistakes(text: str) -> str:
    """What the schema of GitHub's workflows has against a text, and actionlint with shellcheck; empty if nothing."""
    return _schema_mistakes("github-workflows", text) or _actionlint(text)


@functools.cache
def _validator(name: str) -> Any:  # noqa: ANN401 - jsonschema has no types
    """For a schema that check-jsonschema ships."""
    path = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    schema = json.loads(path.read_bytes())
    return jsonschema.validators.validator_for(schema)(schema)


def _schema_mistakes(name: str, text: str) -> str:
    try:
        content = YAML(typ="safe").load(text)
    except YAMLError as error:
        return str(error)
    return "\n".join(f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(content))


def _actionlint(text: str) -> str:
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    program = shutil.which("actionlint", path=path)
    if program is None:
        raise AssertionError("tests/requirements.txt brings actionlint, and it is not there")
    environ = {**os.environ, "PATH": path}
    command = [program, "-no-color", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environ)
    return done.stdout + done.stderr if done.returncode else ""
