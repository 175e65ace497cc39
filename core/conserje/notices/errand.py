"""What a person is told of a lead that is theirs now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from conserje.contract.language import in_language
from conserje.leads.table import Listed
from conserje.tenants import words
from conserje.tenants.tenants import Tenant


@dataclass(frozen=True, slots=True)
class GivenLead:
    """The lead, and where its contact wrote."""

    tenant: Tenant
    at: datetime
    channel: str
    account: str
    lead: Listed

    @property
    def command(self) -> str:
        return f'conserje message send {self.tenant.slug} {self.lead.conversation_id} "..."'

    @property
    def body(self) -> bytes:
        """As Standard Webhooks wants it, the same at every try."""
        lead = self.lead
        told = {
            "type": "lead.given",
            "timestamp": self.at.astimezone(UTC).isoformat(),
            "data": {
                "tenant": self.tenant.slug,
                "lead": lead.id,
                "wanted": lead.wanted,
                "contact": {"name": lead.name, "address": lead.contact},
                "phone": lead.phone,
                "call_at": lead.call_at,
                "person": lead.person,
                "conversation": lead.conversation_id,
                "channel": self.channel,
                "account": self.account,
                "command": self.command,
            },
        }
        return json.dumps(told, ensure_ascii=False).encode()

    def mail(self) -> tuple[str, str]:
        """Subject and text, in the tenant's language."""
        said, lead = in_language(words.LEAD_MAIL, self.tenant.locale), self.lead
        more = ((said.phone, lead.phone), (said.when, lead.call_at))
        values = {
            "who": lead.name or lead.contact,
            "address": lead.contact,
            "channel": self.channel,
            "account": self.account,
            "wanted": lead.wanted,
            "more": "".join(f"{label}: {value}\n" for label, value in more if value),
            "command": self.command,
            "close": f"conserje lead close {self.tenant.slug} {lead.id}",
        }
        return said.subject.format(**values), said.text.format(**values)
