"""Whom this machine trusts: its certificate authorities, read once, since reading them takes 25 ms."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def trusted() -> ssl.SSLContext:
    """For every client of the process; nothing is taken from the environment."""
    return httpx2.create_ssl_context(trust_env=False)
