"""The suites of assistants: `AssistantContract`, and `ProviderAssistantContract` for those that ask."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import httpx2
import pytest

from conserje.contract.account import Account, NotOffered
from conserje.contract.assistant import AnyAssistant, Assistant, NoAnswer, Product, Reply, Turn, Voice
from conserje.contract.channel import CannotTell
from conserje.contract.message import Content, Text, from_json, to_json
from conserje.plugins import given
from conserje.stand_ins import GivenBudget, GivenKnowledge, GivenProducts, GivenTools
from conserje.stand_ins import said as written
from conserje.testing import bodies
from conserje.testing.asking import (
    CONTACT,
    KEEP_NOTHING,
    OTHER_CONTACT,
    OTHER_TENANT,
    TENANT,
    Desk,
    bad_answers,
    desk,
    outcome,
    own,
    quoting,
)
from conserje.testing.models import check_installed, check_models, check_name, check_secrecy
from conserje.testing.provider import Handler, answering, cancelled, differing, places, says, state
from conserje.testing.samples import CONTENTS, TEXT
from conserje.testing.secrecy import discreet, leaked, secrets_of
from conserje.testing.subject import stranger
from conserje.testing.suite import Suite
from conserje.testing.watch import breathing

_COFFEE = Product(1, "Café", Decimal(4990), 3, "Bebidas")
_TEA = Product(2, "Té verde", Decimal(2990), None, "Infusiones")
_TEXTS = (
    "hola",
    TEXT,
    "",
    " \n",
    "👍",
    "12",
    "¿?",
    "[",
    "a" * 5000,
    "ñ\u0301\u200d",
    "{x}",
    "%s",
)
_COROUTINES = ("reply", "summarise", "transcribe", "examine", "probe", "start", "close")
_VOICE = Voice(b"OggS" + bytes(100), "audio/ogg", 1.0, ("Café", "Té verde"))


class AssistantContract(Suite):
    """What every assistant keeps. The subclass names the assistant, and its provider's good answer."""

    assistant: ClassVar[type[AnyAssistant]]
    credentials: ClassVar[Mapping[str, Any]] = {}
    other_credentials: ClassVar[Mapping[str, Any]] = {}  # of another tenant; empty: others of the same form
    settings: ClassVar[Mapping[str, Any]] = {}
    operator: ClassVar[Mapping[str, Any]] = {}

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        """What the provider answers when all is well."""
        pytest.fail("The assistant asks a provider: its contract is ProviderAssistantContract.")

    def turn(self, text: str | Content, products: Sequence[Product] = ()) -> Turn[Any, Any]:
        """A turn in which the contact writes this."""
        written_now = written(text) if isinstance(text, str) else replace(written(""), content=text)
        return Turn(
            id=1,
            tenant=TENANT,
            contact=CONTACT,
            messages=[written_now],
            history=[],
            products=GivenProducts(products),
            knowledge=GivenKnowledge(),
            tools=GivenTools(),
            budget=GivenBudget(),
            credentials=self.assistant.Credentials.model_validate(dict(self.credentials)),
            settings=self.assistant.Settings.model_validate(dict(self.settings)),
        )

    async def reply(self, turn: Turn[Any, Any], answer: Handler | None = None) -> Reply:
        """What the assistant replies, where its provider answers so."""
        async with self._desk(answer) as at:
            return given.reply(await breathing(at.plugin.reply(turn)))

    def test_is_installed_under_its_own_name(self) -> None:
        check_name(self.assistant)
        check_installed("conserje.assistants", self.assistant)

    def test_refuses_fields_that_it_does_not_know(self) -> None:
        check_models(self.assistant.Credentials, self.assistant.Settings, self.assistant.Operator)

    def test_works_without_settings_of_the_operator_and_the_tenant(self) -> None:
        self.assistant.Operator()
        self.assistant.Settings()

    def test_shows_no_secret(self) -> None:
        check_secrecy(self.assistant.Credentials, self.credentials, self.turn(TEXT))

    def test_its_coroutines_are_coroutines(self) -> None:
        for name in _COROUTINES:
            method = getattr(self.assistant, name, None)
            assert method is None or inspect.iscoroutinefunction(method), (
                f"`{name}` is awaited: `async def {name}`."
            )

    @pytest.mark.parametrize("products", [(), (_COFFEE,)], ids=["nothing on sale", "coffee on sale"])
    @pytest.mark.parametrize("text", _TEXTS)
    async def test_a_reply_can_be_stored(self, text: str, products: tuple[Product, ...]) -> None:
        self._check_reply(await self.reply(self.turn(text, products)))

    @pytest.mark.parametrize("kind", sorted(CONTENTS))
    async def test_whatever_a_contact_sends_is_answered_or_not(self, kind: str) -> None:
        self._check_reply(await self.reply(self.turn(CONTENTS[kind], (_COFFEE,))))

    async def test_several_messages_and_a_past_are_read(self) -> None:
        turn = replace(
            self.turn(TEXT, (_COFFEE,)),
            messages=[written("hola"), written(TEXT)],
            history=[
                written("ayer"),
                written("Buenos días", "assistant"),
                *(written(f"y {n}") for n in range(100)),
            ],
            summary="Ana preguntó ayer por el té.",
        )
        self._check_reply(await self.reply(turn))

    async def test_a_turn_may_be_thought_again(self) -> None:
        turn = self.turn(TEXT, (_COFFEE,))
        async with self._desk() as at:
            first = await breathing(at.plugin.reply(turn))
            assert await at.plugin.reply(turn) == first, (
                "The same turn has another reply when it is thought again: keep nothing of it in `self`."
            )
        assert await self.reply(turn) == first, "The same turn has another reply in another process."

    async def test_a_turn_is_read_and_never_changed(self) -> None:
        turn = replace(self.turn(TEXT, (_COFFEE,)), history=[written("ayer")])
        before = deepcopy((turn.messages, turn.history, turn.settings))
        await self.reply(turn)
        assert (turn.messages, turn.history, turn.settings) == before, (
            "The turn is changed: it is thought again."
        )

    async def test_two_tenants_never_mix(self) -> None:
        turns = self._two_turns()
        alone = [await self.reply(turn) for turn in turns]
        async with self._desk() as at:
            mixed = [await breathing(at.plugin.reply(turn)) for turn in (*turns, *turns)]
            at_once = list(await asyncio.gather(*(at.plugin.reply(turn) for turn in turns)))
        assert mixed == [*alone, *alone] and at_once == alone, (
            "A tenant or a contact is answered otherwise once another one was: one instance serves all, so "
            "keep nothing of a turn in `self`."
        )

    async def test_says_nothing_private(self) -> None:
        private = self._private()
        with discreet([*private, TEXT]):
            async with self._desk() as at:
                reply = await breathing(at.plugin.reply(self.turn(TEXT, (_COFFEE,))))
                shown = f"{at.plugin!r}{vars(at.plugin)!r}"
        assert not leaked(f"{reply!r}", private), "The reply, or what is `told` with it, says a secret."
        assert not leaked(shown, private), "`repr` of the assistant says a secret: type it as SecretStr."

    async def test_changes_nothing_of_the_client_that_all_share(self) -> None:
        async with self._desk() as at:
            before = state(at.http)
            await at.plugin.reply(self.turn(TEXT))
            assert state(at.http) == before, (
                "`self.http` serves every tenant: give headers with each request."
            )

    async def test_a_reply_that_is_cancelled_ends(self) -> None:
        async with self._desk() as at:
            assert await cancelled(at.plugin.reply(self.turn(TEXT)), at.provider), (
                "A `reply` that is cancelled goes on: catch Exception, not BaseException."
            )

    async def test_what_else_it_offers_keeps_the_contract(self) -> None:
        for name, may in _BESIDE:
            if getattr(self.assistant, name) is not getattr(Assistant, name):
                for what, answer in [("well", self.good_answer), *bad_answers()]:
                    async with self._desk(answer) as at:
                        ended = await outcome(self._call(at, name), self._private())
                    assert not isinstance(ended, Exception) or isinstance(ended, may), (
                        f"Where the provider answers {what}, `{name}` raises {type(ended).__name__}: it may "
                        f"raise {' and '.join(each.__name__ for each in may)}."
                    )

    def _call(self, at: Desk, name: str) -> Awaitable[Any]:
        turn = self.turn(TEXT)
        account = Account("tienda", "", turn.credentials, turn.settings)
        past = replace(turn, history=[written("ayer"), written("hoy")])
        given_to: dict[str, tuple[Any, ...]] = {"summarise": (past,), "transcribe": (_VOICE, account)}
        called: Awaitable[Any] = getattr(at.plugin, name)(*given_to.get(name, (account,)))
        return called

    def _check_reply(self, reply: Reply) -> None:
        for content in given.reply(reply).messages:
            assert from_json(to_json(content)) == content, f"{content} cannot be stored."
            assert not isinstance(content, Text) or content.text.strip(), (
                "A message of the reply says nothing: a reply without messages is silence."
            )
            assert "None" not in to_json(content), f"{content} says None."
        assert reply.confidence is None or 0 <= reply.confidence <= 1, "`confidence` is from 0 to 1."
        assert all(count >= 0 for count in reply.usage.values()), "`usage` counts from 0."

    def _two_turns(self) -> list[Turn[Any, Any]]:
        """Of one tenant's contact, of another one, and of another tenant's."""
        turn = self.turn(TEXT, (_COFFEE,))
        theirs = self.assistant.Credentials.model_validate(dict(self._other_secrets()))
        return [
            turn,
            replace(turn, id=2, contact=OTHER_CONTACT, messages=[written("hola, busco otra cosa")]),
            replace(turn, id=3, tenant=OTHER_TENANT, products=GivenProducts((_TEA,)), credentials=theirs),
        ]

    def _other_secrets(self) -> Mapping[str, Any]:
        both = {**self.credentials, **self.other_credentials}
        return stranger(self.assistant.Credentials, both, self.credentials)

    def _private(self) -> list[str]:
        operator = self.assistant.Operator.model_validate(dict(self.operator))
        return secrets_of(self.turn("").credentials, operator)

    def _desk(self, answer: Handler | None = None, **operator: Any) -> Any:
        return desk(self.assistant, {**self.operator, **operator}, answer or self.good_answer)


