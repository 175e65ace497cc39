"""Contract suites: a plugin's own test is a subclass of a few lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import entry_points
from typing import Any, ClassVar
from urllib.parse import urlencode

import httpx2
import pytest
from pydantic import BaseModel, SecretStr

from conserje.contract.account import Account, AnyAccount
from conserje.contract.assistant import (
    AnyAssistant,
    Contact,
    Product,
    Reply,
    Result,
    Tenant,
    Turn,
)
from conserje.contract.channel import (
    AnyChannel,
    CannotTell,
    Forged,
    Malformed,
    Receipt,
    Refused,
    TryLater,
    Webhook,
)
from conserje.contract.message import (
    BusinessMessage,
    Ignored,
    InboundMessage,
    OutboundMessage,
    StatusUpdate,
    Text,
    Unreadable,
    from_json,
    to_json,
)
from conserje.contract.tool import AnyTool, Call, Tool
from conserje.stand_ins import GivenBudget as GivenBudget
from conserje.stand_ins import GivenKnowledge as GivenKnowledge
from conserje.stand_ins import GivenLeads as GivenLeads
from conserje.stand_ins import GivenProducts as GivenProducts
from conserje.stand_ins import GivenTools as GivenTools
from conserje.stand_ins import SearchedKnowledge as SearchedKnowledge
from conserje.stand_ins import said as said

_TEXT = "¿Tienen café? ☕ 100% ñandú & té + más"
_ODD_BODIES = (b"", b"{", b"{}", b"[]", b"null", b"[{}]", b"\xff\xfe", b"a=%ff", b"=&=", b"\x00", b"&" * 600)

Handler = Callable[[httpx2.Request], httpx2.Response]


class ChannelContract:
    """What every channel keeps. The subclass names the channel and an account to try it with.

    Nothing is sent anywhere. Needs pytest-asyncio in its mode "auto".
    """

    channel: ClassVar[type[AnyChannel]]
    address: ClassVar[str]
    sender: ClassVar[str]
    credentials: ClassVar[Mapping[str, Any]] = {}
    other_credentials: ClassVar[Mapping[str, Any]]  # of another account at the same provider
    settings: ClassVar[Mapping[str, Any]] = {}
    operator: ClassVar[Mapping[str, Any]] = {}

    def hook(self, text: str) -> Webhook:
        """The signed request by which `sender` writes `text`; override where `compose` is not offered."""
        url = f"https://tienda.bot.example/bot/{self.channel.name}/webhook"
        return self._channel().compose(self._account(), url, self.sender, text)

    def test_is_installed_under_its_own_name(self) -> None:
        (entry,) = entry_points(group="conserje.channels", name=self.channel.name)
        assert entry.load() is self.channel

    def test_refuses_fields_that_it_does_not_know(self) -> None:
        for model in (self.channel.Credentials, self.channel.Settings, self.channel.Operator):
            assert model.model_config.get("extra") == "forbid", model

    def test_works_without_settings_of_the_operator(self) -> None:
        self.channel.Operator()

    def test_shows_no_secret(self) -> None:
        account = self._account()
        for secret in _secrets(account.credentials):
            assert secret not in repr(account)
        with pytest.raises(ValueError) as refused:
            self.channel.Credentials.model_validate({**self.credentials, "no_such_field": "clear"})
        for secret in (*_secrets(account.credentials), "clear"):
            assert secret not in str(refused.value)

    def test_the_account_s_address_is_in_its_form(self) -> None:
        assert self._channel().address(f" {self.address} ") == self.address

    def test_claims_the_address_written_to(self) -> None:
        claimed = self._channel().claims(self.hook(_TEXT))
        assert not claimed or self.address in claimed

    def test_accepts_what_the_account_signed(self) -> None:
        self._channel().verify(self.hook(_TEXT), self._account())

    def test_without_an_address_asks_for_the_signature_alone(self) -> None:
        if self.channel.per_tenant:
            return
        hook, account = self.hook(_TEXT), self._account()
        self._channel().verify(hook, replace(account, address=""))
        with pytest.raises(Forged):
            self._channel().verify(hook, replace(self._account(self.other_credentials), address=""))

    def test_refuses_another_account_s_signature(self) -> None:
        with pytest.raises(Forged):
            self._channel().verify(self.hook(_TEXT), self._account(self.other_credentials))

    def test_refuses_a_changed_body(self) -> None:
        hook = self.hook(_TEXT)
        with pytest.raises((Forged, Malformed)):
            self._channel().verify(_changed(hook, body=hook.body + b"&x=1"), self._account())

    def test_refuses_a_request_without_headers(self) -> None:
        with pytest.raises((Forged, Malformed)):
            self._channel().verify(_changed(self.hook(_TEXT), headers={}), self._account())

    def test_a_spoilt_header_raises_nothing_but_the_contract_s(self) -> None:
        hook = self.hook(_TEXT)
        for name, value in hook.headers.items():
            for spoilt in ("", " ", value[1:], value[::-1], "é☕", "\udc80", "=", value + ",", "a" * 9000):
                with suppress(Forged, Malformed):
                    self._channel().verify(
                        _changed(hook, headers={**hook.headers, name: spoilt}), self._account()
                    )

    def test_a_spoilt_url_raises_nothing_but_the_contract_s(self) -> None:
        hook = self.hook(_TEXT)
        for spoilt in ("?", "?a=%ff", "?message=x", "#", "/é", "/\udc80", "?" + "a&" * 600):
            with suppress(Forged, Malformed):
                self._read(_changed(hook, url=hook.url + spoilt))

    def test_reads_the_text_and_who_wrote_it(self) -> None:
        message = self._message(self.hook(_TEXT))
        assert message.content == Text(_TEXT)
        assert (message.address, message.sender) == (self.address, self.sender)

    def test_what_it_reads_can_be_stored(self) -> None:
        message = self._message(self.hook(_TEXT))
        assert from_json(to_json(message.content)) == message.content

    def test_a_key_names_one_message_however_often_it_comes(self) -> None:
        hook = self.hook(_TEXT)
        again = _changed(hook, headers=hook.headers)
        first, second, other = (self._message(each) for each in (hook, again, self.hook(_TEXT)))
        assert first.key == second.key
        assert first.key != other.key

    @pytest.mark.parametrize("body", _ODD_BODIES)
    def test_an_odd_body_raises_nothing_but_the_contract_s(self, body: bytes) -> None:
        hook = _changed(self.hook(_TEXT), body=body)
        with suppress(Forged, Malformed):
            self._channel().verify(hook, self._account())
        with suppress(Malformed):
            self._read(hook)

    def test_a_form_that_lacks_a_field_is_an_event_or_malformed(self) -> None:
        hook = self.hook(_TEXT)
        for missing, _ in hook.form if "form" in hook.headers.get("content-type", "") else ():
            rest = [(name, value) for name, value in hook.form if name != missing]
            with suppress(Malformed):
                self._read(_changed(hook, body=urlencode(rest).encode()))

    def test_acknowledges(self) -> None:
        answer = self._channel().acknowledge(self.hook(_TEXT))
        assert 200 <= answer.status < 300

    def _message(self, hook: Webhook) -> InboundMessage:
        (message,) = self._channel().parse(hook)
        assert isinstance(message, InboundMessage)
        return message

    def _read(self, hook: Webhook) -> None:
        self._channel().claims(hook)
        for event in self._channel().parse(hook):
            assert isinstance(event, InboundMessage | BusinessMessage | StatusUpdate | Unreadable | Ignored)

    def _channel(self, http: httpx2.AsyncClient | None = None) -> AnyChannel:
        """Without `http`, a channel that can do no I/O."""
        operator = self.channel.Operator.model_validate(self.operator)
        return self.channel(operator, http)  # type: ignore[arg-type]

    def _account(self, credentials: Mapping[str, Any] | None = None) -> AnyAccount:
        opened = self.channel.Credentials.model_validate(dict(credentials or self.credentials))
        settings = self.channel.Settings.model_validate(dict(self.settings))
        return Account("tienda", self.address, opened, settings)

    def _outbound(self) -> OutboundMessage:
        status_url = f"https://tienda.bot.example/bot/{self.channel.name}/status?message=7"
        return OutboundMessage(7, self.sender, Text(_TEXT), status_url, datetime.now(UTC))


class ProviderChannelContract(ChannelContract):
    """What a channel keeps besides that has a provider; in the test that is a function."""

    async def test_a_provider_out_of_reach_took_nothing(self) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("refused", request=request)

        error = await self._failure(answer)
        assert isinstance(error, TryLater)
        assert error.after > 0

    @pytest.mark.parametrize("cut", [httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError])
    async def test_an_answer_that_did_not_come_proves_nothing(self, cut: type[httpx2.TransportError]) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            raise cut("cut", request=request)

        assert not isinstance(await self._failure(answer), Refused | TryLater)

    @pytest.mark.parametrize(
        "answered",
        [(500, {}, "{}"), (200, {}, "<html>hola</html>"), (302, {"location": "https://a.example/"}, "")],
        ids=["failure", "html", "redirect"],
    )
    async def test_an_answer_that_is_not_the_provider_s_proves_nothing(
        self, answered: tuple[int, dict[str, str], str]
    ) -> None:
        status, headers, text = answered
        error = await self._failure(lambda _: httpx2.Response(status, headers=headers, text=text))
        assert not isinstance(error, Refused | TryLater)

    async def test_a_provider_that_cannot_be_asked_did_not_say_no(self) -> None:
        answers = iter([httpx2.Response(500), httpx2.Response(200, text="<html>"), httpx2.Response(302)])
        async with _provider(lambda _: next(answers)) as http:
            for _ in range(3):
                with pytest.raises(CannotTell):
                    await self._channel(http).find(self._outbound(), self._account())

    async def _failure(self, answer: Handler) -> Exception:
        """What `send` raises when the provider answers so; it quotes neither secrets nor the text."""
        account = self._account()
        async with _provider(answer) as http:
            with pytest.raises(Exception) as raised:
                result: Receipt = await self._channel(http).send(self._outbound(), account)
                pytest.fail(f"The channel took this for an answer: {result}")
        for private in (*_secrets(account.credentials), _TEXT):
            assert private not in str(raised.value)
        return raised.value


class AssistantContract:
    """What every assistant keeps. The subclass names the assistant, and its provider's good answer."""

    assistant: ClassVar[type[AnyAssistant]]
    credentials: ClassVar[Mapping[str, Any]] = {}
    settings: ClassVar[Mapping[str, Any]] = {}

    def test_is_installed_under_its_own_name(self) -> None:
        (entry,) = entry_points(group="conserje.assistants", name=self.assistant.name)
        assert entry.load() is self.assistant

    def test_refuses_fields_that_it_does_not_know(self) -> None:
        for model in (self.assistant.Credentials, self.assistant.Settings, self.assistant.Operator):
            assert model.model_config.get("extra") == "forbid", model

    def test_works_without_settings_of_the_operator_and_the_tenant(self) -> None:
        self.assistant.Operator()
        self.assistant.Settings()

    def test_shows_no_secret(self) -> None:
        turn = self._turn(_TEXT)
        for secret in _secrets(turn.credentials):
            assert secret not in repr(turn)

    @pytest.mark.parametrize("products", [(), (Product(1, "Café", Decimal(4990), 3, "Bebidas"),)])
    @pytest.mark.parametrize(
        "text", ["hola", _TEXT, "", " \n", "👍", "12", "¿?", "[", "a" * 5000, "ñ\u0301\u200d"]
    )
    async def test_a_reply_can_be_stored(self, text: str, products: tuple[Product, ...]) -> None:
        reply = await self._reply(self._turn(text, products), lambda _: self._good_answer())
        assert isinstance(reply, Reply)
        for content in reply.messages:
            assert from_json(to_json(content)) == content
        assert reply.confidence is None or 0 <= reply.confidence <= 1

    async def test_a_turn_may_be_thought_again(self) -> None:
        turn = self._turn(_TEXT)
        first = await self._reply(turn, lambda _: self._good_answer())
        assert await self._reply(turn, lambda _: self._good_answer()) == first

    def _good_answer(self) -> httpx2.Response:
        pytest.fail("The assistant asks a provider: its contract is ProviderAssistantContract.")

    async def _reply(self, turn: Turn[Any, Any], answer: Handler) -> Reply:
        async with _provider(answer) as http:
            return await self.assistant(self.assistant.Operator(), http).reply(turn)

    def _turn(self, text: str, products: Sequence[Product] = ()) -> Turn[Any, Any]:
        return Turn(
            id=1,
            tenant=Tenant("tienda", "La Tienda", "es-CL", "CLP", "America/Santiago"),
            contact=Contact(1, "Ana"),
            messages=[said(text)],
            history=[],
            products=GivenProducts(products),
            knowledge=GivenKnowledge(),
            tools=GivenTools(),
            budget=GivenBudget(),
            credentials=self.assistant.Credentials.model_validate(dict(self.credentials)),
            settings=self.assistant.Settings.model_validate(dict(self.settings)),
        )


