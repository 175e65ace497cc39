"""What was posted: the tests of `parse`, `acknowledge` and what else runs where webhooks are acknowledged."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from conserje.contract.account import NotOffered
from conserje.contract.channel import Channel, Forged, Malformed, Webhook
from conserje.contract.message import (
    BusinessMessage,
    ContactCard,
    Content,
    Event,
    Ignored,
    InboundMessage,
    Location,
    Media,
    Pressed,
    Reaction,
    Status,
    StatusUpdate,
    Text,
    Unreadable,
    from_json,
    to_json,
)
from conserje.plugins import given
from conserje.testing import bodies
from conserje.testing.cases import cases, check_incoming
from conserje.testing.samples import TEXT
from conserje.testing.secrecy import discreet, leaked
from conserje.testing.subject import ChannelSubject, changed, parse, shifted, spoken
from conserje.testing.watch import idly, quick

_LONGEST = 1000  # characters of what core keeps an index of
_AS_PYTHON = ("None", "{'a'", "[[]]", "[1]")  # how `str` writes what is no text
_IDS = ("007", "Uno:dos/3|x=4;y", "a b,c#d&e+f%20")  # of buttons
_LOST = (bodies.MISSING, "null", '""')
_STATUSES: tuple[Status, ...] = get_args(Status)


class Reading(ChannelSubject):
    """What `parse` makes of the requests of its provider."""

    def test_reads_the_text_and_who_wrote_it(self) -> None:
        for text in (TEXT, "hola\n¿y el té?", "</b> \"a\" 'b' {x} \\ *"):
            message = self._message(self.hook(text))
            assert message.content == Text(text)
            assert (message.address, message.sender) == (self.address, self.sender)

    def test_reads_media(self) -> None:
        if isinstance(sent := self._said("media"), Media) and (read := self._read_back("media", sent)):
            assert isinstance(read, Media) and len(read.files) == len(sent.files), _OTHER.format(sent, read)
            assert read.caption == sent.caption, (
                f"The words under a file are lost: {_OTHER.format(sent, read)}"
            )
            assert [each.kind for each in read.files] == [each.kind for each in sent.files]
            assert all(each.ref for each in read.files), (
                "A file is read that nothing names: give it its `ref`."
            )

    def test_reads_a_location(self) -> None:
        if isinstance(sent := self._said("location"), Location) and (
            read := self._read_back("location", sent)
        ):
            assert isinstance(read, Location), _OTHER.format(sent, read)
            assert (read.latitude, read.longitude) == pytest.approx((sent.latitude, sent.longitude), abs=1e-4)
            assert read.name in ("", sent.name) and read.address in ("", sent.address)

    def test_reads_a_contact_card(self) -> None:
        if isinstance(sent := self._said("contact_card"), ContactCard) and (
            read := self._read_back("contact_card", sent)
        ):
            assert isinstance(read, ContactCard) and read.name == sent.name, _OTHER.format(sent, read)
            assert [_digits(each) for each in read.phones] == [_digits(each) for each in sent.phones]

    def test_reads_a_reaction(self) -> None:
        if read := self._read_back("reaction", sent := self._said("reaction")):
            assert isinstance(read, Reaction) and read == sent, _OTHER.format(sent, read)

    def test_reads_which_button_was_pressed(self) -> None:
        limits = given.limits(self._channel().limits_of(self.address))
        own = self._said("pressed")
        others = () if "pressed" in self.samples else (Pressed(id[: limits.button_id], "Té") for id in _IDS)
        for sent in (own, *others) if limits.buttons or limits.rows else ():
            if read := self._read_back("pressed", sent):
                assert isinstance(read, Pressed) and isinstance(sent, Pressed), _OTHER.format(sent, read)
                assert read.id == sent.id, f"The button's id does not come back: {_OTHER.format(sent, read)}"
                assert read.title in (sent.title, sent.id), _OTHER.format(sent, read)

    def test_reads_statuses(self) -> None:
        keys = set()
        for provider_id in ("mensaje-de-prueba-1", "mensaje-de-prueba-2"):
            for status in _STATUSES:
                with suppress(NotOffered):
                    event = self._status(provider_id, status)
                    assert (event.status, event.address) == (status, self.address)
                    assert provider_id in event.provider_id, "A status names its message by `provider_id`."
                    assert status != "failed" or event.cause, (
                        "What failed has a `cause`, which people are shown."
                    )
                    assert event.key not in keys, (
                        f"Two statuses share the key {event.key!r}: the second is lost."
                    )
                    keys.add(event.key)

    def test_what_it_reads_can_be_stored(self) -> None:
        for kind, hook in self._hooks().items():
            for event in self._parse(hook):
                if isinstance(event, InboundMessage | BusinessMessage):
                    assert from_json(to_json(event.content)) == event.content, f"{kind} cannot be stored."
                    _check_time(event.at)

    def test_a_key_names_one_message_however_often_it_comes(self) -> None:
        for kind, hook in self._hooks().items():
            first = [_key(each) for each in self._parse(hook)]
            with _another_process():
                again = [_key(each) for each in self._parse(changed(hook, headers=dict(hook.headers)))]
            assert first == again, f"{kind} that comes again has another key, and is answered twice."
            assert all(len(key) <= _LONGEST for key in first), f"A key has more than {_LONGEST} characters."

    def test_two_messages_have_two_keys(self) -> None:
        one, other, same = (self._message(self.hook(text)) for text in (TEXT, "Otra cosa", TEXT))
        assert len({one.key, other.key, same.key}) == 3, (
            f"Messages share the key {one.key!r}: the second is taken for the first, and lost. The "
            "provider's id of the message belongs into it."
        )

    def test_two_accounts_are_read_apart(self) -> None:
        other, channel = self._other(), self._channel()
        ours, theirs = self.hook(TEXT), self.hook("Otra cosa", other)
        channel.verify(ours, self._account())
        channel.verify(theirs, other)
        first = iter(parse(channel, ours, self._account()))  # each is read in parts, others between them
        read_theirs = spoken(list(parse(channel, theirs, other)))
        read_ours = spoken(list(first))
        assert [(each.address, each.content) for each in read_ours] == [(self.address, Text(TEXT))]
        assert [(each.address, each.content) for each in read_theirs] == [(other.address, Text("Otra cosa"))]

    def test_reads_each_item_of_a_request(self) -> None:
        one, other = self.hook(TEXT), self.hook("Otra cosa")
        wanted = {(message := self._message(hook)).key: message.content for hook in (one, other)}
        for place, both in bodies.together(one, other):
            read = {each.key: each.content for each in spoken(self._parse(both))}
            assert wanted.items() <= read.items(), f"Of two items at {place or 'the top'} one is lost."

    def test_a_bad_item_costs_the_good_ones_nothing(self) -> None:
        hook = self.hook(TEXT)
        wanted = self._message(hook).key
        for odd, strange in bodies.among_rubbish(hook):
            try:
                keys = [each.key for each in spoken(self._parse(strange))]
            except Malformed:
                keys = []
            assert wanted in keys, f"A message is lost because {odd}: what makes no sense is an Unreadable."

    def test_an_odd_body_raises_nothing_but_the_contract_s(self) -> None:
        for hook in self._hooks().values():
            for what, strange in bodies.unclear(hook):
                with _explained(what):
                    self._try(strange)

    def test_a_field_that_is_odd_is_an_event_or_malformed(self) -> None:
        known: set[str] = set()
        for kind, hook in self._hooks().items():
            tried = [each for each in bodies.odd(hook) if each[0] not in known]
            known |= {place for place, _, _ in tried}
            for place, what, strange in tried:
                with _explained(f"of {kind}, {place} is {what}"):
                    for event in self._try(strange):
                        _check_event(event)

    def test_messages_that_lack_a_field_are_not_taken_for_one(self) -> None:
        lacking = (bodies.odd(self.hook(text)) for text in (TEXT, "Otra cosa"))
        for (place, what, one), (_, _, other) in zip(*lacking, strict=False):
            if what in _LOST:
                first, second = spoken(self._try(one)), spoken(self._try(other))
                if first and second and first[0].content != second[0].content:
                    assert first[0].key != second[0].key, (
                        f"Without {place} all messages have the key {first[0].key!r}, and all but one are "
                        "lost: what lacks it is an Unreadable."
                    )

    def test_parses_quickly_whatever_is_said(self) -> None:
        account = self._account()
        for piece in ("a", " ", "a ", "\\", "é", "<", "(", "[x](", "*", "&", "\n", "a@", "1.", "http://a"):
            for size in (500, 4000, 16_000, 60_000):
                with suppress(NotOffered, Malformed):
                    hook = self.hook((piece * size)[:size] + "!")
                    if len(hook.body) <= self.channel.body_limit:
                        what = f"Reading a text of {size} characters {piece!r}"
                        quick(what, self._all, self._channel(), hook, account)

    def test_parses_many_items_quickly(self) -> None:
        account = self._account()
        for size in (4_000, 30_000):
            for place, hook in bodies.many(self.hook(TEXT), size):
                what = f"Reading {len(hook.body)} bytes with many items at {place or 'the top'}"
                quick(what, self._all, self._channel(), hook, account)

    def test_names_what_is_to_be_shown_as_read(self) -> None:
        if self.channel.attend is not Channel.attend:
            assert self._message(self.hook(TEXT)).provider_id, (
                "`attend` is told the `provider_id` of a message, and what is read has none."
            )

    def test_a_stranger_s_key_is_a_stranger_s_own(self) -> None:
        ours = self._message(self.hook(TEXT))
        for theirs in self._by_others() if self.channel.by_strangers else ():
            assert theirs.sender == self.sender or theirs.key != ours.key, (
                f"Whoever posts chooses the id, and by {ours.key!r} one sender's message is taken for "
                "another's: the sender belongs into the key."
            )

    def test_only_computes_where_webhooks_are_acknowledged(self) -> None:
        for hook in self._hooks().values():
            channel = self._channel()
            idly(self._all, channel, changed(hook), self._account())
            idly(channel.acknowledge, hook)

    def test_says_nothing_private_where_webhooks_are_acknowledged(self) -> None:
        private = self._private()
        for hook in self._hooks().values():
            with discreet([*private, TEXT]):
                channel = self._channel()
                self._all(channel, hook, self._account())
                answer = channel.acknowledge(hook)
            assert not leaked(answer.body.decode("utf-8", "replace"), private), (
                "`acknowledge` answers a secret."
            )

    def test_acknowledges(self) -> None:
        for kind, hook in self._hooks().items():
            answer = given.answer(self._channel().acknowledge(hook))
            assert 200 <= answer.status < 300, f"`acknowledge` answers {answer.status} to {kind}."

    def test_answers_who_writes(self) -> None:
        automatic = given.truth(self._channel().automatic(self.sender))
        assert not automatic, "`automatic` takes the sender for a machine, and nobody would be answered."

    def test_reads_the_cases(self) -> None:
        for name, case in cases(type(self), self.incoming):
            check_incoming(name, case, self._channel(), self._account(address=case.get("address", "")))

    def _by_others(self) -> Iterator[InboundMessage]:
        """What other senders write, each time with another field of ours in the place of theirs."""
        ours, other = self.hook(TEXT), self._channel()
        with suppress(NotOffered):
            theirs = other.compose(self._account(), ours.url, shifted(self.sender), TEXT)
            for mixed in bodies.with_fields_of(theirs, ours):
                with suppress(Malformed):
                    yield from spoken(self._parse(mixed))

    def _all(self, channel: Any, hook: Webhook, account: Any) -> None:
        channel.claims(hook)
        with suppress(Forged):  # what was composed as it should not be
            channel.verify(hook, account)
        for _ in parse(channel, hook, account):
            pass

    def _status(self, provider_id: str, status: Status) -> StatusUpdate:
        events = self._parse(self.report(provider_id, status))
        found = [each for each in events if isinstance(each, StatusUpdate)]
        assert found, f"The report {status!r} is read as {events}."
        return found[0]

    def _read_back(self, kind: str, sent: Content) -> Content | None:
        """What is read of what a contact sends, where the channel carries that."""
        if kind != "pressed" and kind not in given.limits(self._channel().limits_of(self.address)).carries:
            return None
        try:
            hook = self.hook(sent)
        except NotOffered:
            read = {
                each.get("content", {}).get("type") for _, case in self._cases() for each in case["events"]
            }
            assert kind in read, (
                f"The channel carries {kind}, and nothing shows that it reads it: have `compose` write what "
                "a contact sends, or put a case into the folder `incoming`."
            )
            return None
        return self._message(hook).content

    def _cases(self) -> Iterator[tuple[str, dict[str, Any]]]:
        return cases(type(self), self.incoming)

    def _try(self, hook: Webhook) -> list[Event]:
        """What is read of a request that may make no sense."""
        channel = self._channel()
        with suppress(Forged, Malformed):
            channel.verify(hook, self._account())
        with suppress(Forged, Malformed):
            given.names(channel.claims(hook))
        try:
            return self._parse(hook, None, channel)
        except Malformed:
            return []


_OTHER = "{} is sent, and read as {}."


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (Exception, AssertionError) as error:
        pytest.fail(
            f"Where {what}: {type(error).__name__}: {error} A bad item is an Unreadable, and what is no "
            "request of the provider's is Malformed; nothing else is raised, whatever is posted."
        )


def _check_event(event: Event) -> None:
    """What is read of an odd item makes sense, else it is to be an Unreadable."""
    if isinstance(event, Unreadable | Ignored):
        return
    assert event.key, f"{type(event).__name__} has no key: it is an Unreadable."
    words = [event.key, event.address]
    if isinstance(event, InboundMessage):
        assert event.sender, "A message has no sender, so nobody can be answered: it is an Unreadable."
        words += [event.sender, event.name, event.provider_id, *event.identities]
        words += [event.content.text] if isinstance(event.content, Text) else []
    odd = [word for word in words for python in _AS_PYTHON if python in word]
    assert not odd, f"{odd[0]!r} is read where the provider says null, or a list: look at the type."


def _check_time(at: datetime | None) -> None:
    if at is not None:
        assert at.tzinfo is not None, "`at` has no time zone: give datetime.fromtimestamp a tz."
        assert abs(at - datetime.now(UTC)) < timedelta(days=2), f"A message of now is read as of {at}."


def _key(event: Event) -> str:
    return event.kind if isinstance(event, Ignored) else event.key


def _digits(phone: str) -> str:
    return "".join(filter(str.isdigit, phone))


@contextmanager
def _another_process() -> Iterator[None]:
    """There `hash` gives something else for the same text."""
    real: Callable[[Any], int] = builtins.hash

    def salted(value: Any) -> int:
        own = sys._getframe(1).f_code.co_filename != "<string>"  # not what dataclasses has written
        return real(value) ^ 0x5EED if own and isinstance(value, str | bytes | tuple) else real(value)

    builtins.hash = salted
    try:
        yield
    finally:
        builtins.hash = real
