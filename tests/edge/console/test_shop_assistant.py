"""Who answers for a shop is chosen and tried by its owner; what may be spent is the operator's to say."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from people import Browser, House
from pydantic import BaseModel, ConfigDict, Field

from conserje import Assistant, Nothing, Reply, Text, Turn
from conserje.storage.scope import acting_for
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant
from conserje_edge.console.shop import assistant

PAGE = "/t/acme/assistant"


class Ways(BaseModel):
    """Settings of every kind."""

    model_config = ConfigDict(extra="forbid")

    greeting: Annotated[str, Field(max_length=20)] = "hola"
    instructions: Annotated[str, Field(max_length=5000, description="What else it is told.")] = ""
    warmth: Annotated[float, Field(ge=0, le=1)] = 0.5
    words: int | None = None
    tone: Literal["tú", "usted"] = "tú"
    jokes: bool = False
    topics: list[str] = []
    more: dict[str, int] = {}


class Actor(Assistant[Nothing, Ways, Nothing]):
    """Says how it was set, and what it remembers."""

    name = "actor"
    Credentials = Operator = Nothing
    Settings = Ways

    async def reply(self, turn: Turn[Nothing, Ways]) -> Reply:
        asked = turn.messages[-1].content
        assert isinstance(asked, Text)
        known = [offer.name for offer in turn.tools.offers]
        said = f"{turn.settings.greeting}: {asked.text} after {len(turn.history)}, tools {known}"
        return Reply([Text(said)], hand_over="persona" in asked.text, intent="act")


@pytest.fixture
async def owner(console: House) -> Browser:
    console.context.plugins.assistants["actor"] = Actor(
        Nothing(), console.context.plugins.channels["json"].http
    )
    await console.tenant("acme", assistant="actor")
    return await console.as_("owner")


async def tenant(console: House) -> Tenant:
    async with console.pool.acquire() as connection:
        return await tenants.get(connection, "acme")


async def fields(owner: Browser, query: str = "") -> dict[str, Any]:
    page = await owner.get(PAGE + query)
    return page.form("/assistant").fields


TYPED: dict[str, Any] = {
    "assistant.greeting": "buenas", "assistant.instructions": "Sé breve.\nY amable.",
    "assistant.warmth": "0,8", "assistant.words": "30", "assistant.tone": "usted", "assistant.jokes": "true",
    "assistant.topics": "pan\n\nqueques", "assistant.more": '{"a": 1}',
}  # fmt: skip
SET = {
    "greeting": "buenas", "instructions": "Sé breve.\nY amable.", "warmth": 0.8, "words": 30, "tone": "usted",
    "jokes": True, "topics": ["pan", "queques"], "more": {"a": 1},
}  # fmt: skip


async def test_settings_of_every_kind_are_kept_and_taken_back(console: House, owner: Browser) -> None:
    given = await fields(owner)
    assert (given["assistant.greeting"], given["assistant.warmth"], given["tool"]) == (
        "hola", "0.5", "search_products",
    )  # fmt: skip
    await owner.post(PAGE, **given | TYPED)
    assert (await tenant(console)).assistant_settings == {"actor": SET}
    again = await fields(owner)
    assert {name: again[name] for name in TYPED} == TYPED | {
        "assistant.warmth": "0.8", "assistant.topics": "pan\nqueques", "assistant.more": '{\n "a": 1\n}',
    }  # fmt: skip
    other = again | {"assistant.more": '{"b": 2}', "assistant.greeting": "hola", "assistant.tone": ""}
    await owner.post(PAGE, **other)
    there = (await tenant(console)).assistant_settings["actor"]
    assert there == {name: SET[name] for name in SET.keys() - {"greeting", "tone"}} | {"more": {"b": 2}}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"assistant.warmth": "mucho"}, "Write a number."),
        ({"assistant.warmth": "7"}, "This is not taken"),
        ({"assistant.words": "1e999999"}, "Write a number."),
        ({"assistant.greeting": "x" * 21}, "This is not taken"),
        ({"assistant.more": "{"}, "This is no JSON"),
        ({"assistant.more": "[" * 20_000}, "This is no JSON"),
        ({"assistant.words": "NaN"}, "Write a number."),
        ({"assistant.more": '{"a": NaN}'}, "This is no JSON"),
        ({"assistant.more": '{"a": "b"}'}, "This is not taken"),
        ({"assistant.tone": "vos"}, "This is not taken"),
    ],
    ids=range(10),
)
async def test_a_wrong_setting_is_told_beside_what_was_typed(
    console: House, owner: Browser, wrong: dict[str, str], told: str
) -> None:
    given = await fields(owner) | {"assistant.instructions": "Sé breve."} | wrong
    page = await owner.post(PAGE, 422, **given)
    assert told in page.text and page.form("/assistant").fields["assistant.instructions"] == "Sé breve."
    assert (await tenant(console)).assistant_settings == {}


async def test_another_assistant_and_its_tools_are_chosen(console: House, owner: Browser) -> None:
    page = await owner.get(f"{PAGE}?assistant=catalog")
    given: dict[str, Any] = page.form("/assistant").fields
    assert given["assistant"] == "catalog" and "assistant.warmth" not in given
    del given["tool"]
    await owner.post(PAGE, **given | {"fallback": "catalog", "assistant.greeting": "¡Hola!"})
    now = await tenant(console)
    assert (now.assistant, now.fallback_assistant) == ("catalog", "catalog")
    assert now.assistant_settings == {"catalog": {"greeting": "¡Hola!"}}
    assert now.tool_settings == {"search_products": False} and not now.has_tool("search_products")
    openai = await owner.get(f"{PAGE}?assistant=openai")
    assert "It cannot answer yet" in openai.text
    assert (await owner.get(f"{PAGE}?assistant=nobody")).form("/assistant").fields["assistant"] == "catalog"


async def test_two_who_change_it_do_not_overwrite_each_other(console: House, owner: Browser) -> None:
    given = await fields(owner)
    await owner.post(PAGE, **given | {"assistant.greeting": "buenas"})
    late = await owner.post(PAGE, 409, **given | {"assistant.words": "3"})
    assert "Somebody else has changed it meanwhile." in late.text
    assert late.form("/assistant").fields["assistant.greeting"] == "buenas"


async def test_what_is_typed_is_tried_and_nothing_is_kept_or_sent(console: House, owner: Browser) -> None:
    given = await fields(owner) | {"assistant.greeting": "buenas", "say": "¿tienen pan?"}
    page = await owner.post(f"{PAGE}/try", 200, **given)
    assert "buenas: ¿tienen pan? after 0, tools ['search_products']" in page.text
    again = page.form("/assistant").fields
    assert again["assistant.greeting"] == "buenas", "the form stays as it was typed"
    del again["tool"]
    page = await owner.post(f"{PAGE}/try", 200, **again | {"say": "<i>una persona</i>"})
    assert "buenas: <i>una persona</i> after 2, tools []" in page.text
    assert "A person would be called" in page.text and "<i>una" not in page.answer.text
    anew = await owner.post(f"{PAGE}/try", 200, anew="1")
    assert "una persona" not in anew.text
    assert (await tenant(console)).assistant_settings == {}
    async with acting_for(console.pool, await console.tenant()) as scope:
        for table in ("conversations", "messages", "contacts", "turns"):
            assert await scope.connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await console.pool.fetchval("SELECT count(*) FROM audit WHERE act = 'assistant.try'") == 2


async def test_what_cannot_be_tried_is_told(
    console: House, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await fields(owner)
    assert "Write what a customer would write." in (await owner.post(f"{PAGE}/try", 422, **given)).text
    wrong = given | {"assistant.warmth": "x", "say": "hola"}
    assert "Write a number." in (await owner.post(f"{PAGE}/try", 422, **wrong)).text
    keyless = await fields(owner, "?assistant=openai") | {"say": "hola"}
    assert "credentials of openai" in (await owner.post(f"{PAGE}/try", 422, **keyless)).text
    said = given | {"say": "hola", "talk": json.dumps([["contact", "\ud800" * 9000]])}
    assert "after 1" in (await owner.post(f"{PAGE}/try", 200, **said)).text
    odd = given | {"say": "hola", "talk": json.dumps([["contact", "x"], 7, {}])}
    assert "after 0" in (await owner.post(f"{PAGE}/try", 200, **odd)).text
    monkeypatch.setattr(assistant._tries, "most", 0)
    assert "wait some minutes" in (await owner.post(f"{PAGE}/try", 429, **given | {"say": "hola"})).text


async def test_what_may_be_spent_is_the_operators_to_say(console: House, owner: Browser) -> None:
    page = await owner.get(PAGE)
    assert "Who runs the installation sets these." in page.text and "tokens_of_day" not in page.answer.text
    await owner.post(f"{PAGE}/bounds", 403, tokens_of_day="1000000")
    operator = await console.as_operator("operator")
    wrong = await operator.post(f"{PAGE}/bounds", 422, tokens_of_day="-1", usd_of_day="2,50")
    assert "Write a number from 0, or nothing." in wrong.text
    assert wrong.form("/bounds").fields["usd_of_day"] == "2,50"
    bounds: dict[str, Any] = {"tokens_of_day": "1000", "usd_of_month": "2,50", "hold_over_month": "on"}
    await operator.post(f"{PAGE}/bounds", **bounds)
    now = await tenant(console)
    assert (now.tokens_of_day, now.usd_of_month, now.hold_over_month) == (1000, Decimal("2.5"), True)
    assert (await operator.get(PAGE)).form("/bounds").fields["usd_of_month"] == "2.5"
    await operator.post(f"{PAGE}/bounds")
    assert (await tenant(console)).tokens_of_day is None
    for role in ("agent", "reader"):
        other = await console.as_(role)
        await other.get(PAGE, 403)
        await other.post(PAGE, 403)
        await other.post(f"{PAGE}/try", 403)


async def test_who_writes_down_voice_notes_is_chosen_and_told_where_they_go(
    console: House, owner: Browser
) -> None:
    page = await owner.get(PAGE)
    assert "goes to the vendor" in page.text
    await owner.post(f"{PAGE}/voices", voice_notes="openai")
    assert (await tenant(console)).voice_notes == "openai"
    assert (await owner.get(PAGE)).form("/voices").fields["voice_notes"] == "openai"
    await owner.post(f"{PAGE}/voices", voice_notes="catalog")  # which cannot
    assert (await tenant(console)).voice_notes == "openai"
    await owner.post(f"{PAGE}/voices", voice_notes="")
    assert (await tenant(console)).voice_notes is None
    await (await console.as_("agent")).post(f"{PAGE}/voices", 403, voice_notes="openai")