_ASKED = (NotOffered, CannotTell)
_BESIDE: tuple[tuple[str, tuple[type[Exception], ...]], ...] = (
    ("summarise", (NoAnswer,)), ("transcribe", (NoAnswer,)), ("examine", _ASKED), ("probe", _ASKED),
)  # fmt: skip


class ProviderAssistantContract(AssistantContract):
    """What an assistant keeps besides that asks a provider. The subclass gives a good answer of it."""

    answer: ClassVar[httpx2.Response]  # always the same; else override `good_answer`
    spends: ClassVar[bool] = True  # False: what it asks is no model, and costs nothing

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return self.answer
        except AttributeError:
            pytest.fail("Say `answer`, or override `good_answer(self, request)`: what the provider answers.")

    async def test_asks_for_what_the_contact_wrote(self) -> None:
        async with self._desk() as at:
            await breathing(at.plugin.reply(self.turn(TEXT)))
            assert says(at.provider.told(), TEXT), (
                "What the contact wrote is in nothing that the provider was asked."
            )

    async def test_a_failing_provider_is_an_error_that_quotes_nothing(self) -> None:
        private = [*self._private(), TEXT]
        for what, answer in [*bad_answers(), *_shapeless(), ("its own refusal", quoting(private))]:
            async with self._desk(answer) as at:
                ended = await outcome(at.plugin.reply(self.turn(TEXT)), private)
            assert isinstance(ended, Exception), (
                f"The provider answers {what}, and the contact is replied {ended}: raise NoAnswer, so that "
                "the tenant's fallback answers."
            )
            assert not isinstance(ended, NoAnswer) or str(ended).strip(), (
                "NoAnswer has no text for the operator."
            )

    async def test_an_odd_answer_is_a_reply_or_an_error(self) -> None:
        private = [*self._private(), TEXT]
        answered = self.good_answer(httpx2.Request("POST", "https://provider.example/")).text
        for _, _, text in bodies.odd_documents(answered, bodies.FEW):
            answer = answering(200, text, {"content-type": "application/json"})
            async with self._desk(answer) as at:
                ended = await outcome(at.plugin.reply(self.turn("hola")), private)
            if not isinstance(ended, Exception):
                self._check_reply(ended)

    async def test_two_tenants_are_asked_for_apart(self) -> None:
        for one, other in ((0, 1), (0, 2), (2, 0)):
            turns = self._two_turns()
            alone = await self._last_request([turns[one]])
            mixed = await self._last_request([turns[other], turns[one], turns[other], turns[one]])
            found = differing(alone, mixed, await self._last_request([turns[one]]))
            assert not found, (
                f"A turn is asked for otherwise once another one was, in {', '.join(found)}: {KEEP_NOTHING}"
            )
            told = "\n".join(places(await self._last_request([turns[other], turns[one]])).values())
            assert not leaked(told, own(turns[other], turns[one])), (
                f"Another tenant's key is used: {KEEP_NOTHING}"
            )

    async def test_spends_within_the_budget(self) -> None:
        if not self.spends:
            return
        async with self._desk() as at:
            with pytest.raises(NoAnswer):
                await at.plugin.reply(replace(self.turn(TEXT), budget=GivenBudget(empty=True)))
                pytest.fail(
                    "The budget is spent, and the model is asked all the same: `await turn.budget.check()`."
                )
            assert not at.provider.requests, "The model is asked before the budget is: check it first."
            budget = GivenBudget()
            await at.plugin.reply(replace(self.turn(TEXT), budget=budget))
            assert budget.spent or budget.estimated, (
                "What the model used is not told: `await turn.budget.spend(...)`; where it is no model, "
                "say `spends = False`."
            )

    async def test_asks_at_the_operator_s_address(self) -> None:
        if "base_url" in self.assistant.Operator.model_fields:
            async with self._desk(base_url="https://otra.example") as at:
                await at.plugin.reply(self.turn(TEXT))
                hosts = {request.url.host for request in at.provider.requests}
                assert hosts == {"otra.example"}, (
                    f"The operator's base_url is otra.example, and {hosts} are asked."
                )

    async def _last_request(self, turns: Sequence[Turn[Any, Any]]) -> httpx2.Request:
        async with self._desk() as at:
            for turn in turns:
                await at.plugin.reply(turn)
            assert at.provider.requests, "The assistant replies, and its provider was asked nothing."
            last: httpx2.Request = at.provider.requests[-1]
            return last


def _shapeless() -> list[tuple[str, Handler]]:
    headers = {"content-type": "application/json"}
    texts = ("<html>hola</html>", "", "{}", "[]", "null", "7")
    return [(repr(text), answering(200, text, headers)) for text in texts]
