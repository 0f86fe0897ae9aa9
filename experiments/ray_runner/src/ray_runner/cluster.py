"""The Ray cluster that sessions are given to: the one that ``RAY_ADDRESS`` names, or one on this machine alone."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from typing import TYPE_CHECKING, Any

import ray

from fumehood.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESS = "RAY_ADDRESS"
_USAGE = "RAY_USAGE_STATS_ENABLED"
_ENDPOINT = re.compile(r"(?:ray://)?\[?(?P<host>[^\[\]/]+?)\]?:(?P<port>\d+)")
_PATIENCE = 5.0
"""Seconds that the cluster's head gets to accept a connection."""


@contextlib.contextmanager
def connected(environ: Mapping[str, str]) -> Iterator[None]:
    """Be connected to the cluster, which is left as it was; one that is already connected to is taken as it is.

    Raises:
        WorldError: No cluster answers, or it runs another Ray or Python.
    """
    if ray.is_initialized():
        yield
        return
    address = environ.get(ADDRESS, "").strip() or "local"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # A cluster that nobody asked for should not report home or open a web page.
        os.environ.setdefault(_USAGE, "0")
        options["include_dashboard"] = False
    try:
        _knock(address)
        ray.init(address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise WorldError(
            f"there is no using the Ray cluster {ADDRESS}={address}",
            details=str(error),
            remedy="start one with this environment's own `ray start --head`, or unset it to use this machine alone",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Fail at once where nobody listens: Ray itself goes on trying for many minutes."""
    if endpoint := _ENDPOINT.fullmatch(address):
        with socket.create_connection((endpoint["host"], int(endpoint["port"])), timeout=_PATIENCE):
            pass


def most_gpus() -> int:
    """The GPUs of the node that has the most; a task cannot have those of two."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray wraps it without types
    return max((int(node["Resources"].get("GPU", 0)) for node in nodes if node["Alive"]), default=0)
