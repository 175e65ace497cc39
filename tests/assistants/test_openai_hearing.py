"""Voice notes are written down by the openai assistant, against the stand-in's transcriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr
from waiting import LIMIT

from conserje import Account, Heard, NoAnswer, Voice
from conserje_fakes import server
from conserje_fakes.openai import Fault, StandIn
from conserje_openai import OpenAI
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

KEY = "sk-of-the-tenant"
NOTE = Voice(
    b"OggS..SAYS quiero dos aceites de rosa mosqueta\0", "audio/ogg", 4.2, ("Aceite de rosa mosqueta",)
)


@pytest_asyncio.fixture
async def stand_in() -> AsyncIterator[tuple[StandIn, OpenAI]]:
    stand_in = StandIn(keys=frozenset({KEY}))
    async with server.serving(stand_in.app()) as url, httpx2.AsyncClient(timeout=LIMIT) as http:
        yield stand_in, OpenAI(OpenAIOperator(base_url=f"{url}/v1", timeout=LIMIT), http)


def account(key: str = KEY, **settings: str) -> Account[OpenAICredentials, OpenAISettings]:
    credentials = OpenAICredentials(api_key=SecretStr(key))
    return Account("acme", "", credentials, OpenAISettings.model_validate(settings), "pt-BR")


async def test_hears_with_the_products_names_as_key_words(stand_in: tuple[StandIn, OpenAI]) -> None:
    fake, openai = stand_in
    heard = await openai.transcribe(NOTE, account())
    assert heard == Heard("quiero dos aceites de rosa mosqueta", {"seconds": 5})
    asked = fake.requests[-1]["body"]
    assert asked["model"] == openai.transcriber(account().settings) == "gpt-transcribe"
    assert asked["keywords[]"] == ["Aceite de rosa mosqueta"]
    assert asked["languages[]"] == ["pt", "es", "en"]
    assert asked["file"] == {"name": "voice.ogg", "type": "audio/ogg", "bytes": len(NOTE.content)}


async def test_a_model_without_key_words_reads_them_as_a_prompt(stand_in: tuple[StandIn, OpenAI]) -> None:
    fake, openai = stand_in
    heard = await openai.transcribe(NOTE, account(transcription_model="whisper-1"))
    assert heard.text and heard.clear
    assert fake.requests[-1]["body"]["prompt"] == "Aceite de rosa mosqueta"


@pytest.mark.parametrize("content", [b"OggS" + bytes(50), b"OggS..SAYS \0"], ids=["silence", "no words"])
async def test_what_says_nothing_is_not_clear(stand_in: tuple[StandIn, OpenAI], content: bytes) -> None:
    heard = await stand_in[1].transcribe(replace(NOTE, content=content), account())
    assert (heard.text, heard.clear, heard.usage) == ("", False, {"seconds": 5})


async def test_a_format_that_the_api_does_not_take_is_not_sent(stand_in: tuple[StandIn, OpenAI]) -> None:
    fake, openai = stand_in
    heard = await openai.transcribe(replace(NOTE, content_type="audio/amr"), account())
    assert (heard.clear, fake.requests) == (False, [])


FAILS: list[tuple[list[Fault], str]] = [
    (["500", "500"], "answered 500"),
    (["html"], "does not transcribe"),
    (["shapeless"], "does not transcribe"),
]


@pytest.mark.parametrize(("faults", "why"), FAILS)
async def test_a_server_that_fails_is_no_voice_note_without_words(
    stand_in: tuple[StandIn, OpenAI], faults: list[Fault], why: str
) -> None:
    stand_in[0].faults.extend(faults)
    with pytest.raises(NoAnswer, match=why):
        await stand_in[1].transcribe(NOTE, account())


async def test_a_wrong_key_and_an_unknown_model_are_named(stand_in: tuple[StandIn, OpenAI]) -> None:
    with pytest.raises(NoAnswer, match="refused the API key"):
        await stand_in[1].transcribe(NOTE, account("sk-another"))
    with pytest.raises(NoAnswer, match="transcription_model"):
        await stand_in[1].transcribe(NOTE, account(transcription_model="gpt-hears"))