class ProviderAssistantContract(AssistantContract):
    """What an assistant keeps besides that asks a provider. The subclass gives a good answer of it."""

    answer: ClassVar[httpx2.Response]

    @pytest.mark.parametrize(
        "answered",
        [
            (500, {}, "{}"),
            (200, {}, "<html>hola</html>"),
            (200, {"content-type": "application/json"}, "{}"),
            (302, {"location": "https://a.example/"}, ""),
            (401, {}, "{key}"),
        ],
        ids=["failure", "html", "shapeless", "redirect", "key quoted"],
    )
    async def test_a_failing_provider_is_an_error_that_quotes_nothing(
        self, answered: tuple[int, dict[str, str], str]
    ) -> None:
        status, headers, body = answered
        turn = self._turn(_TEXT)
        secrets = _secrets(turn.credentials)
        body = body.replace("key", " ".join(secrets))
        with pytest.raises(Exception) as raised:
            reply = await self._reply(turn, lambda _: httpx2.Response(status, headers=headers, text=body))
            pytest.fail(f"The assistant took this for an answer: {reply}")
        for private in (*secrets, _TEXT):
            assert private not in str(raised.value)

    def _good_answer(self) -> httpx2.Response:
        return httpx2.Response(
            self.answer.status_code, headers=self.answer.headers, content=self.answer.content
        )


