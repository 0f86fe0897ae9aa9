"""Where packages may come from."""

from __future__ import annotations

from msgspec import Struct


class IndexOptions(Struct, frozen=True, kw_only=True):
    """Where packages may come from, as said by requirement files; addresses keep the order they were written in."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    prefer_binary: bool = False
    require_hashes: bool = False
    trusted_hosts: tuple[str, ...] = ()
