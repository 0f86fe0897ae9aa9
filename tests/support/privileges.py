"""Programs that have to heed file modes, also where the tests run as root."""

from __future__ import annotations

import os
import shutil

import pytest


def without_privileges() -> tuple[str, ...]:
    """The words that start a program which file modes hold back; none are needed for users other than root."""
    if os.geteuid() != 0:
        return ()
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root passes over file modes, and there is no setpriv to keep it from that")
    return (program, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
