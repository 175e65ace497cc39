"""Who is signed in: a login as the console's pages see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TenantRole = Literal["owner", "agent", "reader"]  # from the highest to the lowest, as below
OperatorRole = Literal["owner", "operator", "reader"]
Language = Literal["es", "pt", "en"]


@dataclass(frozen=True, slots=True)
class Membership:
    """A tenant of whose people somebody is."""

    tenant_id: int
    slug: str
    tenant: str  # its name
    role: TenantRole
    person_id: int
    person: str  # their name there


@dataclass(frozen=True, slots=True)
class Signed:
    """A login that is signed in, and in which browser."""

    login_id: int
    email: str
    name: str
    language: Language | None  # None: as the browser asks
    operator_role: OperatorRole | None
    memberships: tuple[Membership, ...]
    sign_in: bytes  # the hash of what the cookie says
    stepped_up: bool  # password or passkey were given within the last ten minutes

    def member_of(self, tenant_id: int | None) -> Membership | None:
        return next((each for each in self.memberships if each.tenant_id == tenant_id), None)
