"""A lead is given to a person of the tenant, who is told."""

from __future__ import annotations

from conserje.leads import table as leads
from conserje.leads.table import Listed
from conserje.notices import table as notices
from conserje.storage.scope import Scope
from conserje.tenants.tenants import Tenant


async def give(scope: Scope, tenant: Tenant, lead_id: int, name: str) -> Listed:
    """Give the open lead to this person. Raises LeadError."""
    await leads.give(scope.connection, tenant.id, lead_id, name)
    return await _tell(scope, tenant, lead_id)


async def give_by_rule(scope: Scope, tenant: Tenant, lead_id: int) -> None:
    """Give it to whose turn it is by the tenant's rule; where there is nobody, the tenant is told."""
    await leads.give_by_rule(scope.connection, tenant.id, lead_id)
    await _tell(scope, tenant, lead_id)


async def _tell(scope: Scope, tenant: Tenant, lead_id: int) -> Listed:
    given = await leads.get(scope.connection, tenant.id, lead_id)
    whom = (given.conversation_id, lead_id, given.email)
    scope.due.extend(await notices.note_lead(scope.connection, tenant, *whom))
    return given
