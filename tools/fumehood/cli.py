"""The command line: one function for each command, thin. Answers go to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fumehood import __version__
from fumehood.commands.arguments import PYTEST, WithPytestArguments, WithRemovals
from fumehood.errors import ExitCode, FumehoodError
from fumehood.repository import Repository, find_root, open_repository

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
@click.option("--root", type=click.Path(path_type=Path), help="The repository; by default the one around this folder.")
@click.pass_context
def cli(context: click.Context, root: Path | None) -> None:
    """One isolated, layered environment for each experiment of a repository."""
    context.obj = root


def main() -> None:
    """Run the command line; the one place where errors become text and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except FumehoodError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; nothing half-done is left behind")
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone, as with `fumehood list | head`; Python would complain once more while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def say(text: str) -> None:
    """Tell the user something that is not the answer."""
    click.echo(text, err=True)


def _repository(context: click.Context) -> Repository:
    return open_repository(_root(context))


def _root(context: click.Context) -> Path:
    root: Path | None = context.find_root().obj
    return root.absolute() if root is not None else find_root(Path.cwd())


def _report_broken(repository: Repository) -> int:
    for broken in repository.broken:
        say(str(broken.error))
    return ExitCode.USAGE if repository.broken else ExitCode.OK


def _width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


_names = click.argument("names", nargs=-1, metavar="[NAME]...")
_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_envdir = click.option(
    "--envdir",
    type=click.Path(path_type=Path),
    envvar="NOXENVDIR",
    help="Where environments are; by default .nox in the repository, as with nox.",
)
_offline = click.option("--offline", is_flag=True, help="Never use the network.")


@cli.command("list")
@_json
@click.pass_context
def list_(context: click.Context, *, as_json: bool) -> int:
    """The experiments: path, owners, requirements, tests, state."""
    from fumehood.commands import reports  # noqa: PLC0415 - each command loads only what it needs

    repository = _repository(context)
    answer = reports.experiments_json(repository) if as_json else reports.experiments_text(repository, width=_width())
    click.echo(answer)
    return _report_broken(repository)


