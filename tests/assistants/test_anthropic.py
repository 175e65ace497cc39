"""The anthropic assistant, against a stand-in on loopback and Anthropic's own SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr
from waiting import LIMIT

from conserje import (
    Account,
    CannotTell,
    Contact,
    NoAnswer,
    NotOffered,
    Offer,
    Reply,
    Result,
    Tenant,
    Text,
    Turn,
    VendorFailed,
)
from conserje.testing import (
    GivenBudget,
    GivenKnowledge,
    GivenProducts,
    GivenTools,
    ProviderAssistantContract,
    said,
)
from conserje_anthropic import Anthropic, AnthropicCredentials, AnthropicOperator, AnthropicSettings
from conserje_fakes import server
from conserje_fakes.anthropic import Fault, StandIn
from conserje_fakes.mind import Do

KEY = "sk-ant-of-the-tenant"
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SEARCH = Offer("search_products", "Finds products.", SCHEMA, effect=False)
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-5-5",
    "content": [{"type": "text", "text": "Hola"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


class TestAnthropic(ProviderAssistantContract):
    assistant = Anthropic
    credentials = {"api_key": KEY}  # noqa: RUF012
    answer = httpx2.Response(200, json=ANSWER)


@pytest_asyncio.fixture(scope="module")
async def served() -> AsyncIterator[tuple[StandIn, str]]:
    stand_in = StandIn(keys=frozenset({KEY}))
    async with server.serving(stand_in.app()) as url:
        yield stand_in, url


class Desk:
    """The assistant with the stand-in."""

    def __init__(self, stand_in: StandIn, assistant: Anthropic) -> None:
        self.stand_in = stand_in
        self.assistant = assistant

    async def ask(self, *texts: str, **changes: Any) -> Reply:
        return await self.assistant.reply(turn(*texts, **changes))

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.stand_in.requests]


@pytest_asyncio.fixture
async def desk(served: tuple[StandIn, str]) -> AsyncIterator[Desk]:
    stand_in, url = served
    stand_in.requests.clear()
    stand_in.faults.clear()
    stand_in.mind.acts.clear()
    async with httpx2.AsyncClient(timeout=LIMIT) as http:
        yield Desk(stand_in, Anthropic(AnthropicOperator(base_url=url, timeout=LIMIT), http))


def turn(*texts: str, key: str = KEY, **changes: Any) -> Turn[AnthropicCredentials, AnthropicSettings]:
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
        "credentials": AnthropicCredentials(api_key=SecretStr(key)),
        "settings": AnthropicSettings(),
    }
    return Turn(**whole | changes)


def tools(failed: bool = False) -> GivenTools:
    return GivenTools([SEARCH], {"search_products": Result("No stock.", failed=failed)})


async def test_answers_with_the_model_s_text_and_what_it_cost(desk: Desk) -> None:
    reply = await desk.ask("quiero una polera")
    assert reply.messages == (Text("Entendido: quiero una polera"),)
    assert reply.usage["input_tokens"] > reply.usage["cached_tokens"] == 1000
    assert reply.usage["output_tokens"] == 4


async def test_tools_are_called_and_paired_and_the_model_goes_on(desk: Desk) -> None:
    calls = [Do("search_products", '{"text": "polera"}'), Do("search_products", '{"text": "ñandú"}')]
    desk.stand_in.mind.acts.extend([calls, calls[:1], "No me queda."])
    given = tools()
    history = [said("Hola, soy el asistente.", "assistant"), said("ya")]
    reply = await desk.ask("tienen", "polera?", tools=given, history=history)
    assert reply.messages == (Text("No me queda."),)
    assert [json.loads(str(arguments)) for _, arguments in given.called][1] == {"text": "ñandú"}
    assert desk.stand_in.mind.heard[-1].results == ["No stock."] * 3


async def test_a_tool_that_failed_is_told_as_an_error(desk: Desk) -> None:
    desk.stand_in.mind.acts.extend([[Do("search_products")], "Perdón."])
    await desk.ask(tools=tools(failed=True))
    [result] = desk.asked[-1]["messages"][-1]["content"]
    assert result["is_error"] is True


async def test_the_last_round_has_the_tools_but_no_choice(desk: Desk) -> None:
    desk.stand_in.mind.acts.extend([[Do("search_products")]] * 5)
    await desk.ask(tools=tools())
    assert [body.get("tool_choice") for body in desk.asked] == [None] * 5 + [{"type": "none"}]


async def test_what_stays_the_same_is_cached_and_what_is_this_turn_s_is_not(desk: Desk) -> None:
    await desk.ask(settings=AnthropicSettings(instructions="Trata de usted."))
    stable, changing = desk.asked[0]["system"]
    assert stable["cache_control"] == {"type": "ephemeral"} and "Trata de usted." in stable["text"]
    assert "cache_control" not in changing and "It is " in changing["text"]


async def test_the_settings_are_what_the_model_is_asked_by(desk: Desk) -> None:
    await desk.ask(settings=AnthropicSettings(model="claude-sonnet-5-5", max_output_tokens=99, effort="low"))
    body = desk.asked[0]
    assert (body["model"], body["max_tokens"]) == ("claude-sonnet-5-5", 99)
    assert body["output_config"] == {"effort": "low"}
    assert len(body["metadata"]["user_id"]) == 64


@pytest.mark.parametrize("fault", ["429", "500", "529"])
async def test_tries_a_second_time(desk: Desk, fault: Fault) -> None:
    desk.stand_in.faults.append(fault)
    assert (await desk.ask("hola")).messages == (Text("Entendido: hola"),)
    assert len(desk.asked) == 2


@pytest.mark.parametrize(
    ("fault", "cause", "tries"),
    [
        ("429", "answered 429", 2),
        ("429 without retry-after", "answered 429", 1),
        ("500", "answered 500", 2),
        ("529", "overloaded", 2),
        ("html", "does not speak the Messages API", 1),
        ("shapeless", "does not speak the Messages API", 1),
        ("redirect", "answered 307", 1),
        ("empty", "no text", 1),
        ("cut", "incomplete", 1),
        ("pause", "in the middle", 1),
        ("refusal", "refused to answer", 1),
    ],
)
async def test_what_is_no_answer_is_an_error_that_says_why(
    desk: Desk, fault: Fault, cause: str, tries: int
) -> None:
    desk.stand_in.faults.extend([fault] * tries)
    with pytest.raises(NoAnswer, match=cause):
        await desk.ask()
    assert len(desk.asked) == tries


async def test_an_answer_longer_than_it_may_be_is_none_and_has_cost_something(desk: Desk) -> None:
    desk.stand_in.mind.acts.append("bla " * 500)
    budget = GivenBudget()
    with pytest.raises(NoAnswer, match="incomplete"):
        await desk.ask(budget=budget)
    assert budget.spent[0][1]["output_tokens"] > 0


async def test_a_stalling_server_is_given_up_in_time(desk: Desk) -> None:
    operator = desk.assistant.operator.model_copy(update={"timeout": 0.2})
    desk.stand_in.faults.extend(["stall"] * 2)
    with pytest.raises(VendorFailed, match=r"in time|CONSERJE_ANTHROPIC_TIMEOUT, 0\.2 s"):
        await Anthropic(operator, desk.assistant.http).reply(turn("hola"))


async def test_a_server_out_of_reach_is_named(desk: Desk) -> None:
    operator = AnthropicOperator(base_url="http://127.0.0.1:1")
    with pytest.raises(VendorFailed, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        await Anthropic(operator, desk.assistant.http).reply(turn("hola"))


async def test_a_wrong_key_is_the_tenant_s_and_is_not_shown(desk: Desk) -> None:
    with pytest.raises(VendorFailed, match="account anthropic") as failed:
        await desk.ask("hola", key="sk-ant-wrong")
    assert failed.value.of_key and "sk-ant" not in str(failed.value)


EXAMINED = [
    (KEY, "claude-haiku-5-5", "ok", "The API key is good, and the server knows the model claude-haiku-5-5."),
    ("sk-otra", "claude-haiku-5-5", "error", "The model's server refused the API key (401)"),
    (KEY, "claude-1", "error", "The model's server knows no such model (404)"),
]


@pytest.mark.parametrize(("key", "model", "level", "text"), EXAMINED)
async def test_key_and_model_are_examined(desk: Desk, key: str, model: str, level: str, text: str) -> None:
    [found] = await desk.assistant.examine(account(key, model))
    assert (found.level, found.text[: len(text)]) == (level, text)


async def test_a_server_that_fails_says_nothing_of_the_key(desk: Desk) -> None:
    desk.stand_in.faults.append("500")
    with pytest.raises(CannotTell):
        await desk.assistant.examine(account())


async def test_all_of_its_models_can_do_the_same_so_nothing_is_tried(desk: Desk) -> None:
    with pytest.raises(NotOffered):
        await desk.assistant.probe(account())


def account(
    key: str = KEY, model: str = "claude-haiku-5-5"
) -> Account[AnthropicCredentials, AnthropicSettings]:
    return Account("acme", "", AnthropicCredentials(api_key=SecretStr(key)), AnthropicSettings(model=model))


async def test_it_asks_as_the_sdk_asks(desk: Desk) -> None:
    """The SDK takes two seconds to load, which is why it is here and not there."""
    import anthropic

    desk.stand_in.mind.acts.extend([[Do("search_products", '{"text": "x"}')], "Ya.", "Ya."])
    await desk.ask("hola", tools=tools())
    ours = desk.stand_in.requests[-1]
    client = anthropic.AsyncAnthropic(
        api_key=KEY,
        base_url=desk.assistant.operator.base_url,
        http_client=desk.assistant.http,
        max_retries=0,
    )
    answer = await client.messages.create(**ours["body"])
    theirs = desk.stand_in.requests[-1]
    assert theirs["body"] == ours["body"]
    for header in ("authorization", "anthropic-version", "content-type"):
        assert theirs["headers"][header] == ours["headers"][header]
    assert isinstance(answer, anthropic.types.Message) and answer.content[0].type == "text"
