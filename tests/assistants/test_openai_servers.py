"""The openai assistant's tools, and chat completions of servers like OpenAI's, each with its own ways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr
from waiting import LIMIT

from conserje import (
    Abilities,
    Account,
    CannotTell,
    Contact,
    NoAnswer,
    Offer,
    Reply,
    Result,
    Tenant,
    Text,
    Turn,
    VendorFailed,
)
from conserje.testing import GivenBudget, GivenKnowledge, GivenProducts, GivenTools, said
from conserje_fakes import openai_chat, server
from conserje_fakes.mind import Do
from conserje_fakes.openai import Fault, StandIn
from conserje_fakes.openai_chat import MISTRAL, OLLAMA, OPENAI, TOOLLESS, Server
from conserje_openai import OpenAI
from conserje_openai.models import Mode, OpenAICredentials, OpenAIOperator, OpenAISettings

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SEARCH = Offer("search_products", "Finds products.", SCHEMA, effect=False)
PLAIN = Server()


class Desk:
    """The assistant with a stand-in that is some server."""

    def __init__(self, stand_in: StandIn, url: str, http: httpx2.AsyncClient) -> None:
        self.stand_in, self._url, self._http = stand_in, url, http

    def be(self, server: Server | None) -> None:
        """None: it speaks the Responses API."""
        self.stand_in.server = server or OPENAI
        self.mode: Mode = "chat_completions" if server else "responses"
        self.assistant = OpenAI(
            OpenAIOperator(base_url=f"{self._url}/v1", mode=self.mode, timeout=LIMIT), self._http
        )

    async def ask(self, *texts: str, **changes: Any) -> Reply:
        return await self.assistant.reply(turn(*texts, **changes))

    async def probe(self) -> Abilities:
        credentials = OpenAICredentials(api_key=SecretStr("sk-1"))
        return await self.assistant.probe(Account("acme", "", credentials, OpenAISettings()))

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.stand_in.requests]


@pytest_asyncio.fixture(scope="module")
async def served() -> AsyncIterator[tuple[StandIn, str]]:
    stand_in = StandIn()
    async with server.serving(stand_in.app()) as url:
        yield stand_in, url


@pytest_asyncio.fixture
async def desk(served: tuple[StandIn, str]) -> AsyncIterator[Desk]:
    stand_in, url = served
    stand_in.requests.clear()
    stand_in.faults.clear()
    stand_in.mind.acts.clear()
    async with httpx2.AsyncClient(timeout=LIMIT) as http:
        yield Desk(stand_in, url, http)


def tools() -> GivenTools:
    return GivenTools([SEARCH], {"search_products": Result("Polera azul: no stock.")})


def turn(*texts: str, **changes: Any) -> Turn[OpenAICredentials, OpenAISettings]:
    whole: dict[str, Any] = {
        "id": 1,
        "tenant": Tenant("acme", "Acme", "es-CL", "CLP", "America/Santiago"),
        "contact": Contact(77, "Ana"),
        "messages": [said(text) for text in texts or ["hola"]],
        "history": (),
        "products": GivenProducts(),
        "knowledge": GivenKnowledge(),
        "tools": GivenTools(),
        "budget": GivenBudget(),
        "credentials": OpenAICredentials(api_key=SecretStr("sk-1")),
        "settings": OpenAISettings(),
    }
    return Turn(**whole | changes)


SERVERS = [None, PLAIN, MISTRAL, OLLAMA]
NAMES = ["responses", "plain", "mistral", "ollama"]


@pytest.mark.parametrize("kind", SERVERS, ids=NAMES)
async def test_each_server_calls_tools_reads_what_came_of_them_and_answers(
    desk: Desk, kind: Server | None
) -> None:
    desk.be(kind)
    calls = [Do("search_products", '{"text": "polera"}'), Do("search_products", '{"text": "gorro"}')]
    desk.stand_in.mind.acts.extend([calls, calls[:1], "No me queda."])
    given = tools()
    history = [said("Hola, soy el asistente.", "assistant")]
    reply = await desk.ask("tienen", "polera?", tools=given, history=history)
    assert reply.messages == (Text("No me queda."),)
    assert [name for name, _ in given.called] == ["search_products"] * 3
    assert desk.stand_in.mind.heard[-1].results == ["Polera azul: no stock."] * 3
    assert reply.usage["input_tokens"] > 0


@pytest.mark.parametrize("kind", [None, PLAIN], ids=["responses", "chat"])
async def test_arguments_that_are_no_json_are_an_error_that_the_model_reads(
    desk: Desk, kind: Server | None
) -> None:
    desk.be(kind)
    given = GivenTools([SEARCH])  # it says that something is wrong
    desk.stand_in.mind.acts.extend([[Do("search_products", "{}")], "Perdón."])
    assert (await desk.ask(tools=given)).messages == (Text("Perdón."),)
    assert desk.stand_in.mind.heard[-1].results == ["There is no such tool."]


async def test_in_chat_completions_broken_arguments_are_not_sent_back(desk: Desk) -> None:
    desk.be(PLAIN)
    desk.stand_in.mind.acts.extend([[Do("search_products", '{"text": ')], "Perdón."])
    given = tools()
    await desk.ask(tools=given)
    assert given.called == [("search_products", '{"text": ')]
    assert desk.asked[-1]["messages"][-2]["tool_calls"][0]["function"]["arguments"] == "{}"


async def test_what_a_reasoning_model_thought_goes_back_sealed_with_its_calls(desk: Desk) -> None:
    desk.be(None)
    desk.stand_in.mind.acts.extend([[Do("search_products", '{"text": "x"}')], "Ya."])
    await desk.ask(tools=tools(), settings=OpenAISettings(reasoning="low"))
    assert desk.asked[0]["include"] == ["reasoning.encrypted_content"]
    kinds = [item.get("type") for item in desk.asked[1]["input"]]
    assert kinds == [None, "reasoning", "function_call", "function_call_output"]
    assert all(body["store"] is False for body in desk.asked)


async def test_the_last_round_has_the_tools_but_no_choice(desk: Desk) -> None:
    for kind in (None, PLAIN):
        desk.be(kind)
        desk.stand_in.requests.clear()
        desk.stand_in.mind.acts.extend([[Do("search_products", "{}")]] * 5)
        await desk.ask(tools=tools())
        assert [body.get("tool_choice") for body in desk.asked] == [None] * 5 + ["none"]


async def test_a_server_that_is_not_openai_is_sent_nothing_that_only_openai_knows(desk: Desk) -> None:
    desk.be(PLAIN)
    await desk.ask(tools=tools())
    assert set(desk.asked[0]) == {"model", "messages", "max_tokens", "tools"}
    assert set(desk.asked[0]["tools"][0]["function"]) == {"name", "description", "parameters"}


async def test_an_effort_that_the_tenant_chose_is_sent(desk: Desk) -> None:
    desk.be(PLAIN)
    await desk.ask(settings=OpenAISettings(reasoning="none"))
    assert desk.asked[0]["reasoning_effort"] == "none"


async def test_openai_s_own_bound_has_another_name(desk: Desk) -> None:
    desk.be(OPENAI)
    abilities = Abilities("gpt-6-luna", max_tokens="max_completion_tokens")
    assert (await desk.ask("hola", abilities=abilities)).messages == (Text("Entendido: hola"),)
    assert desk.asked[0]["max_completion_tokens"] == 400


async def test_a_model_of_which_nothing_is_known_is_asked_again_without_tools_once(desk: Desk) -> None:
    desk.be(TOOLLESS)
    for tries in (2, 1):
        desk.stand_in.requests.clear()
        assert (await desk.ask("hola", tools=tools())).messages == (Text("Entendido: hola"),)
        assert len(desk.asked) == tries
    assert "tools" not in desk.asked[-1]


async def test_a_model_that_is_known_to_call_tools_is_not_asked_without(desk: Desk) -> None:
    desk.be(TOOLLESS)
    with pytest.raises(NoAnswer, match="answered 400"):
        await desk.ask(tools=tools(), abilities=Abilities("gpt-6-luna"))
    assert len(desk.asked) == 1


async def test_a_model_that_cannot_call_tools_is_asked_without(desk: Desk) -> None:
    desk.be(TOOLLESS)
    found = await desk.probe()
    assert found == Abilities("gpt-6-luna", tools=False, schema=False, max_tokens="max_tokens")
    assert (await desk.ask("hola", tools=tools(), abilities=found)).messages == (Text("Entendido: hola"),)


async def test_what_was_found_of_another_model_says_nothing_of_this_one(desk: Desk) -> None:
    desk.be(PLAIN)
    await desk.ask(tools=tools(), abilities=Abilities("another", tools=False))
    assert "tools" in desk.asked[-1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(None, ""), (OPENAI, "max_completion_tokens"), (PLAIN, "max_tokens"), (MISTRAL, "max_tokens")],
    ids=["responses", "openai", "plain", "mistral"],
)
async def test_a_probe_finds_what_the_model_can_do(desk: Desk, kind: Server | None, name: Any) -> None:
    desk.be(kind)
    assert await desk.probe() == Abilities("gpt-6-luna", tools=True, schema=True, max_tokens=name)


async def test_a_model_that_calls_no_tool_when_told_to_cannot(desk: Desk) -> None:
    desk.be(PLAIN)
    desk.stand_in.mind.acts.extend(["Hola.", "I noted 7!", "Seven."])
    assert await desk.probe() == Abilities("gpt-6-luna", tools=False, schema=False, max_tokens="max_tokens")


async def test_a_server_that_fails_while_it_is_tried_says_nothing(desk: Desk) -> None:
    desk.be(PLAIN)
    desk.stand_in.faults.extend(["500"] * 2)
    with pytest.raises(CannotTell):
        await desk.probe()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("html", "does not speak chat completions"),
        ("shapeless", "does not speak chat completions"),
        ("empty", "no text"),
        ("incomplete", "incomplete"),
        ("failed", "200 with an error"),
        ("refusal", "refused to answer"),
        ("redirect", "answered 307"),
    ],
)
async def test_what_is_no_answer_in_chat_completions_says_why(desk: Desk, fault: Fault, cause: str) -> None:
    desk.be(PLAIN)
    desk.stand_in.faults.append(fault)
    with pytest.raises(NoAnswer, match=cause):
        await desk.ask()


async def test_an_answer_longer_than_it_may_be_is_none(desk: Desk) -> None:
    for kind in (None, PLAIN):
        desk.be(kind)
        desk.stand_in.mind.acts.append("bla " * 500)
        with pytest.raises(NoAnswer, match="incomplete"):
            await desk.ask()


def test_a_thought_without_an_end_is_no_answer() -> None:
    asked = {"model": "m", "messages": []}
    message = {"role": "assistant", "content": "<think>The price is"}
    from openai.types.chat import ChatCompletion

    from conserje_openai import chat

    completion = ChatCompletion.model_validate(openai_chat.completion(asked, message, "stop"))
    assert chat.spoken(completion, 0).text == ""


@pytest.mark.parametrize(
    ("operator", "settings", "mode"),
    [
        ({}, {}, "responses"),
        ({"base_url": "https://api.openai.com/v1/"}, {}, "responses"),
        ({"base_url": "http://localhost:11434/v1"}, {}, "chat_completions"),
        ({"base_url": "http://localhost:11434/v1", "mode": "responses"}, {}, "responses"),
        ({}, {"mode": "chat_completions"}, "chat_completions"),
    ],
)
def test_which_api_is_spoken(operator: dict[str, Any], settings: dict[str, Any], mode: Mode) -> None:
    assert OpenAIOperator(**operator).mode_for(OpenAISettings(**settings)) == mode


async def test_what_failed_at_the_server_is_told_from_what_failed_of_the_key(desk: Desk) -> None:
    for kind in (None, PLAIN):
        desk.be(kind)
        desk.stand_in.faults.extend(["500", "500"])
        with pytest.raises(VendorFailed) as failed:
            await desk.ask()
        assert not failed.value.of_key
        desk.stand_in.faults.extend(["429", "429"])
        with pytest.raises(VendorFailed) as failed:
            await desk.ask()
        assert failed.value.of_key and failed.value.after == 0.05
