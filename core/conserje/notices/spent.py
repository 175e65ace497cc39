"""What a tenant is told of its month's bound of money."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from conserje.contract.language import in_language
from conserje.tenants import words
from conserje.tenants.tenants import Tenant

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class NearBound:
    """How much of a month's bound is spent, in USD."""

    percent: int
    bound: Decimal
    spent: Decimal

    @property
    def sentence(self) -> str:
        """For the operator."""
        return (
            f"{self.percent} % of the month's bound is spent: USD {self.spent.quantize(_CENT):f}"
            f" of {self.bound:f}."
        )

    def told(self) -> dict[str, object]:
        """As it is kept and sent; amounts are exact."""
        return {"percent": self.percent, "bound": f"{self.bound:f}", "spent": f"{self.spent:f}"}


@dataclass(frozen=True, slots=True)
class Spent:
    """The notice of it."""

    tenant: Tenant
    at: datetime
    near: NearBound

    @classmethod
    def of(cls, tenant: Tenant, at: datetime, kept: str) -> Spent:
        told = json.loads(kept)
        return cls(tenant, at, NearBound(told["percent"], Decimal(told["bound"]), Decimal(told["spent"])))

    @property
    def command(self) -> str:
        return f"conserje cost {self.tenant.slug}"

    @property
    def body(self) -> bytes:
        """As Standard Webhooks wants it, the same at every try."""
        told = {
            "type": "cost.bound",
            "timestamp": self.at.astimezone(UTC).isoformat(),
            "data": {
                "tenant": self.tenant.slug,
                "currency": "USD",
                **self.near.told(),
                "command": self.command,
            },
        }
        return json.dumps(told, ensure_ascii=False).encode()

    def mail(self) -> tuple[str, str]:
        """Subject and text, in the tenant's language."""
        said = words.BOUND_MAIL if self.near.percent < 100 else words.OVER_BOUND_MAIL
        subject, text = in_language(said, self.tenant.locale)
        values = {
            "tenant": self.tenant.name,
            "percent": str(self.near.percent),
            "bound": f"{self.near.bound:f}",
            "spent": f"{self.near.spent.quantize(_CENT):f}",
            "command": self.command,
        }
        return subject.format(**values), text.format(**values)
