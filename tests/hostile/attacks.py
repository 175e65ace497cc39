"""What strangers do: each attack goes on until it is cancelled, and counts what it was answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random

from hostile.caller import PAUSE, Caller, Target, another_address, post
from nginx.load import PATH, signed

from conserje_fakes.meta_webhooks import sign
from conserje_fakes.twilio import create
from conserje_fakes.twilio_messages import TwilioAccount

FORM, DOCUMENT = "application/x-www-form-urlencoded", "application/json"
LARGEST_FORM, LARGEST_DOCUMENT = 64 * 1024, 3 * 1024 * 1024  # bytes, as the channels take them
EVENTS = 4000  # of one post
HANDS = 4  # connections of an attack, where many more would only wait for each other
NAMES, SLOW = 300, 200  # connections
LONGEST_TEXT = 2000  # characters

Attack = Callable[[Target, Counter[str]], Coroutine[None, None, None]]

_phones = itertools.count(1)


async def forms(target: Target, answers: Counter[str]) -> None:
    """Unsigned posts of the largest size, as if from Twilio."""

    async def go_on(slug: str, number: str) -> None:
        caller = Caller(target, target.host(slug), answers, another_address())
        head = f"To={number.replace('+', '%2B')}&Body=".encode()
        for filling in itertools.cycle((b"%C3%B1", b"&a=1", b"&%61=%61", b"x")):
            body = (head + filling * LARGEST_FORM)[:LARGEST_FORM]
            forged = {"X_Twilio_Signature": "0" * 27 + "="}
            await caller.ask(post(target, caller.host, PATH, body, FORM, **forged))

    await asyncio.gather(*(go_on(*each) for each in target.good[:HANDS]))


async def documents(target: Target, answers: Counter[str]) -> None:
    """Unsigned posts of the largest size, as if from Meta, to one tenant and to all."""
    slug, number, _ = target.meta
    named = b'"phone_number_id":"%b",' % number.encode()

    async def go_on(host: str, path: str) -> None:
        caller = Caller(target, host, answers, another_address())
        for filling in itertools.cycle((b'{"a":[1,{}]},', named, rb"\u00f1")):
            body = (filling * (LARGEST_DOCUMENT // len(filling) + 1))[:LARGEST_DOCUMENT]
            forged = {"X_Hub_Signature_256": "sha256=" + "0" * 64}
            await caller.ask(post(target, host, path, body, DOCUMENT, **forged))

    places = [(target.host(slug), "/bot/meta/webhook"), (target.host(), "/webhook/meta")]
    await asyncio.gather(*(go_on(*place) for place in places * 2))


async def names(target: Target, answers: Counter[str]) -> None:
    """Names that nobody has, on hundreds of connections."""

    async def go_on() -> None:
        while True:
            host = target.host(f"x{secrets.token_hex(8)}")
            caller = Caller(target, host, answers, another_address())
            for _ in range(10):
                await caller.ask(post(target, host, PATH, b"Body=hola", FORM))
            caller.close()

    await asyncio.gather(*(go_on() for _ in range(NAMES)))


async def slow(target: Target, answers: Counter[str]) -> None:
    """A body that comes a byte a second, on hundreds of connections."""

    async def go_on(slug: str, address: str) -> None:
        caller = Caller(target, target.host(slug), answers, address)
        reader, writer = await caller.connect()
        answers["opened"] += 1
        writer.write(post(target, caller.host, PATH, b"", FORM).replace(b"Length: 0", b"Length: 60000"))
        try:
            while not reader.at_eof():
                writer.write(b"x")
                await asyncio.sleep(1)
        finally:
            writer.close()

    async def again(slug: str, address: str) -> None:
        while True:
            try:
                await go_on(slug, address)
            except OSError as error:
                answers[type(error).__name__] += 1
            await asyncio.sleep(PAUSE)

    addresses = [another_address() for _ in range(10)]
    tasks = (again(target.good[n % len(target.good)][0], addresses[n % 10]) for n in range(SLOW))
    await asyncio.gather(*tasks)


class Contact:
    """Writes to a tenant that the strangers have bought, by a provider's honest hands."""

    def __init__(self, target: Target, slug: str, answers: Counter[str]) -> None:
        number, sid, token = target.bought[slug]
        self.account = TwilioAccount(sid, token, [number])
        self.stand_in = create((self.account,)).state.stand_in
        self.caller = Caller(target, target.host(slug), answers, "127.0.0.1")
        self.place = f"{self.caller.host}:{target.port}"

    async def write(self, text: str, sender: str = "") -> None:
        sender = sender or f"whatsapp:+5697{next(_phones):07}"
        form = self.stand_in.inbound(self.account.numbers[0], sender, text)
        await self.caller.ask(signed(self.account, self.place, form))


async def flood(target: Target, answers: Counter[str]) -> None:
    """Thousands of messages to one tenant."""

    async def go_on() -> None:
        contact = Contact(target, "flood", answers)
        while True:
            await contact.write("hola")

    await asyncio.gather(*(go_on() for _ in range(HANDS)))


async def events(target: Target, answers: Counter[str]) -> None:
    """One signed post of thousands of events."""
    slug, number, secret = target.meta
    entries = [_entry(number, n) for n in range(EVENTS)]
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    caller = Caller(target, target.host(slug), answers, "127.0.0.1")
    authentic = {"X_Hub_Signature_256": sign(secret, body)}
    await caller.ask(post(target, caller.host, "/bot/meta/webhook", body, DOCUMENT, **authentic))


def _entry(number: str, serial: int) -> dict[str, object]:
    peer = f"5696{serial:07}"
    text = {"id": f"wamid.{secrets.token_hex(12)}", "from": peer, "timestamp": str(int(time.time()))}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "56900000000", "phone_number_id": number},
        "contacts": [{"wa_id": peer, "profile": {"name": "Ana"}}],
        "messages": [text | {"type": "text", "text": {"body": "hola"}}],
    }
    return {"id": "1", "changes": [{"field": "messages", "value": value}]}


async def search(target: Target, answers: Counter[str]) -> None:
    """The longest text of words that a shop of thousands of products hardly knows."""
    contact, chance = Contact(target, "shop", answers), Random(1)
    while True:
        words = ("".join(chance.choices("bcdfglmnprstaeiou", k=7)) for _ in range(LONGEST_TEXT // 8))
        await contact.write(" ".join(words))
        await asyncio.sleep(PAUSE)


async def stuck(target: Target, answers: Counter[str]) -> None:
    """Texts over which one tenant's assistant blocks its process."""
    contact = Contact(target, "stuck", answers)
    for order in itertools.cycle(("expression", "C call", "sleep")):
        await contact.write(order)
        await asyncio.sleep(8)


async def history(target: Target, answers: Counter[str]) -> None:
    """Somebody goes on writing in a conversation that is long already."""
    contact = Contact(target, "history", answers)
    for serial in itertools.count():
        await contact.write(f"y {serial}", HISTORIAN)
        await asyncio.sleep(2)


HISTORIAN = "whatsapp:+56950000000"

ATTACKS: dict[str, Attack] = {
    "forms": forms,
    "documents": documents,
    "names": names,
    "slow": slow,
    "flood": flood,
    "events": events,
    "search": search,
    "stuck": stuck,
    "history": history,
}
