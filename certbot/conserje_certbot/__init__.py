"""`conserje certificate`: TLS for all tenants' hosts, by certbot, without a reload of nginx."""

from __future__ import annotations

from conserje_certbot.cli import certificate

__all__ = ["certificate"]
