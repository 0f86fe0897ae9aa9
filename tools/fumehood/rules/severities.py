"""How severe each finding is, once the settings have been heard: the last that matches decides, as in CODEOWNERS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from fumehood.errors import ConfigurationError, raise_all
from fumehood.model.globs import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.model.finding import Finding
    from fumehood.rules.registry import Registry
    from fumehood.rules.rule import Rule
    from fumehood.settings import Level, RuleSetting


class Severities(Struct, frozen=True):
    """What ``[tool.fumehood.rules]`` says; settings of a rule come after those of its group."""

    settings: tuple[RuleSetting, ...]

    @classmethod
    def of(cls, settings: Iterable[RuleSetting], registry: Registry) -> Severities:
        """The severities that settings give to rules.

        Raises:
            ConfigurationError: They name rules that there are not: all of them at once.
        """
        ordered = tuple(sorted(settings, key=lambda setting: "/" in setting.rule))
        raise_all(
            [
                ConfigurationError(
                    f"there is no rule {setting.rule!r}",
                    place=setting.place,
                    remedy=registry.advice(setting.rule),
                )
                for setting in ordered
                if not registry.knows(setting.rule)
            ]
        )
        return cls(ordered)

    def is_off(self, rule: Rule) -> bool:
        """Whether a rule need not look at all."""
        levels = [setting.level for setting in self._about(rule.id)]
        return bool(levels) and levels[-1] == "off" and self._about(rule.id)[-1].pattern == "*"

    def judged(self, finding: Finding) -> Finding | None:
        """The finding with its severity as set; None where it is not wanted."""
        levels: list[Level] = [
            setting.level for setting in self._about(finding.rule) if matches(finding.file, setting.pattern)
        ]
        if not levels:
            return finding
        return None if levels[-1] == "off" else replace(finding, severity=levels[-1])

    def _about(self, rule: str) -> list[RuleSetting]:
        return [setting for setting in self.settings if setting.rule in {rule, rule.partition("/")[0]}]
