"""The guard: a plugin that does as it likes, and what comes of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from conserje import Account, AccountFault, Channel, File, Nothing, OptedOut, Refused, TryLater
from conserje.net.client import client
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.redaction import redacted


class Keys(BaseModel):
    """An account's credentials: one secret that is typed as such, and one that is not."""

    token: SecretStr = SecretStr("hunter2-of-acme")
    pin: str = "4711-0815"


class Operator(BaseModel):
    """The operator's secret."""

    key: SecretStr = SecretStr("operators-own")


class Wild(Channel[Keys, Nothing, Operator]):
    """Does what the test says, in whatever method."""

    name = "wild"
    Credentials, Settings, Operator = Keys, Nothing, Operator
    habit: Callable[..., Any]

    def __init__(self) -> None:
        super().__init__(Operator(), client())

    def acknowledge(self, *given: object) -> Any:
        return self.habit(*given)

    async def send(self, *given: object) -> Any:
        said = self.habit(*given)
        return await said if asyncio.iscoroutine(said) else said

    def media(self, *given: object) -> Any:
        return self.habit(*given)


ACCOUNT = Account("acme", "+1", Keys(), Nothing())


def raises(error: BaseException) -> Callable[..., Any]:
    def habit(*given: object) -> Any:
        raise error

    return habit


@pytest.fixture
def wild() -> Wild:
    return Wild()


async def send(wild: Wild) -> Any:
    return await guard.awaited(wild, "acme", "send", given.receipt, None, ACCOUNT)


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), OSError("x")]
)
async def test_whatever_is_raised_that_the_contract_does_not_name_is_a_failure(
    wild: Wild, error: BaseException
) -> None:
    wild.habit = raises(error)
    with pytest.raises(PluginFailed, match=f"^{type(error).__name__}$"):
        await send(wild)
    with pytest.raises(PluginFailed, match=f"^{type(error).__name__}$") as caught:
        guard.called(wild, "acme", "acknowledge", given.answer, None)
    assert f"{type(error).__name__} at {__file__}" in caught.value.place


async def test_what_the_contract_names_is_raised_anew_without_secrets(wild: Wild) -> None:
    token = "EAAGm0PX4ZCpsBA9pZBZC1nGcYIZBwZDZD"
    wild.habit = raises(
        Refused(f"hunter2-of-acme or 4711-0815 or operators-own or {token}: Authorization: Bearer abcdef12")
    )
    with pytest.raises(Refused) as caught:
        await send(wild)
    hidden = "[redacted]"
    assert (
        str(caught.value) == f"{hidden} or {hidden} or {hidden} or {hidden}: Authorization: Bearer {hidden}"
    )


WORDS = {
    "Error validating access token: Session has expired on Sunday.": None,
    "The password is wrong: give another.": None,
    "Message SM0123456789abcdef0123456789abcdef is not there.": None,
    "password=hunter2&x=1": "password=[redacted]&x=1",
    "{'token': 'hunter'}": "{'token': '[redacted]'}",
    "api_key: ab1, then": "api_key: [redacted], then",
    "auth is 0123456789abcdef0123456789abcdef": "auth is [redacted]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def": "[redacted]",
    "http://me:word@host/": "http://[redacted]@host/",
    "sk-proj-abcdefghijklmnop": "[redacted]",
}


@pytest.mark.parametrize(("said", "told"), WORDS.items())
def test_what_looks_like_a_secret_is_taken_out_and_words_are_left(said: str, told: str | None) -> None:
    assert redacted(said) == (told or said)


async def test_what_an_error_says_beside_its_text_is_kept_where_it_makes_sense(wild: Wild) -> None:
    wild.habit = raises(OptedOut("no more", marketing=True))
    with pytest.raises(OptedOut) as caught:
        await send(wild)
    assert caught.value.marketing
    for given_, kept_ in ((True, True), (False, False), ("soon", True)):
        wild.habit = raises(AccountFault("no payment", given_))  # type: ignore[arg-type]
        with pytest.raises(AccountFault) as fault:
            await send(wild)
        assert fault.value.retry is kept_
    for after, kept in ((60, 60.0), (float("nan"), guard.LATER), ("soon", guard.LATER), (-1, guard.LATER)):
        wild.habit = raises(TryLater("busy", after))  # type: ignore[arg-type]
        with pytest.raises(TryLater) as later:
            await send(wild)
        assert later.value.after == kept


async def test_one_that_is_cancelled_may_end_and_nobody_hears_what_it_raises_then(wild: Wild) -> None:
    ended = asyncio.Event()

    async def habit(*given: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
            sys.exit(1)

    wild.habit = habit
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await send(wild)
    assert ended.is_set()


async def test_the_parts_of_a_file_are_bytes_and_its_stream_is_closed(wild: Wild) -> None:
    closed = []

    async def habit(*given: object) -> AsyncIterator[Any]:
        try:
            yield b"one"
            yield "two"
        finally:
            closed.append(True)

    async def keep(parts: AsyncIterator[bytes]) -> list[bytes]:
        return [part async for part in parts]

    wild.habit = habit
    with pytest.raises(PluginFailed, match="gave str, not bytes"):
        await guard.consumed(wild, "acme", keep, File("x"), ACCOUNT)
    assert closed

    async def full(parts: AsyncIterator[bytes]) -> None:
        async for _ in parts:
            raise OSError("The disk is full.")

    with pytest.raises(OSError, match="disk"):
        await guard.consumed(wild, "acme", full, File("x"), ACCOUNT)
    assert len(closed) == 2
