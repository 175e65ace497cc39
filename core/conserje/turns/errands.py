"""A contact's leads, as a tool opens them: kept, given to a person, and told, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.contract.account import NotOffered
from conserje.contract.tool import Lead
from conserje.leads import table as leads
from conserje.notices import giving
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.tenants.tenants import Tenant


@dataclass(frozen=True, slots=True)
class ContactLeads:
    """Those that one call may open; without a key none."""

    pool: Pool
    tenant: Tenant
    conversation_id: int
    key: str

    async def open(self, lead: Lead) -> bool:
        """As the contract says."""
        if not self.key:
            raise NotOffered("A tool without effect opens no leads.")
        place = (self.tenant.id, self.conversation_id, self.key)
        async with acting_for(self.pool, self.tenant.id) as scope:
            lead_id, is_new = await leads.open_lead(scope.connection, *place, lead)
            if lead_id is not None and is_new:
                await giving.give_by_rule(scope, self.tenant, lead_id)
        return lead_id is not None
