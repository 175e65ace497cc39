"""One address for all tenants: at a base domain itself the number written to names the tenant."""

from __future__ import annotations

import pytest
from doorway import FORM_OF_ANA, Edge

from conserje.database import Pool

SHARED = "/webhook/whatsapp"


@pytest.fixture(autouse=True)
def shared(edge: Edge) -> None:
    edge.channel.shared = frozenset({"signed", "whatsapp"})  # type: ignore[misc]


async def owner(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT slug FROM messages JOIN tenants ON tenants.id = tenant_id")
    return [row["slug"] for row in rows]


@pytest.mark.parametrize("path", ["/webhook/whatsapp", "/webhook/signed"])
async def test_the_tenant_is_the_one_whose_number_was_written_to(edge: Edge, path: str) -> None:
    await edge.add("bravo", "+2", secret="of-bravo")
    form = {**FORM_OF_ANA, "to": "+2"}
    answer = await edge.post(form, host="localhost:8080", path=path, secret="of-bravo")
    assert answer.status_code == 200
    assert await owner(edge.pool) == ["bravo"]


async def test_of_two_tenants_with_one_number_the_secret_decides(edge: Edge) -> None:
    await edge.add("bravo", "+1", secret="of-bravo")
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED, secret="of-bravo")).status_code == 200
    assert await owner(edge.pool) == ["bravo"]


async def test_what_several_tenants_sign_is_taken_by_none(edge: Edge) -> None:
    await edge.add("bravo", "+1")
    answer = await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)
    assert answer.status_code == 409
    assert "bravo" not in answer.text
    assert await edge.stored() == []
    await edge.pool.execute("UPDATE tenants SET status = 'suspended' WHERE slug = 'bravo'")
    await edge.changed("bravo")
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 200
    assert await owner(edge.pool) == ["acme"]


@pytest.mark.parametrize(
    ("form", "secret"),
    [(FORM_OF_ANA, "wrong"), ({**FORM_OF_ANA, "to": "+9"}, "any")],
    ids=["forged", "nobody's number"],
)
async def test_what_nobody_signs_is_refused_alike(edge: Edge, form: dict[str, str], secret: str) -> None:
    answer = await edge.post(form, host="localhost", path=SHARED, secret=secret)
    assert answer.status_code == 403
    assert await edge.stored() == []


async def test_a_suspended_account_signs_nothing(edge: Edge) -> None:
    await edge.run("UPDATE accounts SET status = 'suspended'")
    assert (await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)).status_code == 403


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("acme.localhost", SHARED),
        ("example.com", SHARED),
        ("localhost", "/webhook/telegram"),
        ("localhost", "/webhook/whatsapp/"),
        ("localhost", "/bot/signed/webhook"),
        ("localhost", "/"),
    ],
)
async def test_it_is_nowhere_else(edge: Edge, host: str, path: str) -> None:
    assert (await edge.post(FORM_OF_ANA, host=host, path=path)).status_code == 404


async def test_it_takes_what_the_tenant_s_own_host_takes_once(edge: Edge) -> None:
    await edge.post(FORM_OF_ANA)
    await edge.post(FORM_OF_ANA, host="localhost", path=SHARED)
    assert await edge.stored() == ["hola"]
