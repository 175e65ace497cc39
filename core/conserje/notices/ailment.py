"""What a tenant is told of an account of its that is ill."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from conserje.contract.language import in_language
from conserje.tenants import words
from conserje.tenants.tenants import Tenant


@dataclass(frozen=True, slots=True)
class FallenIll:
    """The account, what it is ill of, and how it is tried once that is mended."""

    tenant: Tenant
    at: datetime
    channel: str
    account: str
    cause: str

    @property
    def command(self) -> str:
        return f"conserje account check {self.tenant.slug} {self.channel} {quote(self.account)}"

    @property
    def body(self) -> bytes:
        """As Standard Webhooks wants it, the same at every try."""
        told = {
            "type": "account.ill",
            "timestamp": self.at.astimezone(UTC).isoformat(),
            "data": {
                "tenant": self.tenant.slug,
                "channel": self.channel,
                "account": self.account,
                "cause": self.cause,
                "command": self.command,
            },
        }
        return json.dumps(told, ensure_ascii=False).encode()

    def mail(self) -> tuple[str, str]:
        """Subject and text, in the tenant's language."""
        subject, text = in_language(words.ILL_MAIL, self.tenant.locale)
        values = {
            "tenant": self.tenant.name,
            "channel": self.channel,
            "account": self.account,
            "cause": self.cause,
            "command": self.command,
        }
        return subject.format(**values), text.format(**values)
