"""What the provider is asked: the tests of `send` and the other coroutines, where all is well."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest

from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel, Channel, Receipt, Refused, TryLater, Urls
from conserje.contract.limits import Limits
from conserje.contract.message import Buttons, Content, File, List, Media, Opened, OutboundMessage, Text
from conserje.contract.signatures import wants
from conserje.plugins import given
from conserje.testing import samples
from conserje.testing.cases import cases, check_outgoing
from conserje.testing.provider import (
    Handler,
    Provider,
    cancelled,
    check_ended,
    differing,
    places,
    says,
    state,
    unlimited,
)
from conserje.testing.samples import FILE_BYTES, TEXT
from conserje.testing.secrecy import check_error, discreet, leaked, secrets_of
from conserje.testing.subject import HOST, ChannelSubject
from conserje.testing.watch import breathing

ID = 730_211_987
URLS = Urls(f"{HOST}/bot/channel/webhook", f"{HOST}/bot/channel/status")

_COROUTINES = ("send", "find", "fetch", "attend", "examine", "configure", "start", "close")


@dataclass
class Desk:
    """A channel that has started, and who stands in for its provider."""

    channel: AnyChannel
    provider: Provider
    http: httpx2.AsyncClient = field(repr=False)


class Sending(ChannelSubject):
    """What a channel asks of its provider."""

    sends_id: ClassVar[bool] = True  # False: the provider takes no id of ours
    outgoing: ClassVar[str | Path] = ""  # a folder of cases, beside the test's own file

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        """What the provider answers to a request of `send`, and of what comes before it, when all is well."""
        pytest.fail(
            "Override `good_answer(self, request)`: what the provider answers when it takes a message, "
            'such as httpx2.Response(200, json={"id": "m-1"}).'
        )

    def test_its_coroutines_are_coroutines(self) -> None:
        for name in _COROUTINES:
            method = getattr(self.channel, name, None)
            assert method is None or inspect.iscoroutinefunction(method), (
                f"`{name}` is awaited: `async def {name}`."
            )

    async def test_sends_text(self) -> None:
        await self._sends(self._said("text"))

    async def test_sends_the_longest_text_that_it_says_it_takes(self) -> None:
        await self._sends(samples.longest(self._limits()))

    async def test_sends_media(self) -> None:
        if "media" in self._limits().carries:
            await self._sends(self._said("media"))

    async def test_sends_a_location(self) -> None:
        if "location" in self._limits().carries:
            await self._sends(self._said("location"))

    async def test_sends_a_contact_card(self) -> None:
        if "contact_card" in self._limits().carries:
            await self._sends(self._said("contact_card"))

    async def test_sends_a_reaction(self) -> None:
        if "reaction" in self._limits().carries:
            await self._sends(self._said("reaction"))

    async def test_sends_a_template(self) -> None:
        if "template" in self._limits().carries:
            await self._sends(self._said("template"))

    async def test_sends_buttons(self) -> None:
        if self._limits().buttons:
            await self._sends(samples.buttons(self._limits()))

    async def test_sends_a_list(self) -> None:
        if self._limits().rows:
            await self._sends(samples.rows(self._limits()))

    async def test_sends_a_choice_of_one(self) -> None:
        limits = self._limits()
        if limits.buttons:
            await self._sends(Buttons("Elige", samples.buttons(limits).buttons[:1]))
        if limits.rows:
            await self._sends(List("Elige", samples.rows(limits).rows[:1]))

    async def test_a_sent_message_has_a_receipt(self) -> None:
        first, second = await self._receipt(Text(TEXT)), await self._receipt(Text(TEXT))
        for each in (first, second):
            assert each.provider_id.strip(), (
                "A receipt has the provider's id of the message in `provider_id`."
            )
            assert each.provider_id not in ("None", "True", "{}"), (
                f"{each.provider_id!r} is no id: look at the type."
            )

    async def test_two_messages_at_once_do_not_mix(self) -> None:
        async with self._desk() as desk:
            both = [self._outbound(Text(f"Mensaje {n}ésimo"), n=n) for n in (1, 2)]
            await asyncio.gather(*(desk.channel.send(each, self._account()) for each in both))
            for request in desk.provider.requests:
                told = list(places(request).values())
                assert not all(says(told, f"Mensaje {n}ésimo") for n in (1, 2)), (
                    "One request has both messages."
                )
            for n in (1, 2):
                self._check_asked(desk.provider.told(), both[n - 1])

    async def test_two_accounts_never_mix(self) -> None:
        for one, other in self._pairs():
            alone = await self._last_request([one])
            mixed = await self._last_request([other, one, other, one])
            again = await self._last_request([one])
            found = differing(alone, mixed, again)
            assert not found, (
                f"An account is sent for otherwise once another one was, in {', '.join(found)}: keep "
                "nothing of an account in `self`, or by a key that two accounts can have."
            )
            for first, last in ((one, other), (other, one)):
                told = "\n".join(places(await self._last_request([first, last])).values())
                assert not leaked(told, _own(first, last)), _FOREIGN

    async def test_two_accounts_at_once_never_mix(self) -> None:
        account, other = self._account(), self._other()
        async with self._desk() as desk:
            one, two = self._outbound(Text("Para la tienda")), self._outbound(Text("Para la ajena"))
            await asyncio.gather(desk.channel.send(one, account), desk.channel.send(two, other))
            for words, theirs in (("Para la tienda", other), ("Para la ajena", account)):
                own = account if theirs is other else other
                foreign = set(self._private(theirs)) - set(self._private(own))
                for request in desk.provider.requests:
                    told = list(places(request).values())
                    if says(told, words):
                        assert not leaked("\n".join(told), foreign), (
                            "A message is sent with another account's secret."
                        )

    async def test_changes_nothing_of_the_client_that_all_share(self) -> None:
        async with self._desk() as desk:
            before = state(desk.http)
            await desk.channel.send(self._outbound(), self._account())
            await desk.channel.send(self._outbound(), self._other())
            assert state(desk.http) == before, (
                "`self.http` serves every tenant: give headers, auth and cookies with each request."
            )

    async def test_keeps_time_limits(self) -> None:
        async with self._desk() as desk:
            await desk.channel.send(self._outbound(), self._account())
            for name in ("find", "fetch", "attend", "examine", "configure"):
                if is_offered(self.channel, name):
                    with suppress(Exception):
                        await self._call(desk.channel, name)
            for request in desk.provider.requests:
                assert not unlimited(request), (
                    f"{request.method} {request.url.path} may take for ever: leave it its time limits."
                )

    async def test_asks_at_the_operator_s_address(self) -> None:
        if "base_url" not in self.channel.Operator.model_fields:
            return
        async with self._desk(base_url="https://otra.example") as desk:
            await desk.channel.send(self._outbound(), self._account())
            hosts = {request.url.host for request in desk.provider.requests}
            assert hosts == {"otra.example"}, (
                f"The operator's base_url is otra.example, and {hosts} are asked."
            )

    async def test_files_are_sent_as_they_are_kept(self) -> None:
        if "media" not in self._limits().carries:
            return
        opened: list[str] = []

        def opener(file: File) -> Opened:
            opened.append(file.ref)
            return Opened(len(FILE_BYTES), _parts())

        async with self._desk() as desk:
            message = self._outbound(self._said("media"), opener=opener)
            await breathing(desk.channel.send(message, self._account()))
            sent = b"".join(request.content for request in desk.provider.requests)
            assert not opened or FILE_BYTES in sent, (
                "A file is opened, and its bytes are not sent as they are."
            )
            if not opened:
                self._check_asked(desk.provider.told(), message)

    async def test_a_file_that_cannot_be_had_now_is_sent_later(self) -> None:
        def opener(file: File) -> Opened:
            raise TryLater("It is on another machine.")

        if "media" in self._limits().carries:
            async with self._desk() as desk:
                with suppress(TryLater):
                    message = self._outbound(self._said("media"), opener=opener)
                    self._check_asked_for(await desk.channel.send(message, self._account()), desk, message)

    async def test_says_nothing_private_while_it_sends(self) -> None:
        with discreet([*self._private(), TEXT]):
            async with self._desk() as desk:
                await desk.channel.send(self._outbound(), self._account())
                text = repr(desk.channel) + repr(vars(desk.channel))
        assert not leaked(text, self._private()), "`repr` of the channel says a secret: type it as SecretStr."

    async def test_what_else_it_offers_lets_the_loop_breathe(self) -> None:
        for name in ("find", "fetch", "attend", "examine", "configure"):
            if is_offered(self.channel, name):
                await self._offered(name)

    async def test_a_send_that_is_cancelled_ends(self) -> None:
        async with self._desk() as desk:
            sending = desk.channel.send(self._outbound(), self._account())
            assert await cancelled(sending, desk.provider), (
                "A `send` that is cancelled goes on: catch Exception, not BaseException."
            )

    async def test_sends_the_cases(self) -> None:
        for name, case in cases(type(self), self.outgoing):
            await check_outgoing(
                name, case, self._channel, self._account(address=case.get("address", "")), self.sender
            )

    @asynccontextmanager
    async def _desk(self, answer: Handler | None = None, **operator: Any) -> AsyncIterator[Desk]:
        provider, others = Provider(answer or self.good_answer), asyncio.all_tasks()
        async with provider.client() as http:
            channel = self._channel(http, **operator)
            if starting := getattr(channel, "start", None):
                await breathing(starting())
            try:
                yield Desk(channel, provider, http)
            finally:
                if closing := getattr(channel, "close", None):
                    await breathing(closing())
        check_ended(others)

    def _outbound(self, content: Content | None = None, *, n: int = 0, opener: Any = None) -> OutboundMessage:
        url = f"{HOST}/bot/{self.channel.name}/status?message={ID + n}"
        said = content or Text(TEXT)
        return OutboundMessage(ID + n, self.sender, said, url, datetime.now(UTC), opener=opener)

    async def _sends(self, content: Content) -> None:
        """It is sent, and all that its receiver must see was asked of the provider."""
        async with self._desk() as desk:
            message = self._outbound(content)
            with discreet(self._private()):
                try:
                    taken = await breathing(desk.channel.send(message, self._account()))
                except Refused as error:
                    pytest.fail(f"The channel carries {content.type}, and refuses this one: {error}")
            self._check_asked_for(taken, desk, message)

    def _check_asked_for(self, taken: Any, desk: Desk, message: OutboundMessage) -> None:
        given.receipt(taken)
        self._check_asked(desk.provider.told(), message)

    def _check_asked(self, told: Sequence[str], message: OutboundMessage) -> None:
        assert told, "`send` gives a receipt, and the provider was asked nothing."
        for words in samples.wanted(message.content):
            asked = any(words in each for each in told) if self._is_literal(message) else says(told, words)
            assert asked, f"{words!r} of the {message.content.type} is not in what was asked, as it stands."
        if isinstance(message.content, Media) and message.opener is None:
            for file in message.content.files:
                assert any(file.ref in each for each in told), (
                    f"The file {file.ref} is in nothing that was asked."
                )
        assert any(_core(message.to) in each for each in told), "The recipient is in nothing that was asked."
        assert not self.sends_id or any(str(message.id) in each for each in told), (
            "Neither the message's id nor its `status_url` is in what was asked, so that no report can "
            "name it: send one of them, or say `sends_id = False` where the provider takes neither."
        )

    def _is_literal(self, message: OutboundMessage) -> bool:
        """Whether its words leave sign by sign: where the channel shows no marks, none is to be written."""
        return self._limits().markup == "plain" and isinstance(message.content, Text | Buttons | List | Media)

    async def _receipt(self, content: Content) -> Receipt:
        async with self._desk() as desk:
            return given.receipt(await desk.channel.send(self._outbound(content), self._account()))

    def _pairs(self) -> list[tuple[AnyAccount, AnyAccount]]:
        """Two accounts that differ: in all, in credentials alone, in the tenant too, in the address alone."""
        ours, other = self._account(), self._other()
        secrets = self._other_secrets()
        return [
            (ours, other),
            (ours, self._account(secrets)),
            (ours, self._account(secrets, tenant="ajena")),
            (ours, self._account(address=other.address)),
        ]

    async def _last_request(self, accounts: Sequence[AnyAccount]) -> httpx2.Request:
        async with self._desk() as desk:
            for account in accounts:
                await desk.channel.send(self._outbound(), account)
            assert desk.provider.requests, "`send` gives a receipt, and the provider was asked nothing."
            return desk.provider.requests[-1]

    async def _offered(self, name: str, answer: Handler | None = None) -> Exception | None:
        """The error of a coroutine besides `send`; whatever it is, nothing private is in it."""
        private = [*self._private(), TEXT]
        async with self._desk(answer) as desk:
            with discreet(private):
                try:
                    await breathing(self._call(desk.channel, name))
                except Exception as error:
                    check_error(error, private)
                    return error
        return None

    async def _call(self, channel: Any, name: str) -> object:
        account = self._account()
        match name:
            case "find":
                return given.found(await channel.find(self._outbound(), account))
            case "fetch":
                return given.page(self.address)(await channel.fetch(account, None))
            case "attend":
                knows = wants(type(channel).attend, "contact")
                whom = {"contact": self.sender} if knows else {}
                return await channel.attend("mensaje-anterior-1", account, **whom)
            case "examine":
                found = given.findings(await channel.examine(account, URLS))
                told = "\n".join(f"{each.text} {each.remedy}" for each in found)
                assert not leaked(told, self._private()), "A finding says a secret."
                return found
            case _:
                return await channel.configure(account, URLS)

    def _limits(self) -> Limits:
        return given.limits(self._channel().limits_of(self.address))


_FOREIGN = (
    "A message leaves with another account's secret or address: keep nothing of an account in `self`, in "
    "the class or in the module, or by a key that two accounts can have."
)


def _own(account: AnyAccount, other: AnyAccount) -> list[str]:
    """What of an account is not the other's."""
    own, theirs = _named(account), _named(other)
    return [each for each in own if not any(each in one for one in theirs)]


def _named(account: AnyAccount) -> list[str]:
    """What an account is known by to its provider."""
    values = (value for _, value in account.credentials)
    open_values = (each for each in values if isinstance(each, str) and len(each) > 2 and each not in HOST)
    return [*secrets_of(account.credentials), *open_values, account.address]


def is_offered(channel: type[AnyChannel], name: str) -> bool:
    return getattr(channel, name) is not getattr(Channel, name)


async def _parts() -> AsyncIterator[bytes]:
    for begin in range(0, len(FILE_BYTES), 1000):
        yield FILE_BYTES[begin : begin + 1000]


def _core(address: str) -> str:
    """The longest part of an address that is letters and digits: each provider writes the rest in its way."""
    words = "".join(sign if sign.isalnum() else " " for sign in address).split()
    return max(words, key=len, default=address)
