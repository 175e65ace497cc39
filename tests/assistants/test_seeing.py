"""Pictures go to models that see, as they are: by both of OpenAI's APIs, and to Anthropic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from waiting import LIMIT

from conserje import Contact, File, Line, Media, Picture, Prompt, Reply, Tenant, Text, Turn, Utterance
from conserje.stand_ins import GivenBudget, GivenKnowledge, GivenProducts, GivenTools, said
from conserje_anthropic import Anthropic, AnthropicCredentials, AnthropicOperator, AnthropicSettings
from conserje_fakes import anthropic, openai, server
from conserje_fakes.openai_chat import Server
from conserje_openai import OpenAI
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

PICTURE = Picture(b"\xff\xd8\xff a small one")
DATA = "data:image/jpeg;base64,/9j/IGEgc21hbGwgb25l"
TOLD = "[imagen] ¿tienen este?"


def turn(locale: str, pictures: Sequence[Picture], credentials: Any, settings: Any) -> Turn[Any, Any]:
    sent = Media((File("kept:7", "image/png", "foto.png"),), "¿tienen este?")
    return Turn(
        id=1,
        tenant=Tenant("acme", "Acme", locale, "CLP", "America/Santiago"),
        contact=Contact(7, "Ana"),
        messages=[Utterance("contact", sent, said("").at, pictures=pictures)],
        history=[],
        products=GivenProducts(()),
        knowledge=GivenKnowledge(),
        tools=GivenTools(),
        budget=GivenBudget(),
        credentials=credentials,
        settings=settings,
    )


async def of_openai(mode: str, locale: str, pictures: Sequence[Picture]) -> tuple[Reply, dict[str, Any]]:
    stand_in = openai.StandIn(server=Server())
    async with server.serving(stand_in.app()) as url, httpx2.AsyncClient(timeout=LIMIT) as http:
        operator = OpenAIOperator.model_validate({"base_url": f"{url}/v1", "mode": mode, "timeout": LIMIT})
        credentials = OpenAICredentials(api_key=SecretStr("sk-1"))
        asked = turn(locale, pictures, credentials, OpenAISettings(sees=True))
        return await OpenAI(operator, http).reply(asked), stand_in.requests[-1]["body"]


async def test_by_responses() -> None:
    reply, asked = await of_openai("responses", "es-CL", [PICTURE])
    assert reply.messages == (Text(f"Entendido: {TOLD}"),)
    [item] = asked["input"]
    assert item["content"] == [
        {"type": "input_text", "text": TOLD},
        {"type": "input_image", "image_url": DATA},
    ]


async def test_by_chat_completions() -> None:
    reply, asked = await of_openai("chat_completions", "es-CL", [PICTURE])
    assert reply.messages == (Text(f"Entendido: {TOLD}"),)
    assert asked["messages"][-1]["content"] == [
        {"type": "text", "text": TOLD},
        {"type": "image_url", "image_url": {"url": DATA}},
    ]


async def test_by_messages() -> None:
    stand_in = anthropic.StandIn()
    async with server.serving(stand_in.app()) as url, httpx2.AsyncClient(timeout=LIMIT) as http:
        credentials = AnthropicCredentials(api_key=SecretStr("sk-1"))
        asked = turn("es-CL", [PICTURE], credentials, AnthropicSettings())
        reply = await Anthropic(AnthropicOperator(base_url=url, timeout=LIMIT), http).reply(asked)
    assert reply.messages == (Text(f"Entendido: {TOLD}"),)
    [message] = stand_in.requests[-1]["body"]["messages"]
    source = {"type": "base64", "media_type": "image/jpeg", "data": DATA.partition(",")[2]}
    assert message["content"] == [{"type": "image", "source": source}, {"type": "text", "text": TOLD}]


@pytest.mark.parametrize(("locale", "told"), [("es-CL", TOLD), ("pt-BR", "[imagem] ¿tienen este?")])
async def test_a_model_that_is_shown_none_is_told_that_there_is_one(locale: str, told: str) -> None:
    _, asked = await of_openai("responses", locale, [])
    assert [item["content"] for item in asked["input"]] == [told]


async def test_who_sees_is_said_by_the_settings() -> None:
    async with httpx2.AsyncClient() as http:
        of_theirs = Anthropic(AnthropicOperator(), http)
        assert of_theirs.sees(AnthropicSettings()) and not of_theirs.sees(AnthropicSettings(sees=False))
        assert not OpenAI(OpenAIOperator(), http).sees(OpenAISettings())


def test_pictures_count_where_the_tokens_are_guessed_and_stay_with_joined_lines() -> None:
    lines = [Line("user", "uno", [PICTURE]), Line("user", "dos", [PICTURE])]
    prompt = Prompt("a", "b", lines, "c")
    blind = replace(prompt, said=[replace(line, pictures=()) for line in lines])
    assert prompt.estimated_tokens == blind.estimated_tokens + 2800
    [joined] = prompt.alternating()
    assert (joined.text, joined.pictures) == ("uno\ndos", (PICTURE, PICTURE))
