"""Where the uv program is."""

from __future__ import annotations

import functools
import threading

from fumehood.errors import WorldError

REINSTALL = "reinstall fumehood, which brings uv along"
_finding_uv = threading.Lock()


def find_uv() -> str:
    """The uv that was installed with fumehood.

    Raises:
        WorldError: It is not there.
    """
    # uv asks sysconfig, which several threads cannot use for the first time at once.
    with _finding_uv:
        return _find_uv()


@functools.cache
def _find_uv() -> str:
    import uv  # noqa: PLC0415 - only runs that call uv pay for it

    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise WorldError("the uv program is missing from fumehood's environment", remedy=REINSTALL) from error
