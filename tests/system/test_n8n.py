"""The examples for n8n, in a running n8n that a running Conserje tells what happens."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import n8n
import pytest
from installation import Installation, until_taken
from n8n import N8n, examples
from processes import Serving, free_port
from starlette.applications import Starlette
from starlette.routing import Route
from told import Desk
from waiting import until

from conserje.notices import hosts, subscriptions
from conserje.notices.hosts import Host
from conserje.notices.posting import USER_AGENT
from conserje.notices.signing import signature, token
from conserje.notices.subscriptions import Secrets
from conserje.tenants import api_keys, tenants
from conserje_fakes.server import serving

pytestmark = [pytest.mark.soak, pytest.mark.long, pytest.mark.timeout(1800)]

ANA = "whatsapp:+56911111111"
SECRETS = Secrets.new()  # of all subscriptions: the examples have one credential of each kind
PATIENCE = 120.0  # seconds, on a busy machine
KINDS = {
    "messages": "message.received",
    "hand-over": "conversation.handed_over",
    "lead": "lead.created",
    "answer": "message.received",
    "signed": "message.received",
}
# As docs/n8n.md has it.
TABLES = """
CREATE TABLE conserje_messages (
    notification text PRIMARY KEY, at timestamptz, tenant text, conversation bigint, contact bigint,
    account text, message bigint, text text);
CREATE TABLE conserje_leads (
    tenant text, lead bigint, wanted text, name text, phone text, call_at text, PRIMARY KEY (tenant, lead));
