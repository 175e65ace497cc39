"""The catalog assistant keeps as a lead what a contact wants to be told or called for."""

from __future__ import annotations

import pytest
from asking import ask, words

from conserje import Offer, Result
from conserje.testing import GivenTools, said

LEAD = Offer("lead", "Keeps a lead.", {}, effect=True)


def tools(*, failed: bool = False) -> GivenTools:
    return GivenTools([LEAD], {"lead": Result("noted", failed=failed)})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("¿me avisan cuando llegue?", "te aviso cuando llegue"),
        ("avísame cuando tengan pan", "te aviso cuando llegue"),
        ("me avisas cuando llegue porfa", "te aviso cuando llegue"),
        ("quiero que me llamen mañana a las 10", "te llamen"),
        ("¿me pueden llamar?", "te llamen"),
        ("llámenme el lunes", "te llamen"),
    ],
)
async def test_who_wants_to_be_told_or_called_is_kept(text: str, answer: str) -> None:
    given = tools()
    reply = await ask("acme", text, tools=given)
    assert answer in words(reply) and not reply.hand_over
    [(name, arguments)] = given.called
    assert name == "lead" and isinstance(arguments, dict) and arguments["wanted"] == text


async def test_when_to_call_is_kept_in_the_contact_s_words() -> None:
    given = tools()
    await ask("acme", "quiero que me llamen mañana a las 10", tools=given)
    assert given.called[0][1]["when"] == "manana a las 10"  # type: ignore[index]


async def test_in_the_tenant_s_language() -> None:
    reply = await ask("acme", "me avisa quando chegar", tools=tools(), locale="pt-BR")
    assert "aviso você quando chegar" in words(reply)


async def test_what_was_shown_last_is_named() -> None:
    given = tools()
    shown = said("Volcano: $189.990 (agotado por ahora).", "assistant")
    await ask("bravo", "avísame cuando llegue", tools=given, history=[said("hola"), shown])
    assert given.called


@pytest.mark.parametrize("text", ["no me avisen nada", "no me llamen más", "hola", "¿tienen despacho?"])
async def test_others_are_answered_as_ever(text: str) -> None:
    given = tools()
    await ask("acme", text, tools=given)
    assert given.called == []


async def test_where_no_lead_can_be_kept_a_person_is_told_as_ever() -> None:
    for given in (tools(failed=True), GivenTools()):
        reply = await ask("acme", "avísame cuando llegue", tools=given)
        assert reply.hand_over
