"""The suite of tools."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import httpx2
import pytest
from pydantic import ValidationError

from conserje.contract.account import Account, NotOffered
from conserje.contract.assistant import Product, Result
from conserje.contract.channel import CannotTell
from conserje.contract.tool import AnyTool, Call, Tool
from conserje.plugins import given
from conserje.stand_ins import GivenKnowledge, GivenLeads, GivenProducts
from conserje.testing.asking import (
    CONTACT,
    KEEP_NOTHING,
    OTHER_CONTACT,
    OTHER_TENANT,
    TENANT,
    bad_answers,
    desk,
    outcome,
    own,
    quoting,
)
from conserje.testing.models import check_installed, check_models, check_name, check_secrecy
from conserje.testing.provider import Handler, cancelled, differing, places, state
from conserje.testing.secrecy import discreet, leaked, secrets_of
from conserje.testing.subject import stranger
from conserje.testing.suite import Suite
from conserje.testing.watch import breathing

_COFFEE = Product(1, "Café", Decimal(4990), 3, "Bebidas")
_COROUTINES = ("run", "offer", "examine", "start", "close")
_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")


class ToolContract(Suite):
    """What every tool keeps. The subclass names the tool, arguments that it takes, and a good answer.

    Nothing is asked anywhere, neither by `self.http` nor by `conserje.fetch`.
    """

    tool: ClassVar[type[AnyTool]]
    arguments: ClassVar[Mapping[str, Any]]
    credentials: ClassVar[Mapping[str, Any]] = {}
    other_credentials: ClassVar[Mapping[str, Any]] = {}  # of another tenant; empty: others of the same form
    settings: ClassVar[Mapping[str, Any]] = {}
    operator: ClassVar[Mapping[str, Any]] = {}
    address: ClassVar[str] = ""  # of the tenant's account for the tool
    offered: ClassVar[str] = ""  # which of its offers is called, where the tool makes several

    def good_answer(self, request: httpx2.Request) -> httpx2.Response | Awaitable[httpx2.Response]:
        """What the provider answers when it has done what is asked."""
        pytest.fail("The tool asks a provider: override `good_answer(self, request)`, what that answers.")

    def call(self) -> Call[Any, Any, Any]:
        """A call of the tool."""
        return Call(
            key="1-1",
            tenant=TENANT,
            contact=CONTACT,
            arguments=self.tool.Parameters.model_validate(dict(self.arguments)),
            products=GivenProducts([_COFFEE]),
            knowledge=GivenKnowledge(),
            leads=GivenLeads(),
            credentials=self.tool.Credentials.model_validate(dict(self.credentials)),
            settings=self.tool.Settings.model_validate(dict(self.settings)),
            name=self.offered,
            address=self.address,
        )

    async def run(self, answer: Handler | None = None, call: Call[Any, Any, Any] | None = None) -> Result:
        """What comes of a call, where the provider answers so."""
        async with self._desk(answer) as at:
            return given.result(await breathing(at.plugin.run(call or self.call())))

    def test_is_installed_under_its_own_name(self) -> None:
        check_name(self.tool)
        check_installed("conserje.tools", self.tool)

    def test_refuses_fields_that_it_does_not_know(self) -> None:
        tool = self.tool
        own = (tool.Credentials, tool.Settings, tool.Operator)
        check_models(*own, *(() if tool.offer is not Tool.offer else (tool.Parameters,)))

    def test_works_without_settings_of_the_operator(self) -> None:
        self.tool.Operator()

    def test_its_coroutines_are_coroutines(self) -> None:
        for name in _COROUTINES:
            method = getattr(self.tool, name, None)
            assert method is None or inspect.iscoroutinefunction(method), (
                f"`{name}` is awaited: `async def {name}`."
            )

    def test_says_to_a_model_how_it_is_called(self) -> None:
        schema = self.tool.Parameters.model_json_schema()
        assert schema["type"] == "object" and self.tool.description.strip(), (
            "`description` says when to call it."
        )
        assert len(self.tool.description) <= given.LONGEST_OFFER, (
            f"`description` has at most {given.LONGEST_OFFER} signs."
        )
        for name, described in schema.get("properties", {}).items():
            assert described.get("description"), f"{name} has no description: Field(description=...)."

    def test_bounds_the_words_that_a_model_may_write(self) -> None:
        schema = self.tool.Parameters.model_json_schema()
        for name, described in schema.get("properties", {}).items():
            for each in (described, *described.get("anyOf", ())):
                bounded = (
                    each.get("type") != "string" or {"maxLength", "enum", "format", "const"} & each.keys()
                )
                assert bounded, f"{name} may be of any length: Field(max_length=...)."
                listed = each.get("type") != "array" or "maxItems" in each
                assert listed, f"{name} may have any number of items: Field(max_length=...)."

    def test_takes_no_arguments_but_its_own(self) -> None:
        if self.tool.offer is Tool.offer:
            for wrong in ({**self.arguments, "no_such_argument": 1}, *_of_other_types(self.arguments)):
                with pytest.raises(ValidationError):
                    self.tool.Parameters.model_validate(wrong)
                    pytest.fail(
                        f"The arguments {wrong} are taken: a model may write anything, so type each of them."
                    )

    def test_shows_no_secret(self) -> None:
        check_secrecy(self.tool.Credentials, self.credentials, self.call())

    async def test_gives_a_result_of_a_good_answer(self) -> None:
        result = await self.run()
        assert not result.failed, f"All is well, and the result has failed: {result.text}"
        assert result.text.strip(), "The result has no `text`, which is what the model reads."
        assert "None" not in f"{result.text}{result.shown}", f"{result.text!r} says None."

    async def test_a_call_that_is_made_again_gives_the_same(self) -> None:
        async with self._desk() as at:
            call = self.call()
            first = await breathing(at.plugin.run(call))
            assert await at.plugin.run(call) == first, (
                "The same call has another result: keep nothing in `self`."
            )
        assert await self.run() == first, "The same call has another result in another process."

    async def test_two_tenants_never_mix(self) -> None:
        calls = self._calls()
        alone = [await self.run(call=each) for each in calls]
        async with self._desk() as at:
            mixed = [await breathing(at.plugin.run(each)) for each in (*calls, *calls)]
        assert mixed == [*alone, *alone], (
            "A call has another result once another tenant's was made: keep none in `self`."
        )
        for one, other in ((0, 1), (0, 2), (2, 0)):
            steady = await self._last_request([calls[one]]), await self._last_request([calls[one]])
            between = await self._last_request([calls[other], calls[one], calls[other], calls[one]])
            if steady[0] is not None and steady[1] is not None and between is not None:
                found = differing(steady[0], between, steady[1])
                assert not found, (
                    f"A call is asked for otherwise after another one, in {', '.join(found)}: {KEEP_NOTHING}"
                )
                last = await self._last_request([calls[other], calls[one]])
                told = "\n".join(places(last).values()) if last else ""
                foreign = leaked(told, own(calls[other], calls[one]))
                assert not foreign, f"Another tenant's key is used: {KEEP_NOTHING}"

    async def test_a_provider_that_fails_is_no_success(self) -> None:
        if not await self._asks():
            return
        private = self._private()
        for what, answer in [*bad_answers(), ("its own refusal", quoting(private))]:
            async with self._desk(answer) as at:
                ended = await outcome(at.plugin.run(self.call()), private)
            assert isinstance(ended, Exception) or ended.failed, (
                f"The provider answers {what}, and the result is {ended.text!r}: what was not done is a "
                "Result that has failed, and what nobody knows is raised."
            )
            if isinstance(ended, Result):
                assert not leaked(repr(ended), private), "The result says a secret."
                assert ended.text.strip(), (
                    "A result that has failed says why in `text`, which the model reads."
                )

    async def test_an_effect_of_which_nobody_knows_is_raised(self) -> None:
        if not (self.tool.effect and await self._asks()):
            return
        for what, answer in bad_answers():
            if not (what.startswith("a ") or what in _NOT_SENT) or what[:3] == "a 5":
                async with self._desk(answer) as at:
                    ended = await outcome(at.plugin.run(self.call()), self._private())
                assert isinstance(ended, Exception), (
                    f"The provider answers {what}, and the result says that nothing was done: perhaps it "
                    "was. Raise what is not known; only what certainly was not done is a Result that has "
                    "failed."
                )

    async def test_what_may_be_repeated_is_named_by_its_key(self) -> None:
        if self.tool.repeatable and await self._asks():
            async with self._desk() as at:
                await at.plugin.run(replace(self.call(), key="llave-730211"))
                assert any("llave-730211" in each for each in at.provider.told()), (
                    "The tool is `repeatable`, and `call.key` is in nothing that was asked: by it the "
                    "provider knows that it did this already."
                )

    async def test_says_nothing_private(self) -> None:
        private = self._private()
        with discreet(
            [*private, *(each for each in self.arguments.values() if isinstance(each, str) and " " in each)]
        ):
            async with self._desk() as at:
                result = await breathing(at.plugin.run(self.call()))
                shown = f"{at.plugin!r}{vars(at.plugin)!r}"
        assert not leaked(repr(result), private), "The result says a secret."
        assert not leaked(shown, private), "`repr` of the tool says a secret: type it as SecretStr."

    async def test_changes_nothing_of_the_client_that_all_share(self) -> None:
        async with self._desk() as at:
            before = state(at.http)
            await at.plugin.run(self.call())
            assert state(at.http) == before, (
                "`self.http` serves every tenant: give headers with each request."
            )

    async def test_a_call_that_is_cancelled_ends(self) -> None:
        async with self._desk() as at:
            assert await cancelled(at.plugin.run(self.call()), at.provider), (
                "A `run` that is cancelled goes on: catch Exception, not BaseException."
            )

    async def test_asks_at_the_operator_s_address(self) -> None:
        if "base_url" in self.tool.Operator.model_fields and await self._asks():
            async with self._desk(base_url="https://otra.example") as at:
                await at.plugin.run(self.call())
                hosts = {request.url.host for request in at.provider.requests}
                assert hosts == {"otra.example"}, (
                    f"The operator's base_url is otra.example, and {hosts} are asked."
                )

    async def test_what_else_it_offers_keeps_the_contract(self) -> None:
        may = (NotOffered, CannotTell)
        for name in ("offer", "examine"):
            if getattr(self.tool, name) is not getattr(Tool, name):
                for what, answer in [("well", self.good_answer), *bad_answers()]:
                    async with self._desk(answer) as at:
                        ended = await outcome(getattr(at.plugin, name)(self._account()), self._private())
                    assert not isinstance(ended, Exception) or isinstance(ended, may), (
                        f"Where the provider answers {what}, `{name}` raises {type(ended).__name__}: it may "
                        "raise NotOffered and CannotTell."
                    )

    def _account(self) -> Account[Any, Any]:
        call = self.call()
        return Account("tienda", call.address, call.credentials, call.settings)

    def _calls(self) -> list[Call[Any, Any, Any]]:
        """Of one tenant's contact, of another one, and of another tenant's."""
        call = self.call()
        both = {**self.credentials, **self.other_credentials}
        theirs = stranger(self.tool.Credentials, both, self.credentials)
        return [
            call,
            replace(call, key="2-1", contact=OTHER_CONTACT),
            replace(
                call, key="3-1", tenant=OTHER_TENANT, credentials=self.tool.Credentials.model_validate(theirs)
            ),
        ]

    def _private(self) -> list[str]:
        return secrets_of(self.call().credentials, self.tool.Operator.model_validate(dict(self.operator)))

    async def _asks(self) -> bool:
        return await self._last_request([self.call()]) is not None

    async def _last_request(self, calls: Sequence[Call[Any, Any, Any]]) -> httpx2.Request | None:
        async with self._desk() as at:
            for call in calls:
                await at.plugin.run(call)
            return at.provider.requests[-1] if at.provider.requests else None

    def _desk(self, answer: Handler | None = None, **operator: Any) -> Any:
        return desk(self.tool, {**self.operator, **operator}, answer or self.good_answer)


def _of_other_types(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**arguments, name: {"a": [1]}} for name in arguments]