"""


@dataclass
class Office:
    """A tenant whose n8n has the examples, and an advisor who is told."""

    installation: Installation
    server: Serving
    api: httpx2.AsyncClient
    n8n: N8n
    advisor: Desk
    rows: asyncpg.Connection[Any]

    async def write(self, text: str) -> None:
        await until_taken(self.server, self.installation.message("acme", ANA, text))

    async def advised(self, text: str, count: int = 1) -> None:
        """Wait until the advisor was told this so often."""

        def is_told() -> bool:
            return sum(text in said for said in self.said) == count

        await until(is_told, PATIENCE)

    @property
    def said(self) -> list[str]:
        return [json.loads(body)["text"] for _, body in self.advisor.posted]


def adapted(workflow: dict[str, Any], **values: str) -> dict[str, Any]:
    """The workflow with the settings of who imports it, and wants no bots."""
    workflow["nodes"][0]["parameters"]["options"]["ignoreBots"] = True
    for node in workflow["nodes"]:
        if node["name"] == "Settings":
            for each in node["parameters"]["assignments"]["assignments"]:
                each["value"] = values[each["name"]]
    return workflow


def credentials(key: str, database: dict[str, str]) -> list[dict[str, Any]]:
    signing = base64.b64decode(SECRETS.signing[0].removeprefix("whsec_")).decode()
    password = database.get("password", "x")
    rows = database | {"port": int(database["port"]), "ssl": "disable", "password": password}
    given = {
        ("anyToken00000001", "Conserje token", "jwtAuth"): {
            "keyType": "passphrase", "secret": SECRETS.token, "algorithm": "HS256"
        },
        ("anyKey0000000001", "Conserje key", "httpBearerAuth"): {"token": key},
        ("anyRows000000001", "Conserje rows", "postgres"): rows,
        ("anySecret0000001", "Conserje secret", "crypto"): {"hmacSecret": signing},
    }  # fmt: skip
    return [dict(id=id, name=name, type=type, data=data) for (id, name, type), data in given.items()]


async def subscribe(installation: Installation, n8n: N8n) -> str:
    """Tell n8n what happens, and make a key for it."""
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, "acme")
        await hosts.add(connection, tenant.id, Host.of(n8n.url))
        for name, kind in KINDS.items():
            url = f"{n8n.url}/webhook/conserje-{name}"
            await subscriptions.add(connection, installation.vault, tenant.id, url, [kind], SECRETS)
        _, key = await api_keys.add(connection, "n8n", tenant_id=tenant.id, scopes=("read", "send"))
    return key


@asynccontextmanager
async def office(installation: Installation, n8n: N8n, database_url: str) -> AsyncIterator[Office]:
    listen = installation.environment["CONSERJE_CONSOLE_LISTEN"] = f"127.0.0.1:{free_port()}"
    conserje, advisor = f"http://{listen}/api/v1", Desk()
    await installation.add("acme")
    key = await subscribe(installation, n8n)
    rows = await asyncpg.connect(database_url)
    await rows.execute(TABLES)
    routes = [Route("/advisors", advisor.take, methods=["POST"])]
    async with serving(Starlette(routes=routes)) as chat:
        values = {"conserje": conserje, "advisors": f"{chat}/advisors"}
        workflows = [adapted(each, **values) for each in examples().values()]
        await n8n.take(credentials(key, n8n.database), workflows)
        async with (
            n8n.running(),
            installation.serving() as server,
            installation.working(),
            httpx2.AsyncClient(base_url=conserje) as api,
        ):
            yield Office(installation, server, api, n8n, advisor, rows)
    await rows.close()


async def test_the_examples_do_what_they_say(
    installation: Installation, empty_database_url: str, tmp_path: Path
) -> None:
    there = n8n.install(tmp_path, empty_database_url)
    async with office(installation, there, empty_database_url) as at:
        await a_message_becomes_a_row_and_an_advisor_is_told(at)
        await what_is_told_again_is_done_once(at)
        await who_wants_a_person_is_told_of_with_the_last_words(at)
        await a_lead_becomes_a_row(at)
        await who_asks_for_it_is_answered_by_the_api(at)
        await what_another_signed_goes_no_further(at)


async def a_message_becomes_a_row_and_an_advisor_is_told(at: Office) -> None:
    await at.write("hola")
    await at.advised("acme: «hola» (conversación")
    row = await at.rows.fetchrow("SELECT * FROM conserje_messages")
    assert row is not None and (row["tenant"], row["text"]) == ("acme", "hola")
    assert row["notification"] == f"message-received-{row['message']}"
    await at.advised("acme: «hola»", 2)  # by the one that looks at the signature, too


async def what_is_told_again_is_done_once(at: Office) -> None:
    for id in [row["id"] for row in await at.installation.pool.fetch("SELECT id FROM subscriptions")]:
        answer = await at.api.post(
            f"/tenants/acme/subscriptions/{id}/replay", json={"since": "2020-01-01T00:00:00Z"}
        )
        assert answer.status_code == 200, answer.text
    told = "SELECT bool_and(told_at IS NOT NULL AND tries = 1) FROM tellings"
    await until(lambda: at.installation.pool.fetchval(told), PATIENCE)
    await at.advised("acme: «hola»", 3)  # which goes by no id
    assert await at.rows.fetchval("SELECT count(*) FROM conserje_messages") == 1


async def who_wants_a_person_is_told_of_with_the_last_words(at: Office) -> None:
    await at.write("Quiero hablar con una persona")
    await at.advised("alguien espera a una persona")
    [said] = [each for each in at.said if "espera" in each]
    assert "\n> hola\n< hola\n> Quiero hablar con una persona" in said


async def a_lead_becomes_a_row(at: Office) -> None:
    talk = await at.installation.pool.fetchval("SELECT id FROM conversations")
    wanted = {"conversation_id": talk, "wanted": "una torta", "name": "Ana", "phone": "+56911111111"}
    answer = await at.api.post("/tenants/acme/leads", json=wanted)
    assert answer.status_code == 201, answer.text
    await at.advised("acme: Ana (+56911111111) quiere una torta")
    assert await at.rows.fetchval("SELECT wanted FROM conserje_leads") == "una torta"


async def who_asks_for_it_is_answered_by_the_api(at: Office) -> None:
    await at.write("me mandas la Factura?")
    said = "Recibimos tu pedido de factura: te la enviamos hoy."
    await until(lambda: (ANA, said) in at.installation.replies, PATIENCE)
    assert at.installation.replies[ANA, said] == 1


async def what_another_signed_goes_no_further(at: Office) -> None:
    """Whoever has the token's secret may post, but not what was never said."""
    at_time = await at.rows.fetchval("SELECT extract(epoch FROM now())::bigint")
    bodies = [json.dumps({"data": {"tenant": "acme", "text": text}}).encode() for text in ("falso", "cierto")]
    for body, signed in zip(bodies, (Secrets.new(), SECRETS), strict=True):
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "authorization": f"Bearer {token(SECRETS.token, 'x', 'x', 'x', 'x-1', at_time)}",
            "webhook-id": "x-1",
            "webhook-timestamp": str(at_time),
            "webhook-signature": signature(signed.signing[0], "x-1", at_time, body),
        }
        async with httpx2.AsyncClient() as http:
            url = f"{at.n8n.url}/webhook/conserje-signed"
            answer = await http.post(url, content=body, headers=headers)
            assert answer.status_code == 200, answer.text
            forged = {**headers, "authorization": f"Bearer {token('x' * 32, 'x', 'x', 'x', 'x-1', at_time)}"}
            assert (await http.post(url, content=body, headers=forged)).status_code == 403
    await at.advised("acme: «cierto»")
    assert not [each for each in at.said if "falso" in each]
