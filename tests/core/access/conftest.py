"""Two tenants, and those who come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from conserje.access import logins, sign_ins
from conserje.access.signed import OperatorRole, Signed, TenantRole
from conserje.storage.database import Pool

MEMBER = "INSERT INTO people (tenant_id, name, email, role, login_id) VALUES ($1, $2, $3, $4, $5)"

Comes = Callable[..., Awaitable[Signed]]


@pytest_asyncio.fixture
async def tenants(pool: Pool) -> tuple[int, int]:
    """The ids of acme and bravo."""
    statement = "INSERT INTO tenants (slug, name) VALUES ('acme', 'Acme'), ('bravo', 'Bravo') RETURNING id"
    acme, bravo = await pool.fetch(statement)
    return acme["id"], bravo["id"]


@pytest.fixture
def comes(pool: Pool) -> Comes:
    """Signs somebody in, who is an operator, or of tenants' people."""

    async def comes_in(
        name: str, operator: OperatorRole | None = None, **of: tuple[int, TenantRole]
    ) -> Signed:
        async with pool.acquire() as connection:
            email = f"{name.lower()}@example.com"
            login_id = await logins.add(connection, email, name, operator)
            for tenant_id, role in of.values():
                await connection.execute(MEMBER, tenant_id, name, email, role, login_id)
            token = await sign_ins.begin(connection, login_id, None, "a browser")
        signed = await sign_ins.find(pool, token, None)
        assert signed is not None
        return signed

    return comes_in
