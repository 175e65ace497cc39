"""What the console asks at every page touches as much when years of it are there."""

from __future__ import annotations

from typing import Any

from plans import analyze, pages

from conserje.access import audit, sign_ins
from conserje.storage.database import Connection

FILL = """
INSERT INTO audit (tenant_id, login_id, who, of_operator, role, act, of, request_id)
SELECT n % 20, n % 50, n % 50 || '@example.com', false, 'owner',
       CASE WHEN n % 1000 = 0 THEN 'key.change' ELSE 'product.change' END, 'product ' || n, 'r'
FROM generate_series(1, 10000) AS n
"""
SIGNED_IN = """
WITH login AS (
    INSERT INTO logins (email, name) SELECT n || '@example.com', 'Ana' FROM generate_series(1, 2000) AS n
    RETURNING id
)
INSERT INTO sign_ins (hash, login_id, agent) SELECT sha256(id::text::bytea), id, '' FROM login
"""
ASKED: tuple[dict[str, Any], ...] = (
    {}, {"act": "key.change"}, {"act": "account.change"}, {"who": "7@example.com"}, {"who": "nobody"},
)  # fmt: skip


class Explained:
    """A connection that keeps how many pages each statement touches."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.most = connection, 0

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        self.most = max(self.most, await pages(self.connection, statement, *arguments))
        return []


async def test_a_page_of_the_audit(connection: Connection) -> None:
    await connection.execute(FILL)
    await analyze(connection, "audit")
    for asked in ASKED:
        for tenant_id in (None, 10, 19):
            explained = Explained(connection)
            await audit.list_all(explained, tenant_id, **asked)  # type: ignore[arg-type]
            assert 0 < explained.most < 180, (asked, tenant_id)


async def test_who_is_signed_in(connection: Connection) -> None:
    await connection.execute(SIGNED_IN)
    await analyze(connection, "logins", "sign_ins", "people")
    hash_ = await connection.fetchval("SELECT hash FROM sign_ins LIMIT 1")
    times = (sign_ins.IDLE, sign_ins.LONGEST, sign_ins.STEPPED_UP_FOR)
    assert await pages(connection, sign_ins.FIND, hash_, *times) < 30
