"""Workflows and pipelines held against what the platforms accept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

SCRIPTS = sysconfig.get_path("scripts")


def gitlab_mistakes(text: str) -> str:
    """What GitLab's own JSON Schema of pipelines has against a text; empty if nothing."""
    return _schema_mistakes("vendor.gitlab-ci", text)


def github_mistakes(text: str) -> str:
    """What the schema of GitHub's workflows has against a text, and actionlint with shellcheck; empty if nothing."""
    return _schema_mistakes("vendor.github-workflows", text) or _actionlint(text)


def _schema_mistakes(schema: str, text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.yml")
        file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _actionlint(text: str) -> str:
    path = os.pathsep.join([SCRIPTS, os.environ["PATH"]])
    program = shutil.which("actionlint", path=path)
    if program is None:
        raise AssertionError("tests/requirements.txt brings actionlint, and it is not there")
    command = [program, "-no-color", "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    return done.stdout + done.stderr if done.returncode else ""
