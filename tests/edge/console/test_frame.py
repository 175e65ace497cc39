"""The frame: who is let in at a place, what is kept of what they do, and what they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from jinja2 import ChoiceLoader, DictLoader
from people import House, open_house

from conserje.errors import OperatorError
from conserje.storage.database import Pool
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import OPEN, Place, See, Seen, deed, view

PAGE = """{% extends "layout.html" %}{% block main %}<p>{{ text }}</p>{% endblock %}"""


@view("product.read", transaction="tenant")
async def shelf(asked: Asked, product: int) -> Seen:
    count = await asked.connection.fetchval("SELECT count(*) FROM tenants")
    return Seen("trial.html", {"text": f"{product} {count} <b>"})


@deed("product.change", transaction="tenant")
async def change(asked: Asked, product: int) -> See | Seen:
    if not asked.given("name"):
        return Seen("trial.html", {"text": "no name"}, 422)
    if asked.given("name") == "refused":
        raise OperatorError("A name is another one.")
    asked.of, asked.after = f"product {product}", {"name": asked.given("name")}
    asked.flash("It is kept.")
    return See(asked.to("shelf", product))


@view(OPEN)
async def open_to_all(asked: Asked) -> Seen:
    return Seen("trial.html", {"text": asked.language})


@view("audit.read", transaction="tenant", audited=True)
async def kept(asked: Asked) -> Seen:
    return Seen("trial.html", {"text": "kept"})


@deed("key.change", transaction="core")
async def guarded(asked: Asked) -> See:
    return See(asked.to("kept"))


@view("installation.read")
async def of_operator(asked: Asked) -> Seen:
    return Seen("trial.html", {"text": "all"})


TRIAL = (
    Place("/t/{slug}/shelf/{product}", shelf, change),
    Place("/t/{slug}/kept", kept, guarded),
    Place("/o/all", of_operator),
    Place("/open", open_to_all),
)


@pytest_asyncio.fixture
async def house(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[House]:
    async with open_house(pool, database_url, keyring, TRIAL) as house:
        environment = house.app.templates.environment
        assert environment.loader
        environment.loader = ChoiceLoader([environment.loader, DictLoader({"trial.html": PAGE})])
        yield house


async def test_who_is_not_signed_in_is_led_there_and_back(house: House) -> None:
    await house.tenant("acme")
    answer = (await (await house.nobody()).get("/t/acme/shelf/7?a=b", 303)).answer
    assert answer.headers["location"] == "/sign-in?next=%2Ft%2Facme%2Fshelf%2F7%3Fa%3Db"


async def test_a_page_is_made_for_who_may_see_it(house: House) -> None:
    leaf = await (await house.as_("reader")).get("/t/acme/shelf/7")
    assert "7 1 <b>" in leaf.text
    assert leaf.answer.headers["cache-control"] == "no-store"


async def test_what_is_another_s_is_not_there(house: House) -> None:
    await house.tenant("acme")
    stranger = await house.as_("owner", "bravo")
    for path in ("/t/acme/shelf/7", "/t/nobody/shelf/7", "/t/bravo/shelf/x", "/o/all", "/nothing"):
        leaf = await stranger.get(path, 404)
        assert "There is nothing here" in leaf.text


async def test_a_deed_is_done_and_kept_and_told_once(house: House) -> None:
    owner = await house.as_("owner")
    done = await owner.post("/t/acme/shelf/7", name="Ficus")
    assert "It is kept." in (await owner.follow(done)).text
    assert "It is kept." not in (await owner.follow(done)).text
    row = await house.pool.fetchrow("SELECT act, of, after FROM audit")
    assert row is not None
    assert (row["act"], row["of"], row["after"]) == ("product.change", "product 7", '{"name": "Ficus"}')


async def test_who_may_not_do_it_is_told_who_can(house: House) -> None:
    leaf = await (await house.as_("agent")).post("/t/acme/shelf/7", 403, name="Ficus")
    assert "Ask an owner" in leaf.text


async def test_wrong_input_leaves_nothing(house: House) -> None:
    owner = await house.as_("owner")
    assert "no name" in (await owner.post("/t/acme/shelf/7", 422)).text
    refused = await owner.post("/t/acme/shelf/7", name="refused")
    assert "A name is another one." in (await owner.follow(refused)).text
    assert await house.pool.fetchval("SELECT count(*) FROM audit") == 0


async def test_an_operator_s_look_is_kept(house: House) -> None:
    for somebody in (await house.as_("owner"), await house.as_operator("operator")):
        await somebody.get("/t/acme/kept")
    assert await house.pool.fetchval("SELECT array_agg(of_operator) FROM audit") == [True]


async def test_what_is_guarded_asks_again_who_it_is(house: House) -> None:
    owner = await house.as_operator("owner")
    await house.tenant("acme")
    await owner.post("/t/acme/kept")
    await house.forget_step_up(owner)
    told = await owner.post("/t/acme/kept")
    assert told.answer.headers["location"] == "/step-up?next=%2Ft%2Facme%2Fkept"


async def test_a_language_is_asked_for_or_one_s_own_or_the_browser_s(house: House) -> None:
    nobody = await house.nobody("pt-BR, en;q=0.5")
    assert "pt" in (await nobody.get("/open")).text
    assert "es" in (await nobody.get("/open?lang=es")).text
    assert "es" in (await (await house.nobody("de")).get("/open")).text
