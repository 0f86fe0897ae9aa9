"""How much an experiment owes: what it lacks is an error only once it has signed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.outside.toml_file import TomlFile

if TYPE_CHECKING:
    from fumehood.model.experiment import Experiment
    from fumehood.model.finding import Severity
    from fumehood.rules.seen import Seen


MILDER = """\
A warning for an experiment that is proposed, suspended or retired; a note for a folder without `experiment.toml`."""


def owed(experiment: Experiment) -> Severity:
    """What it is when an experiment lacks what every experiment should say of itself.

    A manifest is where somebody declared a folder to be an experiment. A folder without one was only found, and a
    repository that starts with fumehood may have a hundred of those: for them it is a note. One that is proposed has
    still to show what it can, and one that is suspended is no longer worked on: for those it is a warning.
    """
    if experiment.manifest is None:
        return "note"
    return "error" if experiment.state in {"active", "graduated"} else "warning"


def about(seen: Seen, experiment: Experiment, key: str) -> Place:
    """Where an experiment says something of itself: the key in its manifest; its folder where there is no manifest."""
    if experiment.manifest is None:
        return Place(experiment.path)
    # Where it stands is told by its text; what it says was read when the experiment was found.
    return TomlFile(name=experiment.manifest, text=seen.text(experiment.manifest) or "", data={}).place(key)