class ToolContract:
    """What every tool keeps. The subclass names the tool, arguments that it takes, and a good answer.

    Nothing is asked anywhere. Needs pytest-asyncio in its mode "auto".
    """

    tool: ClassVar[type[AnyTool]]
    arguments: ClassVar[Mapping[str, Any]]
    credentials: ClassVar[Mapping[str, Any]] = {}
    settings: ClassVar[Mapping[str, Any]] = {}

    def test_is_installed_under_its_own_name(self) -> None:
        (entry,) = entry_points(group="conserje.tools", name=self.tool.name)
        assert entry.load() is self.tool

    def test_refuses_fields_that_it_does_not_know(self) -> None:
        tool = self.tool
        own = (tool.Credentials, tool.Settings, tool.Operator)
        for model in own if tool.offer is not Tool.offer else (tool.Parameters, *own):
            assert model.model_config.get("extra") == "forbid", model

    def test_works_without_settings_of_the_operator(self) -> None:
        self.tool.Operator()

    def test_says_to_a_model_how_it_is_called(self) -> None:
        schema = self.tool.Parameters.model_json_schema()
        assert schema["type"] == "object" and self.tool.description.strip()
        for name, described in schema.get("properties", {}).items():
            assert described.get("description"), f"{name} has no description"

    def test_bounds_the_words_that_a_model_may_write(self) -> None:
        schema = self.tool.Parameters.model_json_schema()
        for name, described in schema.get("properties", {}).items():
            bounded = described.get("type") != "string" or {"maxLength", "enum", "format"} & described.keys()
            assert bounded, f"{name} may be of any length"

    def test_shows_no_secret(self) -> None:
        call = self._call()
        for secret in _secrets(call.credentials):
            assert secret not in repr(call)

    async def test_gives_a_result_of_a_good_answer(self) -> None:
        result = await self._run(lambda _: self._good_answer())
        assert isinstance(result, Result) and not result.failed and result.text

    async def test_a_call_that_is_made_again_gives_the_same(self) -> None:
        first = await self._run(lambda _: self._good_answer())
        assert await self._run(lambda _: self._good_answer()) == first

    def _good_answer(self) -> httpx2.Response:
        pytest.fail("The tool asks a provider: override `_good_answer`.")

    async def _run(self, answer: Handler) -> Result:
        async with _provider(answer) as http:
            result: Result = await self.tool(self.tool.Operator(), http).run(self._call())
        return result

    def _call(self) -> Call[Any, Any, Any]:
        return Call(
            key="1-1",
            tenant=Tenant("tienda", "La Tienda", "es-CL", "CLP", "America/Santiago"),
            contact=Contact(1, "Ana"),
            arguments=self.tool.Parameters.model_validate(dict(self.arguments)),
            products=GivenProducts([Product(1, "Café", Decimal(4990), 3, "Bebidas")]),
            knowledge=GivenKnowledge(),
            leads=GivenLeads(),
            credentials=self.tool.Credentials.model_validate(dict(self.credentials)),
            settings=self.tool.Settings.model_validate(dict(self.settings)),
        )


def _secrets(credentials: BaseModel) -> list[str]:
    return [value.get_secret_value() for _, value in credentials if isinstance(value, SecretStr)]


def _changed(hook: Webhook, **changes: Any) -> Webhook:
    given = {"url": hook.url, "headers": hook.headers, "body": hook.body} | changes
    return Webhook(hook.method, hook.path, **given)


@asynccontextmanager
async def _provider(answer: Handler) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        yield http
