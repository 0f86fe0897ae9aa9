"""SHA-256 of little text, without the 3 ms in which ``hashlib`` loads OpenSSL, as the standard library's `random` does.

Of much text it is slower: what may be more than a megabyte is left to `hashlib`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["sha256"]

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256  # since Python 3.12
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
