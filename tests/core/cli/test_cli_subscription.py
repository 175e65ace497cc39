"""`conserje subscription` and `conserje notification`: who is told what happens, and what was told."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from terminal import Terminal
from told import Desk

from conserje.storage.database import Pool
from conserje_fakes.server import serving

TOLD = """
INSERT INTO tellings (tenant_id, subscription_id, name, kind, about, happened_at, due_at, told_at, status,
                      cause)
SELECT tenants.id, subscriptions.id, telling.name, 'message.sent', 1, now(), NULL, told, telling.status,
       telling.cause
FROM tenants, subscriptions, (VALUES
    ('message-sent-1', now(), 204, NULL), ('message-sent-2', NULL, 500, 'The receiver answered 500.')
) AS telling (name, told, status, cause)
"""


@pytest.fixture
async def acme(terminal: Terminal) -> Terminal:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    return terminal


async def test_secrets_are_shown_once_and_a_change_keeps_the_rest(acme: Terminal) -> None:
    url = "https://n8n.acme.example/webhook/x"
    made = await acme.read("subscription", "add", url, "--tenant", "acme", "--kind", "lead.created", "--json")
    assert made["secret"].startswith("whsec_") and len(made["token_secret"]) > 40
    id = str(made["id"])
    shown = await acme.read("subscription", "show", id, "--json")
    assert shown == {
        "id": made["id"], "tenant": "acme", "url": url, "kinds": ["lead.created"], "ordered": False,
        "state": "on", "failing_since": None, "cause": None,
    }  # fmt: skip
    changed = await acme.read("subscription", "change", id, "--new-secret", "--ordered", "--json")
    assert changed["secret"] != made["secret"] and "token_secret" not in changed
    assert changed["kinds"] == ["lead.created"] and changed["ordered"]
    await acme.type("subscription", "change", id, "--all-kinds", "--off")
    [listed] = await acme.read("subscription", "list", "--tenant", "acme", "--json")
    assert (listed["kinds"], listed["state"]) == ([], "off")
    await acme.type("subscription", "remove", id)
    assert await acme.read("subscription", "list", "--json") == []


async def test_a_host_that_is_not_public_is_the_operator_s_to_allow(acme: Terminal) -> None:
    desk = Desk()
    desk.answers = [Response(status_code=404)]
    async with serving(Starlette(routes=[Route("/x", desk.take, methods=["POST"])])) as url:
        refused = await acme.type("subscription", "add", f"{url}/x", "--tenant", "acme", code=1)
        assert "begins with https://" in refused.stderr
        await acme.type("subscription", "host", "add", "acme", url)
        made = await acme.read("subscription", "add", f"{url}/x", "--tenant", "acme", "--json")
        ended = await acme.type("subscription", "test", str(made["id"]), code=1)
        assert "in n8n the workflow must be active" in ended.stderr
        again = await acme.type("subscription", "test", str(made["id"]), code=1)
        assert "less than a minute ago" in again.stderr
        [host] = await acme.read("subscription", "host", "list", "acme", "--json")
        assert f"{host['scheme']}://{host['host']}:{host['port']}" == url
        await acme.type("subscription", "host", "remove", "acme", url)
        assert await acme.read("subscription", "host", "list", "acme", "--json") == []


@pytest.mark.parametrize(
    "url", ["ftp://acme.example", "https://", "https://u:p@acme.example/x", "https://acme.example:99999/"]
)
async def test_what_is_no_address_is_refused(acme: Terminal, url: str) -> None:
    refused = await acme.type("subscription", "add", url, "--tenant", "acme", code=1)
    assert "An address" in refused.stderr


async def test_what_was_told_is_listed_and_told_again_once_agreed(acme: Terminal, pool: Pool) -> None:
    await acme.type("subscription", "add", "https://acme.example/", "--tenant", "acme")
    await pool.execute(TOLD)
    rows = await acme.read("notification", "list", "acme", "--json")
    assert [(row["name"], row["state"], row["status"]) for row in rows] == [
        ("message-sent-2", "failed", 500), ("message-sent-1", "told", 204),
    ]  # fmt: skip
    assert len(await acme.read("notification", "list", "acme", "--failed", "--json")) == 1
    asked = await acme.type("notification", "replay", "acme", "--failed", code=1)
    assert "Tell again 1 to subscription" in asked.stderr
    done = await acme.read("notification", "replay", "acme", "--failed", "--yes", "--json")
    assert done == {"told_again": 1}
    done = await acme.read("notification", "replay", "acme", "--all", "--since", "1h", "--yes", "--json")
    assert done == {"told_again": 2}
    done = await acme.read("notification", "replay", "acme", "message-sent-9", "--yes", "--json")
    assert done == {"told_again": 0}
    await acme.type("notification", "replay", "acme", "--all", code=2)
