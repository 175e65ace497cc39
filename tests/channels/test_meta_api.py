"""Asking Meta: what it answers, over real sockets, and what the channel makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import impatient
import pytest
import pytest_asyncio

from conserje import (
    Account,
    AccountFault,
    CannotTell,
    Content,
    OptedOut,
    OutboundMessage,
    OutsideWindow,
    Receipt,
    Refused,
    Template,
    Text,
    TryLater,
    Uncertain,
    Unreachable,
)
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.meta import Template as Approved
from conserje_fakes.meta_messages import PAIR_PACE
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaCredentials, MetaOperator, MetaSettings

NUMBER, TOKEN = "106540352242922", "EAAficha"
PHONE, USER = "56922222222", "CL.13491208655302741918"
TEXT = "Son $5.990 en efectivo"
ASSUMED = {
    ("aviso", "es"): Approved(2),
    ("oferta", "es"): Approved(0, "MARKETING"),
    ("clave", "es"): Approved(1, "AUTHENTICATION"),
}


@dataclass
class Front:
    """The channel in front of a stand-in, with short time limits."""

    channel: Meta
    meta: StandIn
    faults: Any

    async def send(self, content: Content | str = TEXT, to: str = PHONE, **fields: Any) -> dict[str, Any]:
        """Send, and what Meta was posted."""
        receipt = await self.channel.send(message(content, to, **fields), account())
        taken = self.meta.taken[-1]
        assert receipt == Receipt(taken.id)
        return taken.body


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([Number(NUMBER, TOKEN, "s3creto", templates=dict(ASSUMED))], habit="none")
    async with serving(app) as url, impatient.client(app.state.faults) as http:
        meta: StandIn = app.state.stand_in
        meta.window = None
        yield Front(Meta(MetaOperator(base_url=url), http), meta, app.state.faults)


def account(token: str | None = TOKEN, number: str = NUMBER) -> Account[MetaCredentials, MetaSettings]:
    given = {"access_token": token} if token else {}
    return Account("tienda", number, MetaCredentials.model_validate(given), MetaSettings())


def message(content: Content | str = TEXT, to: str = PHONE, quotes: str = "") -> OutboundMessage:
    said = Text(content) if isinstance(content, str) else content
    return OutboundMessage(7, to, said, "", datetime.now(UTC), quotes=quotes)


async def failure(front: Front, content: Content | str = TEXT, to: str = PHONE) -> Exception:
    with pytest.raises(Exception) as raised:
        await front.send(content, to)
    assert TOKEN not in str(raised.value)
    assert TEXT not in str(raised.value)
    return raised.value


FAULTS: list[tuple[str, type[Exception], float]] = [
    ("429", TryLater, 7.0),
    ("429 without retry-after", TryLater, 60.0),
    ("bare 429", TryLater, 7.0),
    ("131000", TryLater, 10.0),
    ("500", Uncertain, 0),
    ("html", Uncertain, 0),
    ("redirect", Uncertain, 0),
    ("stall", Uncertain, 0),
    ("stall-after-accept", Uncertain, 0),
    ("hang-up-after-accept", Uncertain, 0),
]


@pytest.mark.parametrize(("fault", "kind", "after"), FAULTS)
async def test_only_meta_s_own_word_proves_that_nothing_was_taken(
    front: Front, fault: str, kind: type[Exception], after: float
) -> None:
    front.faults.append(fault)
    error = await failure(front)
    assert type(error) is kind
    if isinstance(error, TryLater):
        assert error.after == after
        assert not front.meta.taken


async def test_outside_the_window_only_a_template_goes(front: Front) -> None:
    front.meta.window = 24 * 3600.0
    assert isinstance(await failure(front), OutsideWindow)
    await front.send(Template("aviso", "es", ("Ana", "hoy")))


async def test_a_contact_who_stopped_marketing_has_opted_out_of_it(front: Front) -> None:
    front.meta.stopped_marketing.add((NUMBER, PHONE))
    error = await failure(front, Template("oferta", "es"))
    assert isinstance(error, OptedOut)
    assert error.marketing
    await front.send(Template("aviso", "es", ("Ana", "hoy")))


async def test_a_contact_s_pace_and_the_number_s_are_waited_for(front: Front) -> None:
    front.meta.pair_burst = 1
    await front.send()
    error = await failure(front)
    assert isinstance(error, TryLater)
    assert error.after == PAIR_PACE
    await front.send(to=USER)
    front.meta.pair_burst, front.meta.rate = None, 0
    assert isinstance(await failure(front), TryLater)


ANSWERS: list[tuple[Content, str, str]] = [
    (Template("nadie", "es"), PHONE, "132001: there is no such approved template"),
    (Template("aviso", "es", ("una",)), PHONE, "132000: the template has another number of places"),
    (Template("clave", "es", ("1234",)), USER, "131062: a message of this kind needs the contact's phone"),
    (Text(""), PHONE, "100: "),
]


@pytest.mark.parametrize(("content", "to", "cause"), ANSWERS)
async def test_what_meta_refuses_is_refused_with_its_meaning(
    front: Front, content: Content, to: str, cause: str
) -> None:
    error = await failure(front, content, to)
    assert type(error) is Refused
    assert str(error).startswith(cause)


async def test_a_token_or_number_that_meta_does_not_know_is_the_account_s_fault(front: Front) -> None:
    for accounts, cause, retry in (
        (account("EAAotra"), "seal it again", False),
        (account(number="1"), "check the account's address", True),
        (account(None), "CONSERJE_META_ACCESS_TOKEN", False),
    ):
        with pytest.raises(AccountFault, match=cause) as raised:
            await front.channel.send(message(), accounts)
        assert raised.value.retry == retry


CODES: list[tuple[int, int, type[Exception]]] = [
    *(
        (code, 400, AccountFault)
        for code in (0, 3, 10, 190, 200, 299, 131005, 131031, 131037, 131042, 131045, 133010, 368)
    ),
    (190, 500, AccountFault),
    *((code, 400, TryLater) for code in (4, 80007, 130429, 131048, 131056, 131064, 133016)),
    *((code, 500, TryLater) for code in (1, 2, 131000, 131016, 131057)),
    *((code, 400, Refused) for code in (131030, 131021, 131049, 130472, 131062, 131063)),
    *((code, 400, Refused) for code in (100, 131008, 131009, 131051, 131052, 131053, 132000, 132001, 132005)),
    *((code, 400, Refused) for code in (132007, 132008, 132012, 132015, 132016, 135000, 999999)),
    (131026, 400, Unreachable),
    (131026, 500, Uncertain),
    (131047, 400, OutsideWindow),
    (131050, 400, OptedOut),
    (999999, 500, Uncertain),
]


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
async def test_every_code_has_its_meaning(code: int, status: int, kind: type[Exception]) -> None:
    error = {"message": f"no {TEXT}", "code": code, "error_data": {"details": f"the token {TOKEN}\nis"}}

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, json={"error": error})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(kind) as raised:
            await Meta(MetaOperator(), http).send(message(), account())
    assert type(raised.value) is kind
    assert str(raised.value).startswith(f"{code}: ")
    assert str(raised.value).endswith("(the token [redacted] is)")
    if isinstance(raised.value, AccountFault):
        assert raised.value.retry == (code not in (0, 190))
    assert TEXT not in str(raised.value)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "after"), [("1", 1.0), ("120", 120.0), ("99999", 300.0), ("0", 1.0), ("soon", 6.0), ("٣", 6.0)]
)
async def test_the_wait_that_meta_names_is_kept(given: str, after: float) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = [(b"retry-after", given.encode())]
        return httpx2.Response(400, headers=headers, json={"error": {"code": 131056}})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(TryLater) as raised:
            await Meta(MetaOperator(), http).send(message(), account())
    assert raised.value.after == after


async def test_the_bearer_goes_to_the_operator_s_address_and_version_only() -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"messages": [{"id": "wamid.1"}]})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        await Meta(MetaOperator(), http).send(message(), account())
    (request,) = seen
    assert str(request.url) == f"https://graph.facebook.com/v26.0/{NUMBER}/messages"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("taken", [{}, {"messages": []}, {"messages": [{}]}, {"messages": [{"id": 7}]}])
async def test_an_answer_that_names_no_message_is_uncertain(taken: dict[str, Any]) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=taken))
    async with httpx2.AsyncClient(transport=transport) as http:
        with pytest.raises(Uncertain):
            await Meta(MetaOperator(), http).send(message(), account())


async def test_meta_cannot_be_asked_for_a_message(front: Front) -> None:
    with pytest.raises(CannotTell):
        await front.channel.find(message(), account())


async def test_a_read_mark_shows_typing(front: Front) -> None:
    theirs, _ = front.meta.receive(NUMBER, PHONE, {"type": "text", "text": {"body": "hola"}})
    await front.channel.attend(theirs, account())
    assert front.meta.read == [
        {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": theirs,
            "typing_indicator": {"type": "text"},
        }
    ]


async def test_many_at_once_each_get_their_own_answer(front: Front) -> None:
    receipts = await asyncio.gather(
        *(front.channel.send(message(f"n {n}", f"5691{n:07}"), account()) for n in range(50))
    )
    ids = {taken.text: taken.id for taken in front.meta.taken}
    assert [ids[f"n {n}"] for n in range(50)] == [receipt.provider_id for receipt in receipts]
