"""The API is what its description says: whatever it is asked, by the operator and by a tenant's key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from listening import listening
from other_system import System, open_system
from scene import Scene as Shop
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from starlette.types import Receive, Scope, Send

from conserje.files.folder import path_of
from conserje.storage.database import Pool
from conserje_edge.server.console import application

EXAMPLES = 6  # of each operation, by the operator, and as many others by a tenant's key
BASE = "/api/v1"
# The first sends our key all the same (test_endpoint.py looks at who gets in). The second wants a success of
# whatever a schema allows, and no schema says what makes sense.
NOT_HERE = [ignored_auth, positive_data_acceptance]
UNKNOWN = [2**40]
KEPT = """
INSERT INTO files (tenant_id, account_id, conversation_id, message_id, position, ref, name, content_type,
                   state, bytes, sha256, kept_at)
SELECT tenant_id, account_id, conversation_id, id, 0, 'x', 'a.png', 'image/png', 'kept', 3, 'x', now()
FROM messages ORDER BY id LIMIT 1
RETURNING tenant_id, id AS file_id
"""
TOLD = {
    "url": "https://127.0.0.1/told",  # of nobody, and never asked
    "secret": "whsec_" + "0" * 32,
    "token_secret": "0" * 43,
}
FAR = ("203.0.113.9", 1)  # where a key is needed


@asynccontextmanager
async def served(system: System) -> AsyncIterator[str]:
    """The address of a listener in this process."""
    asked = application(system.context, system.bells)

    async def from_afar(scope: Scope, receive: Receive, send: Send) -> None:
        await asked({**scope, "client": FAR}, receive, send)

    async with listening(from_afar) as port:
        yield f"http://127.0.0.1:{port}"


def about(document: dict[str, Any], there: dict[str, list[Any]]) -> dict[str, Any]:
    """The description where a path names what is there, by the noun before it, or what is not."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    noun = path.partition(f"{{{parameter['name']}}}")[0].rstrip("/").rpartition("/")[2]
                    if (method, path) == ("delete", "/tenants/{slug}"):
                        noun = "going"
                    parameter["schema"] = {"enum": there.get(noun, UNKNOWN)}
    return document


@dataclass
class Attack:
    """Asks whatever an operation's description allows, and what it does not, and looks at the answers."""

    url: str
    headers: dict[str, str]
    is_operator: bool

    def find(self, document: dict[str, Any]) -> Iterator[str]:
        """What is wrong, of each operation at most one thing; one that only reads has answered well, too.

        Those come first: what others do may leave nothing to be read.
        """
        loaded = schemathesis.openapi.from_dict(document).get_all_operations()
        operations: list[Any] = [each.ok() for each in loaded if isinstance(each, Ok)]
        for operation in sorted(operations, key=lambda each: each.method != "get"):
            answers: set[int] = set()
            try:
                self._of(operation, answers)()
            except BaseException as error:  # what hypothesis raises is a group of any
                yield f"{operation.label}: {error}"
            refused = not self.is_operator and "operator-only" in operation.definition.raw["x-problems"]
            if operation.method == "get" and not answers & {403 if refused else 200}:
                yield f"{operation.label}: it never answered well, but {answers}"

    def _of(self, operation: Any, answers: set[int]) -> Callable[[], None]:
        @hypothesis.seed(19 + self.is_operator)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: Case[Any]) -> None:
            answer = case.call_and_validate(
                self.url + BASE, headers=self.headers, excluded_checks=NOT_HERE, timeout=20
            )
            answers.add(answer.status_code)

        return ask


async def fill(shop: Shop, system: System) -> dict[str, list[Any]]:
    """Something of each kind, by its noun in the paths."""
    await system.add("going")
    async with shop.working():
        await shop.write("hola")
        await shop.settled()
    await shop.write("quiero pan", sender="luis")
    await shop.pool.execute("UPDATE conversations SET state = 'held' WHERE peer = 'luis'")
    await system.post("/tenants/acme/products", {"products": [{"name": "Pan", "price": 990}]})
    talk = await shop.pool.fetchval("SELECT min(id) FROM conversations")
    await system.post("/tenants/acme/leads", {"conversation_id": talk, "wanted": "pan"}, code=201)
    await system.post("/tenants/acme/subscriptions", TOLD, code=201)
    await system.post("/subscriptions", TOLD, code=201)
    kept = await shop.pool.fetchrow(KEPT)
    assert kept is not None
    path = path_of(system.context.settings.files, **kept)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"png")
    nouns = ("messages", "conversations", "contacts", "leads", "files", "accounts", "subscriptions")
    ids = {noun: [row["id"] for row in await shop.pool.fetch(f"SELECT id FROM {noun}")] for noun in nouns}
    held = [
        f"t{row['id']}" for row in await shop.pool.fetch("SELECT id FROM conversations WHERE peer = 'luis'")
    ]
    return {**ids, "tenants": ["acme"], "going": ["going"], "products": ["Pan"], "held": held}


@pytest.mark.parametrize("who", ["operator", "tenant"])
async def test_whatever_is_asked_is_answered_as_described(
    who: str, scene: Shop, pool: Pool, database_url: str, keyring: Path
) -> None:
    async with open_system(pool, database_url, keyring, api_rate=1_000_000) as system:
        there = await fill(scene, system)
        tenant = (await scene.entry()).tenant.id if who == "tenant" else None
        headers = await system.key(tenant)
        document = about(await system.get("/openapi.json"), there)
        async with served(system) as url:
            found = await asyncio.to_thread(list, Attack(url, headers, tenant is None).find(document))
    assert not found, "\n\n".join(found)
