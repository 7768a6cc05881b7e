"""Who may ask the service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """Who may ask the service.

    Attributes:
        hosts: Names by which it may be called.
        token: What a client must know; empty asks nobody.
    """

    hosts: frozenset[str]
    token: str = ""
