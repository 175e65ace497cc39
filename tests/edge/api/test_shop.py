"""Products, knowledge, leads, what is held, statistics and costs by the API."""

from __future__ import annotations

from other_system import System
from scene import Scene

from conserje.tenants import people

BREAD = {"name": "Pan / integral", "price": "$2.990", "stock": 4, "keywords": ["masa madre"]}


async def test_products_are_taken_all_or_none_and_listed(system: System) -> None:
    await system.add("acme")
    place = "/tenants/acme/products"
    assert await system.post(place, {"products": [BREAD, {"name": "Té", "price": 1990}]}) == {
        "taken": 2,
        "removed": 0,
    }
    assert await system.post(place, {"products": [BREAD, BREAD]}, code=422) == "refused"
    assert await system.post(place, {"products": [{"name": "x", "price": "gratis"}]}, code=422) == "refused"
    first = await system.get(f"{place}?limit=1")
    rest = await system.get(f"{place}?limit=1&cursor={first['next']}")
    assert [each["name"] for each in first["items"] + rest["items"]] == ["Pan / integral", "Té"]
    assert first["items"][0] | {"picture": "", "link": ""} == {
        "name": "Pan / integral",
        "price": "2990.00",
        "currency": "CLP",
        "stock": 4,
        "category": "",
        "description": "",
        "keywords": ["masa madre"],
        "picture": "",
        "link": "",
        "status": "active",
    }
    assert (await system.post(place, {"products": [BREAD], "replace": True}))["removed"] == 1


async def test_a_product_is_changed_by_who_saw_it_as_it_is(system: System) -> None:
    await system.add("acme")
    await system.post("/tenants/acme/products", {"products": [BREAD]})
    place = "/tenants/acme/products/Pan%20%2F%20integral"
    seen = await system.ask("GET", place)
    match = {"if-match": seen.headers["etag"]}
    changed = await system.ask("PATCH", place, json={"price": 3490, "status": "inactive"}, headers=match)
    assert changed.json()["price"] == "3490.00" and changed.json()["stock"] == 4
    assert changed.headers["etag"] != seen.headers["etag"]
    assert await system.patch(place, {"price": 1}, match, code=412) == "changed-meanwhile"
    assert await system.delete(place, match, code=412) == "changed-meanwhile"
    assert (await system.patch(place, {"stock": ""}))["stock"] is None
    await system.delete(place)
    assert await system.get(place, code=404) == "not-found"
    assert await system.patch(place, {"price": 1}, code=404) == "not-found"


async def test_knowledge_comes_back_as_it_went(system: System) -> None:
    await system.add("acme")
    place = "/tenants/acme/knowledge"
    asked = {"question": "¿Tienen estacionamiento?", "answer": "Sí, gratis.", "wordings": ["¿Dónde aparco?"]}
    told = {
        "facts": {"payment": "Efectivo y tarjeta.", "hours": "lunes a viernes 10:00-20:00"},
        "questions": [asked],
    }
    assert await system.post(place, told) == {"facts": 2, "questions": 1, "removed": 0}
    shown = await system.get(place)
    assert shown["questions"] == [asked] and shown["facts"]["payment"] == "Efectivo y tarjeta."
    assert await system.post(place, shown) == {"facts": 2, "questions": 1, "removed": 0}
    await system.post(f"{place}/say", {"about": "despacho", "answer": "Todo Santiago."}, code=204)
    assert (await system.get(place))["facts"]["delivery.where"] == "Todo Santiago."
    await system.post(f"{place}/unsay", {"about": "delivery"}, code=204)
    assert await system.post(f"{place}/unsay", {"about": "delivery"}, code=404) == "not-found"
    assert await system.post(place, {"facts": {"hours": "a veces"}}, code=422) == "refused"
    assert (await system.get(f"{place}/asked"))["items"] == []


async def test_leads_are_made_given_and_closed(scene: Scene, system: System) -> None:
    await scene.write("quiero pan")
    conversation = await scene.pool.fetchval("SELECT id FROM conversations")
    async with scene.pool.acquire() as connection:
        for name in ("Ana Soto", "Luis"):
            await people.add(connection, (await scene.entry()).tenant.id, name, "x@acme.example", None)
    place, key = "/tenants/acme/leads", {"idempotency-key": "k1"}
    body = {"conversation_id": conversation, "wanted": "pan", "name": "Eva", "call_at": "mañana"}
    made = await system.post(place, body, key, code=201)
    assert await system.post(place, body, key, code=201) == made
    assert (made["person"], made["state"], made["name"]) == ("Ana Soto", "open", "Eva")
    given = await system.post(f"{place}/{made['id']}/give", {"person": "Luis"})
    assert given["person"] == "Luis"
    assert await system.post(f"{place}/{made['id']}/give", {"person": "Nadie"}, code=422) == "refused"
    assert [each["id"] for each in (await system.get(f"{place}?person=Luis"))["items"]] == [made["id"]]
    assert (await system.post(f"{place}/{made['id']}/close"))["state"] == "closed"
    assert await system.post(f"{place}/{made['id']}/close", code=404) == "not-found"
    assert (await system.get(f"{place}?state=open"))["items"] == []
    assert await system.post(place, {"conversation_id": 99, "wanted": "x"}, code=422) == "refused"


async def test_what_is_held_is_listed_retried_and_dropped(scene: Scene, system: System) -> None:
    for sender in ("ana", "luis"):
        await scene.write("hola", sender=sender)
    await scene.pool.execute("UPDATE conversations SET state = 'held', cause = 'three times'")
    place = "/tenants/acme/held"
    first = await system.get(f"{place}?limit=1")
    rest = await system.get(f"{place}?limit=1&cursor={first['next']}")
    one, other = (each["id"] for each in first["items"] + rest["items"])
    assert first["items"][0]["cause"] == "three times" and first["items"][0]["texts"] == ["hola"]
    foreign = await system.key(await system.add("bravo"))
    for act in ("retry", "drop"):
        path = f"/tenants/bravo/held/{one}/{act}"
        assert await system.post(path, headers=foreign, code=404) == "not-found"
    await system.post(f"{place}/{one}/retry", code=204)
    await system.post(f"{place}/{other}/drop", code=204)
    assert await system.post(f"{place}/{one}/drop", code=404) == "not-found"
    assert (await system.get(place))["items"] == []


async def test_statistics_and_costs_are_by_the_tenant_s_clock(scene: Scene, system: System) -> None:
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    zone = (await scene.entry()).tenant.time_zone
    today = str(await scene.pool.fetchval("SELECT (now() AT TIME ZONE $1)::date", zone))
    place = "/tenants/acme/statistics"
    found = await system.get(f"{place}?since={today}&until={today}")
    assert (found["time_zone"], found["total"]["received"], found["days"][0]["day"]) == (zone, 1, today)
    assert found["intents"][0]["intent"] == "parroted"
    refused = (await system.ask("GET", f"{place}?since=2026-03-02&until=2026-03-01")).json()
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("refused", "/query/since")
    cost = await system.get(f"/tenants/acme/cost?month={today[:7]}")
    [spent] = cost["costs"]
    assert (cost["total"], cost["currency"], cost["unknown"]) == ("0.000000", "USD", 1)
    assert (spent["kind"], spent["name"], spent["times"]) == ("message", "post", 1)