@cli.command()
@_names
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a lock is missing or no longer current.")
@click.option("--upgrade", is_flag=True, help="Let every pin move to the newest version that the lines admit.")
@click.option("--upgrade-package", "packages", multiple=True, metavar="P", help="Let the pin of P move.")
@_offline
@_json
@click.pass_context
def lock(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Write or refresh the locks of core and the experiments."""
    from fumehood.commands import lock as lock_command  # noqa: PLC0415 - each command loads only what it needs

    return lock_command.run(_repository(context), names, say=say, **options)


@cli.command(cls=WithPytestArguments, options_metavar="[OPTIONS]", epilog="Arguments after -- go to pytest.")
@_names
@click.option("--runner", default="local", show_default=True, help="Where sessions run; extensions offer others.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="So many at a time; else what there is room for."
)
@_json
@click.pass_context
def run(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Run the sessions of experiments side by side, and sum up how they ended; `core` is that of core's tests."""
    from fumehood.commands import run as run_command  # noqa: PLC0415 - each command loads only what it needs

    arguments = context.meta[PYTEST]
    return run_command.run(_repository(context), names, arguments=arguments, width=_width(), say=say, **options)


@cli.command()
@_names
@click.option("--rule", "rules", multiple=True, metavar="R", help="Only this rule, or this group; may be repeated.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "github", "sarif"]), default="text", show_default=True
)
@click.option("--offline", is_flag=True, help="Neither uv nor the network: only what locks and lines can tell.")
@click.option(
    "--baseline",
    type=click.Choice(["write", "extend"]),
    help="Write down what is found, after which only new findings count; later, take out what is gone. `extend` adds.",
)
@click.option("--fix", is_flag=True, help="Mend what a program can mend, between markers, and say what is left.")
@click.option("--dry-run", is_flag=True, help="With --fix: show what would be changed, and change nothing.")
@click.option("--notes", is_flag=True, help="Show notes too, in the formats for people: text and github.")
@click.option("--without-experiments", is_flag=True, help="Only: do core's tests pass in a clone without experiments?")
@click.option("--pairs", is_flag=True, help="Which experiments could share one environment: --format text or json.")
@click.pass_context
def check(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Every rule, version conflicts included; or the named rules, about the named experiments."""
    format_, pairs, baseline = options.pop("format_"), options.pop("pairs"), options.pop("baseline")
    fix, dry_run = options.pop("fix"), options.pop("dry_run")
    if options.pop("without_experiments"):
        from fumehood.commands import without_experiments  # noqa: PLC0415 - each command loads only what it needs

        repository = _repository(context)
        found = without_experiments.run(repository, names, format_=format_, environ=os.environ, say=say)
        click.echo(found.text)
        return found.code
    if fix or dry_run:
        from fumehood.commands import fix as fix_command  # noqa: PLC0415 - each command loads only what it needs

        code = fix_command.run(_repository(context), options["rules"], dry_run=dry_run, say=say)
        if dry_run:
            return code
    if baseline:
        from fumehood.commands import baseline as baseline_command  # noqa: PLC0415 - each command loads only what it needs

        return baseline_command.run(_repository(context), names, extend=baseline == "extend", **options)
    if pairs:
        from fumehood.commands import pairs as pairs_command  # noqa: PLC0415 - each command loads only what it needs

        offline = options["offline"]
        return pairs_command.run(_repository(context), names, format_=format_, offline=offline, width=_width())
    from fumehood.commands import memo  # noqa: PLC0415 - each command loads only what it needs

    def anew(environ: Mapping[str, str]) -> memo.Said:
        from fumehood.commands import check as check_command  # noqa: PLC0415 - a remembered answer needs none of it

        asked = check_command.Options(names=names, **options)
        return check_command.run(_repository(context), asked, format_=format_, environ=environ)

    said = memo.said(("check", str(_root(context)), format_, repr(options), *names), anew)
    click.echo(said.text)
    return said.code


@cli.command()
@_names
@_json
@click.pass_context
def reuse(context: click.Context, /, names: tuple[str, ...], *, as_json: bool) -> int:
    """What experiments use of core, how much of their code is a copy of core's, and what core has changed since."""
    from fumehood.commands import reuse as reuse_command  # noqa: PLC0415 - each command loads only what it needs

    repository = _repository(context)
    return reuse_command.run(repository, names, environ=os.environ, as_json=as_json, width=_width())


@cli.command()
@click.argument("name")
@click.argument("package", required=False)
@click.option("--budget", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop then, with what is known.")
@_offline
@_json
@click.pass_context
def explain(context: click.Context, /, name: str, package: str | None, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Why an experiment, or core itself, cannot be installed: the lines in conflict, and what would mend it.

    With PACKAGE: why that has its version there, and not core's.
    """
    if package is not None:
        from fumehood.commands import origin  # noqa: PLC0415 - each command loads only what it needs

        return origin.explain(_repository(context), name, package, **options)
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.explain(_repository(context), name, **options)


@cli.command(cls=WithRemovals)
@click.argument("changes", nargs=-1, metavar="REQUIREMENT|-NAME...", type=click.UNPROCESSED)
@click.option("--from-git", metavar="REF", help="Core's requirements as a branch, a tag or a commit has them.")
@click.option("--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@_offline
@click.pass_context
def whatif(context: click.Context, /, changes: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """What a change of core's requirements would do to each experiment; -NAME takes a requirement out."""
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.whatif(_repository(context), changes, **options)


@cli.command()
@click.argument("package", required=False)
@click.option("--to", metavar="VERSION", help="The version aimed at; by default the newest that core could have.")
@_offline
@_json
@click.pass_context
def blockers(context: click.Context, /, package: str | None, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Which experiments hold a package back, from what version, and by which lines."""
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.blockers(_repository(context), package, width=_width(), **options)


@cli.command()
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page for a browser instead.")
@_json
@click.pass_context
def status(context: click.Context, *, html: Path | None, as_json: bool) -> int:
    """How every experiment is doing: results, age, versions, owners, and the next step of its life."""
    from fumehood.commands import status as status_command  # noqa: PLC0415 - each command loads only what it needs

    return status_command.run(_repository(context), html=html, as_json=as_json, width=_width(), say=say)


@cli.command("release-gate")
@click.argument("version")
@click.option("--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--json", "format_", flag_value="json", help="The same as --format json.")
@click.pass_context
def release_gate(context: click.Context, version: str, format_: str) -> int:
    """Which experiments are not green on a release's core, since when, and whose they are."""
    from fumehood.commands import release_gate as gate_command  # noqa: PLC0415 - each command loads only what it needs

    return gate_command.run(_repository(context), version, format_=format_, width=_width())


@cli.command()
@click.argument("name")
@click.option("--theme", metavar="THEME", help="What kind it is, `model` or `infrastructure`, or one of the settings'.")
@click.option("--summary", metavar="TEXT", help="What it is about, in one line.")
@click.option("--owner", "owners", multiple=True, metavar="@HANDLE", help="Whose it is; may be given several times.")
@click.option("--python", multiple=True, metavar="VERSION", help="Of its session; may be given several times.")
@_offline
@click.pass_context
def new(context: click.Context, /, name: str, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Start an experiment: a folder with manifest, README, requirements, a package and a test."""
    from fumehood.commands import new as new_command  # noqa: PLC0415 - each command loads only what it needs

    return new_command.run(_repository(context), name, say=say, **options)


@cli.command()
@click.argument("name")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in one line, for those who look for it later.")
@click.option("--upstreamed", default="", metavar="URL", help="Where what became of it is: it has served its purpose.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def retire(context: click.Context, /, name: str, **options: Any) -> int:  # noqa: ANN401 - click's options
    """End an experiment: remove it with all that names it, and leave a record of how to get it back."""
    from fumehood.commands import retire as retire_command  # noqa: PLC0415 - each command loads only what it needs

    return retire_command.run(_repository(context), name, say=say, **options)


@cli.command()
@click.option("--base", metavar="REF", help="What to compare with; by default what CI says, else the default branch.")
@click.option("--explain", metavar="FILE", help="What a change of this file alone affects, and why.")
@_json
@click.pass_context
def affected(context: click.Context, /, **options: Any) -> int:  # noqa: ANN401 - click's options
    """The experiments that a change can break, each with its reasons: from the merge base to the work tree."""
    from fumehood.commands import affected as affected_command  # noqa: PLC0415 - each command loads only what it needs

    repository = _repository(context)
    affected_command.run(repository, say=say, **options)
    return _report_broken(repository)


@cli.command()
@click.option("--base", metavar="REF", help="What to compare with; by default the branch that the change goes to.")
@click.option("--all", "all_", is_flag=True, help="Everything, whatever has changed: for the periodic run.")
@click.option("--lowest", is_flag=True, help="Rows that test the lowest admitted versions, too.")
@click.option(
    "--label", "labels", multiple=True, metavar="L", help="A label of the change: `fumehood: all`, `fumehood: NAME`."
)
@click.option("--format", "format_", type=click.Choice(["github", "gitlab", "json"]), default="json", show_default=True)
@click.pass_context
def matrix(context: click.Context, /, **options: Any) -> int:  # noqa: ANN401 - click's options
    """The CI jobs for what a change affects: each session on the right machine."""
    from fumehood.commands import matrix as matrix_command  # noqa: PLC0415 - each command loads only what it needs

    repository = _repository(context)
    code = matrix_command.run(repository, say=say, **options)
    _report_broken(repository)
    return code


@cli.group()
def ci() -> None:
    """The workflow that runs the matrix, and the verdict on it."""


_platform = click.argument("platform", type=click.Choice(["github", "gitlab"]), required=False)


@ci.command("write")
@_platform
@click.pass_context
def ci_write(context: click.Context, platform: str | None) -> int:
    """Write the workflow for this repository."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.write(_repository(context), platform=platform, say=say)


@ci.command("check")
@_platform
@click.pass_context
def ci_check(context: click.Context, platform: str | None) -> int:
    """Compare the committed workflow with the one that would be written."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.check(_repository(context), platform=platform, say=say)


@ci.command("verdict")
@click.argument("results", type=click.Path(path_type=Path, file_okay=False))
@click.option("--rows", type=click.Path(path_type=Path), required=True, help="What `fumehood matrix` answered.")
@click.option("--summary", type=click.Path(path_type=Path), help="A file that a summary in Markdown is added to.")
@_json
def ci_verdict(results: Path, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Judge the results of all rows: exit 1 if a failure stops the change."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.verdict(results, **options)


@cli.group()
def env() -> None:
    """The environments and layers on this machine."""


@env.command("build")
@_names
@_envdir
@click.option("--python", metavar="VERSION", help="The interpreter; by default each experiment's own.")
@click.option("--locked", is_flag=True, help="Refuse to resolve where locks are committed; the default if CI is set.")
@click.option("--rebuild", is_flag=True, help="Build anew even if nothing changed.")
@_offline
@_json
@click.pass_context
def env_build(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Build environments, or find that they are right; `core` is that of core's tests."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.build(_repository(context), names, say=say, **options)


@env.command("path")
@click.argument("name")
@_envdir
@click.pass_context
def env_path(context: click.Context, name: str, envdir: Path | None) -> int:
    """Print the folder of an experiment's environment."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.path(_repository(context), name, envdir=envdir)


@env.command("shell")
@click.argument("name")
@_envdir
@click.pass_context
def env_shell(context: click.Context, name: str, envdir: Path | None) -> int:
    """Start a shell inside an experiment's environment; building it if need be."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.shell(_repository(context), name, envdir=envdir, say=say)


@env.command("export")
@click.argument("name")
@click.option("--format", "format_", default="requirements", show_default=True, help="Extensions offer others.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file to write, not standard output.")
@_envdir
@click.option("--locked", is_flag=True, help="Refuse to resolve where locks are committed; the default if CI is set.")
@_offline
@click.pass_context
def env_export(context: click.Context, /, name: str, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Write what an experiment's environment consists of; `core` is that of core's tests."""
    from fumehood.commands import export  # noqa: PLC0415 - each command loads only what it needs

    return export.run(_repository(context), name, say=say, **options)


@env.command("list")
@_json
def env_list(*, as_json: bool) -> int:
    """The environments and layers on this machine, with sizes and users."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.show(as_json=as_json, width=_width())


@env.command("gc")
@click.option("--older-than", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="DAYS",
              help="Keep what was used in the last so many days.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def env_gc(*, older_than: float, dry_run: bool) -> int:
    """Remove the layers that no environment uses."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.gc(older_than=older_than, dry_run=dry_run, say=say)


@env.command("verify")
@_json
@click.option("--keep", is_flag=True, help="Only report damage; take nothing away.")
@_offline
@click.pass_context
def env_verify(context: click.Context, *, as_json: bool, keep: bool, offline: bool) -> int:
    """Compare every file of every layer with its RECORD; damaged layers are taken away and built anew."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    root: Path | None = context.find_root().obj
    with contextlib.suppress(FumehoodError):
        root = root or find_root(Path.cwd())
    repository = open_repository(root) if root else None
    return env_command.verify(repository, as_json=as_json, keep=keep, offline=offline, say=say)
