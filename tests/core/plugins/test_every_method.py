"""Whatever a plugin can offer is guarded: each method of each contract, with whatever it raises."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from conserje import (
    Account,
    AccountFault,
    Assistant,
    Channel,
    Forged,
    Malformed,
    Nothing,
    Text,
    Tool,
    TryLater,
    Unreachable,
    Webhook,
)
from conserje.contract.message import InboundMessage
from conserje.net.client import client
from conserje.plugins import given, guard
from conserje.plugins.guard import MAY_RAISE, AnyPlugin, PluginFailed
from conserje.plugins.plugins import CONTRACTS

SECRET = "hunter2-of-acme"


class Keys(BaseModel):
    """An account's credentials."""

    token: SecretStr = SecretStr(SECRET)


ACCOUNT = Account("acme", "+1", Keys(), Nothing())
METHODS = [
    (contract, name)
    for contract in CONTRACTS.values()
    for name, method in vars(contract).items()
    if not name.startswith("_") and inspect.isfunction(method)
]
ERRORS = (SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), OSError(SECRET))


def plugin(contract: type[Any], name: str, error: BaseException) -> AnyPlugin:
    """One whose method of this name raises that, whatever it is given."""

    def fail(self: object, *args: object, **named: object) -> Any:
        raise error

    async def fail_later(self: object, *args: object, **named: object) -> Any:
        raise error

    is_coroutine = inspect.iscoroutinefunction(getattr(contract, name))
    models = dict.fromkeys(("Parameters", "Credentials", "Settings", "Operator"), Nothing)
    body = {"name": "wild", **models, name: fail_later if is_coroutine else fail}
    made: AnyPlugin = type("Wild", (contract,), body)(Nothing(), client())
    return made


async def call(wild: AnyPlugin, name: str) -> Any:
    """As core calls it: with an account among what it is given, by its place or by its name."""
    if inspect.iscoroutinefunction(getattr(wild, name)):
        return await guard.awaited(wild, "acme", name, given.nothing, None, account=ACCOUNT)
    return guard.called(wild, "acme", name, given.nothing, ACCOUNT)


def test_all_three_contracts_are_looked_at() -> None:
    assert {contract for contract, _ in METHODS} == {Channel, Assistant, Tool}
    assert {"start", "close", "parse", "compose", "attend"} <= {name for _, name in METHODS}
    assert MAY_RAISE.keys() <= {name for _, name in METHODS}


@pytest.mark.parametrize(("contract", "name"), METHODS, ids=lambda given: getattr(given, "__name__", given))
async def test_promise_8_whatever_it_raises_ends_the_call_alone(contract: type[Any], name: str) -> None:
    for error in ERRORS:
        with pytest.raises(PluginFailed, match=f"^{type(error).__name__}$") as caught:
            await call(plugin(contract, name, error), name)
        assert SECRET not in caught.value.told + caught.value.place


def allowed() -> Iterator[tuple[type[Any], str, type[Exception]]]:
    return ((contract, name, kind) for contract, name in METHODS for kind in MAY_RAISE.get(name, ()))


@pytest.mark.parametrize(
    ("contract", "name", "kind"), [*allowed()], ids=lambda given: getattr(given, "__name__", given)
)
async def test_promise_7_what_the_contract_names_comes_anew_and_without_secrets(
    contract: type[Any], name: str, kind: type[Exception]
) -> None:
    own = type("Own", (kind,), {"cause": SECRET, "__str__": lambda self: f"{SECRET} is wrong"})
    with pytest.raises(kind) as caught:
        await call(plugin(contract, name, own("x")), name)
    assert type(caught.value) is kind
    assert str(caught.value) == ("" if kind is Forged else "[redacted] is wrong")
    if isinstance(caught.value, Unreachable):
        assert caught.value.cause == "The contact cannot be reached now: [redacted] is wrong"
    if isinstance(caught.value, TryLater | AccountFault):
        assert vars(caught.value)


class Reading(Channel[Keys, Nothing, Nothing]):
    """Its `parse` asks for the account, and does as the test says."""

    name = "reading"
    Credentials, Settings, Operator = Keys, Nothing, Nothing
    habit: Callable[[Account[Keys, Nothing]], Any]

    def parse(self, hook: Webhook, account: Account[Keys, Nothing]) -> Any:
        return self.habit(account)


HOOK = Webhook("POST", "webhook", "https://acme.example/bot/reading/webhook", {}, b"")


def reading(habit: Callable[[Account[Keys, Nothing]], Any]) -> Reading:
    made = Reading(Nothing(), client())
    made.habit = habit
    return made


def complain(account: Account[Keys, Nothing]) -> Iterator[InboundMessage]:
    yield InboundMessage(account.address, "k", "ana", Text("hola"))
    raise Malformed(f"{account.credentials.token.get_secret_value()} is no token")


def test_promise_7_what_parse_says_of_the_account_it_was_given_is_redacted() -> None:
    """Also while its events are read."""
    for habit in (complain, lambda account: next(iter([*complain(account)]))):
        with pytest.raises(Malformed, match=r"^\[redacted\] is no token$"):
            guard.parsed(reading(habit), "acme", HOOK, ACCOUNT)


def test_parse_is_given_the_account_that_it_asks_for() -> None:
    channel = reading(lambda account: [InboundMessage(account.address, "k", "ana", Text("hola"))])
    assert [event.address for event in guard.parsed(channel, "acme", HOOK, ACCOUNT)] == ["+1"]


def webhook(**odd: Any) -> Webhook:
    made = Webhook("POST", "webhook", "https://acme.example/bot/x/webhook", {"a": "b"}, b"{}")
    vars(made).update(odd)
    return made


NONSENSE: list[object] = [
    None,
    ("POST", "webhook"),
    webhook(method=None),
    webhook(path=7),
    webhook(url="https://acme.example/\n"),
    webhook(url="https://ácme.example/"),
    webhook(url=b"https://acme.example/"),
    webhook(headers=None),
    webhook(headers={"a": 1}),
    webhook(headers={"a": "b\r\nx: y"}),
    webhook(headers={"ñ": "b"}),
    webhook(body="{}"),
    webhook(body=None),
]


@pytest.mark.parametrize("odd", NONSENSE, ids=range(len(NONSENSE)))
def test_what_is_composed_can_be_posted_or_is_a_fault(odd: object) -> None:
    channel = reading(lambda account: [])
    channel.compose = lambda *_: odd  # type: ignore[assignment,method-assign]
    with pytest.raises(PluginFailed, match=r"^gave "):
        guard.called(channel, "acme", "compose", given.webhook, ACCOUNT, "", "ana", "hola")
    channel.compose = lambda *_: webhook()  # type: ignore[method-assign]
    assert guard.called(channel, "acme", "compose", given.webhook, ACCOUNT, "", "ana", "hola")
