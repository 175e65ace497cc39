"""The operator sees how each tenant is, and makes one in a minute."""

from __future__ import annotations

from people import House
from trouble import TROUBLE


async def test_each_tenant_is_a_line(console: House) -> None:
    calm, busy = await console.tenant("calm"), await console.tenant("busy")
    await console.pool.execute(TROUBLE, busy)
    operator = await console.as_operator("reader")
    page = await operator.get("/o/tenants")
    assert page.links["Calm"] == "/t/calm/desk"
    assert "1 for a person" in page.text
    assert "1 held" in page.text
    troubled = await operator.get("/o/tenants?show=trouble")
    assert "Busy" in troubled.links
    assert "Calm" not in troubled.links
    assert calm != busy


async def test_a_tenant_is_found_by_a_part_of_its_name(console: House) -> None:
    await console.tenant("one", "Flores del Sur")
    await console.tenant("two", "Panadería Norte")
    operator = await console.as_operator("reader")
    assert "Flores del Sur" in (await operator.get("/o/tenants?q=DEL")).links
    assert "Panadería Norte" not in (await operator.get("/o/tenants?q=DEL")).links
    assert "No tenant is called so" in (await operator.get("/o/tenants?q=oeste")).text


async def test_more_than_a_page(console: House) -> None:
    for number in range(51):
        await console.tenant(f"shop-{number:02}")
    operator = await console.as_operator("reader")
    first = await operator.get("/o/tenants")
    second = await operator.get(first.links["Next page"])
    assert "Shop-49" in first.links
    assert "Shop-50" in second.links
    assert "Shop-49" not in second.links


async def test_a_tenant_is_made_with_its_owner(console: House) -> None:
    operator = await console.as_operator("operator")
    typed = {
        "name": "Padaria",
        "slug": "padaria",
        "country": "BR",
        "person": "Bia",
        "email": "bia@example.com",
    }
    page = await operator.made("/o/tenants/new", **typed)
    assert "http://console.localhost:9101/invitation/" in str(page.answer.text)
    [row] = await console.pool.fetch("SELECT * FROM tenants WHERE slug = 'padaria'")
    assert (row["locale"], row["currency"], row["time_zone"]) == ("pt-BR", "BRL", "America/Sao_Paulo")
    assert await console.pool.fetchval("SELECT role FROM people WHERE email = 'bia@example.com'") == "owner"
    [line] = await console.pool.fetch("SELECT act, of FROM audit")
    assert tuple(line) == ("tenant.add", "tenant padaria")


async def test_what_is_wrong_is_told_at_its_field(console: House) -> None:
    operator = await console.as_operator("operator")
    page = await operator.post("/o/tenants/new", 422, name="Shop", slug="Nueva Tienda")
    assert "choose another" in page.text
    assert [each.fields["name"] for each in page.forms if "slug" in each.fields] == ["Shop"]
    page = await operator.post("/o/tenants/new", 422, name="Shop", slug="shop", person="", email="no address")
    assert "Write the owner" in page.text and "is live" not in page.text
    assert await console.pool.fetchval("SELECT count(*) FROM tenants") == 0


async def test_a_tenant_is_suspended_and_resumed(console: House) -> None:
    await console.tenant("acme")
    operator = await console.as_operator("operator")
    done = await operator.post("/o/tenants/acme/suspend")
    assert "Acme is suspended." in (await operator.follow(done)).text
    assert await console.pool.fetchval("SELECT status FROM tenants") == "suspended"
    await operator.post("/o/tenants/acme/resume")
    assert await console.pool.fetchval("SELECT status FROM tenants") == "active"
    owner = await console.as_("owner", "acme")
    await owner.post("/o/tenants/acme/suspend", 404)
