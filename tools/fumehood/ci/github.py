"""GitHub: the workflow that selects, runs every row, and gives one verdict.

Sources: GitHub's "Workflow syntax for GitHub Actions", "Contexts reference", "Secure use reference" (actions by commit,
no expressions in scripts, least permissions) and "Troubleshooting required status checks" (a job that is skipped counts
as passed, so the verdict is never skipped).
"""

from __future__ import annotations

import json
import re
from string import Template
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fumehood.ci.answers import NO_ROWS, USUAL_GITHUB_RUNNER
from fumehood.model.pythons import admitted_minors
from fumehood.model.runner import WORKFLOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.repository import Repository

PATH = WORKFLOWS["github"]

ACTIONS: Mapping[str, tuple[str, str]] = {
    "cache": ("27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    "checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
}
"""GitHub's own actions, each with the commit of a release."""

_OLDEST = 11
"""The minor version of the oldest Python that fumehood itself runs on."""

_NEWEST_KNOWN = "3.12"


class Facts(Struct, frozen=True, kw_only=True):
    """What the workflow says of the repository.

    Attributes:
        python: The version that runs nox and fumehood.
        install: The command that installs them.
        branches: Those whose pushes are tested.
        schedule: When everything is run, as cron says it; empty for never.
        runner: The label of machines that select and judge.
    """

    python: str
    install: str
    branches: tuple[str, ...]
    schedule: str
    runner: tuple[str, ...]


def facts(repository: Repository) -> Facts:
    """What the settings say, and what follows from them."""
    ci, runner = repository.settings.ci, repository.settings.runners.default
    return Facts(
        python=python_of(repository),
        install=ci.install,
        branches=ci.branches,
        schedule=ci.schedule,
        runner=runner or (USUAL_GITHUB_RUNNER,),
    )


def python_of(repository: Repository) -> str:
    """The Python to run nox with: what the settings say, else the lowest of core's that fumehood runs on."""
    if repository.settings.ci.python:
        return repository.settings.ci.python
    named = [int(match[1]) for text in repository.core.pythons if (match := re.search(r"3\.(\d+)", text))]
    admitted = _admitted(repository.core.requires_python)
    if not named and admitted is None:
        return _NEWEST_KNOWN
    fit = [minor for minor in (*named, *(admitted or ())) if minor >= _OLDEST]
    return f"3.{min(fit, default=_OLDEST)}"


def _admitted(requires_python: str | None) -> list[int] | None:
    """The minor versions of Python 3 that a specifier admits; None where it says nothing."""
    if not requires_python:
        return None
    try:
        return list(admitted_minors(SpecifierSet(requires_python)))
    except InvalidSpecifier:
        return None


def workflow(facts: Facts) -> str:
    """The whole file; the same facts give the same text."""
    uses = {
        f"use_{name.replace('-', '_')}": f"actions/{name}@{commit} # {version}"
        for name, (commit, version) in ACTIONS.items()
    }
    restore, save = (uses["use_cache"].replace("cache@", f"cache/{part}@") for part in ("restore", "save"))
    schedule = f"  schedule:\n    - cron: {json.dumps(facts.schedule)}\n" if facts.schedule else ""
    return _Text(_WORKFLOW).substitute(
        uses,
        restore_cache=restore,
        save_cache=save,
        python=json.dumps(facts.python),
        bare_python=facts.python,
        install=json.dumps(facts.install),
        branches=json.dumps(list(facts.branches)),
        schedule=schedule,
        runner=json.dumps(facts.runner[0] if len(facts.runner) == 1 else list(facts.runner)),
        has_rows=json.dumps(f"needs.select.outputs.matrix != '{NO_ROWS}'"),
    )


class _Text(Template):
    """A template whose fields are written ``@{name}``, since GitHub's expressions and shells use the dollar sign."""

    delimiter = "@"
    pattern = r"@(?:(?P<escaped>(?!))|(?P<named>(?!))|\{(?P<braced>[a-z_]+)\}|(?P<invalid>(?!)))"  # type: ignore[assignment]  # typeshed has the compiled form


_WORKFLOW = """\
# Written by `fumehood ci write github`, and kept so by `fumehood ci check`: change the settings, not this.
name: fumehood

on:
  pull_request:
    types: [opened, synchronize, reopened, labeled]
  merge_group:
  push:
    branches: @{branches}
@{schedule}  workflow_dispatch:

permissions:
  contents: read

concurrency: # what was pushed is never left out: a later push is compared with this one, and not with what came before
  group: fumehood-${{ github.event_name }}-${{ github.event_name == 'pull_request' && github.ref || github.run_id }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}

jobs:
  select:
    name: select
    runs-on: @{runner}
    timeout-minutes: 15
    outputs:
      matrix: ${{ steps.select.outputs.matrix }}
    steps:
      - uses: @{use_checkout}
        with:
          fetch-depth: 0 # where the change branched off decides what it affects
          persist-credentials: false
      - uses: @{use_setup_python}
        with:
          python-version: @{python}
      - name: Install fumehood
        run: @{install}
      - name: Compare this workflow with the one that fumehood writes
        run: fumehood ci check github
      - name: Restore how long sessions took
        uses: @{restore_cache}
        with:
          path: fumehood-history
          key: fumehood-history-${{ github.run_id }}-${{ github.run_attempt }}
          restore-keys: fumehood-history-
      - name: Select what the change affects
        id: select
        env:
          FUMEHOOD_RESULTS: fumehood-history
        run: |
          case "$GITHUB_EVENT_NAME" in
            schedule | workflow_dispatch) fumehood matrix --all --lowest --format github ;;
            *) fumehood matrix --format github ;;
          esac > fumehood-matrix.json
          echo "matrix=$(cat fumehood-matrix.json)" >> "$GITHUB_OUTPUT"
      - name: Keep the rows for the verdict
        uses: @{use_upload_artifact}
        with:
          name: fumehood-matrix
          path: fumehood-matrix.json
          if-no-files-found: error
          overwrite: true

  test:
    name: ${{ matrix.name }}
    needs: select
    if: @{has_rows} # a matrix without rows is an error
    strategy:
      fail-fast: false
      matrix: ${{ fromJSON(needs.select.outputs.matrix) }}
    runs-on: ${{ matrix.runner }}
    timeout-minutes: ${{ matrix.timeout }}
    continue-on-error: ${{ matrix.advisory }}
    steps:
      - uses: @{use_checkout}
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: @{use_setup_python}
        with:
          python-version: | # the last one is what `python` is
            ${{ matrix.python || '@{bare_python}' }}
            @{bare_python}
      - name: Put caches where they are kept
        run: |
          {
            echo "FUMEHOOD_CACHE=$RUNNER_TEMP/fumehood"
            echo "UV_CACHE_DIR=$RUNNER_TEMP/uv"
          } >> "$GITHUB_ENV"
      - name: Cache packages and layers by the locks that they are made from
        uses: @{use_cache}
        with:
          path: |
            ${{ runner.temp }}/fumehood
            ${{ runner.temp }}/uv
          key: fumehood-${{ runner.os }}-${{ runner.arch }}-${{ matrix.cache }}
          restore-keys: fumehood-${{ runner.os }}-${{ runner.arch }}-
      - name: Install fumehood
        run: @{install}
      - name: Run the sessions
        env:
          COMMAND: ${{ matrix.command }}
          FUMEHOOD_RESULTS: fumehood-results
        run: bash -euc "$COMMAND"
      - name: Keep in the caches only what these sessions used
        run: |
          fumehood env gc --older-than 0
          if command -v uv > /dev/null; then uv cache prune --ci; fi
      - name: Keep the results
        if: always()
        uses: @{use_upload_artifact}
        with:
          name: fumehood-results-${{ matrix.id }}
          path: fumehood-results
          overwrite: true

  verdict:
    name: fumehood # the one check to require
    if: always()
    needs: [select, test]
    runs-on: @{runner}
    timeout-minutes: 15
    steps:
      - uses: @{use_checkout}
        with:
          persist-credentials: false
      - uses: @{use_setup_python}
        with:
          python-version: @{python}
      - name: Install fumehood
        run: @{install}
      - name: Get the rows
        uses: @{use_download_artifact}
        with:
          name: fumehood-matrix
      - name: Get the results
        uses: @{use_download_artifact}
        with:
          pattern: fumehood-results-*
          path: fumehood-results
          merge-multiple: true
      - name: Restore how long sessions took
        uses: @{restore_cache}
        with:
          path: fumehood-history
          key: fumehood-history-${{ github.run_id }}-${{ github.run_attempt }}
          restore-keys: fumehood-history-
      - name: Add how long they took now
        run: |
          mkdir -p fumehood-history fumehood-results
          cp -R fumehood-results/. fumehood-history/
      - name: Keep how long they took
        uses: @{save_cache}
        with:
          path: fumehood-history
          key: fumehood-history-${{ github.run_id }}-${{ github.run_attempt }}
      - name: Judge
        run: fumehood ci verdict --rows fumehood-matrix.json --summary "$GITHUB_STEP_SUMMARY" fumehood-results
"""
