"""Fetching: what Twilio lists of what contacts wrote is what its webhook would have told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import pytest_asyncio
from waiting import LIMIT

from conserje import Account, CannotTell, File, InboundMessage, Media, Page, Text, Unknown, Webhook
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import StandIn
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings
from conserje_twilio.listing import WINDOW
from conserje_twilio.reading import read

SID = "AC" + "1" * 32
NUMBER = "whatsapp:+56911111111"
OTHER_NUMBER = "whatsapp:+56911111112"
CONTACT = "whatsapp:+56922222222"
NOW = datetime.now(UTC).replace(microsecond=0)


class Front:
    """The channel in front of a stand-in, to whom contacts write without its posting it."""

    def __init__(self, url: str, stand_in: StandIn, http: httpx2.AsyncClient) -> None:
        self.url = url
        self.stand_in = stand_in
        self.channel = Twilio(TwilioOperator(base_url=url), http)

    def write(self, text: str, ago: timedelta, to: str = NUMBER, **fields: str) -> dict[str, str]:
        form = self.stand_in.inbound(to, CONTACT, text, **fields)
        self.stand_in.receive(form, NOW - ago)
        return form

    async def fetch(self, since: timedelta | None = timedelta(minutes=1), token: str = "secreto") -> Page:
        credentials = TwilioCredentials.model_validate({"account_sid": SID, "auth_token": token})
        account = Account("tienda", NUMBER, credentials, TwilioSettings())
        return await self.channel.fetch(account, (NOW - since).isoformat() if since is not None else None)


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([TwilioAccount(SID, "secreto", (NUMBER, OTHER_NUMBER))])
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        yield Front(url, app.state.stand_in, http)


def messages(page: Page) -> list[InboundMessage]:
    return [event for event in page.events if isinstance(event, InboundMessage)]


def texts(page: Page) -> list[str]:
    return [each.content.text for each in messages(page) if isinstance(each.content, Text)]


def posted(form: Mapping[str, str]) -> InboundMessage:
    body = str(httpx2.QueryParams(dict(form))).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    (event,) = read(Webhook("POST", "webhook", "https://tienda.example/bot/twilio/webhook", headers, body))
    assert isinstance(event, InboundMessage)
    return event


async def test_the_first_time_nothing_of_the_past_is_fetched(front: Front) -> None:
    front.write("hola", timedelta(minutes=1))
    page = await front.fetch(since=None)
    assert page.events == ()
    assert abs(datetime.fromisoformat(page.cursor) - datetime.now(UTC)) < timedelta(seconds=5)
    assert not page.more


async def test_what_was_written_since_comes_oldest_first_and_says_when(front: Front) -> None:
    for minutes, text in ((3, "uno"), (1, "tres"), (2, "dos")):
        front.write(text, timedelta(minutes=minutes))
    page = await front.fetch(timedelta(minutes=4))
    assert texts(page) == ["uno", "dos", "tres"]
    assert [each.at for each in messages(page)] == [NOW - timedelta(minutes=n) for n in (3, 2, 1)]
    assert datetime.fromisoformat(page.cursor) >= NOW


async def test_it_is_the_event_that_the_webhook_tells(front: Front) -> None:
    form = front.write("hola", timedelta(minutes=1))
    [fetched] = messages(await front.fetch())
    told = posted(form)
    for name in ("address", "key", "sender", "content", "provider_id"):
        assert getattr(fetched, name) == getattr(told, name), name


async def test_files_come_by_reference(front: Front) -> None:
    media = "/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
    fields = {
        "NumMedia": "1",
        "MediaUrl0": front.url + media,
        "MediaContentType0": "image/jpeg",
        "Body": "mira",
    }
    form = front.write("", timedelta(minutes=1), **fields)
    [fetched] = messages(await front.fetch())
    assert fetched.content == posted(form).content == Media((File(front.url + media, "image/jpeg"),), "mira")


async def test_what_the_list_does_not_say_is_kept_by_its_name(front: Front) -> None:
    form = front.write("", timedelta(minutes=1), Latitude="-33.4", Longitude="-70.6")
    [fetched] = messages(await front.fetch())
    assert fetched.content == Unknown("message", {"MessageSid": form["MessageSid"]})


async def test_what_is_listed_late_is_not_missed(front: Front) -> None:
    front.write("hola", timedelta(minutes=9))
    assert texts(await front.fetch(timedelta(minutes=1))) == ["hola"]


async def test_older_messages_those_sent_and_those_to_others_are_not_fetched(front: Front) -> None:
    front.write("antes", timedelta(hours=1))
    front.write("a otro", timedelta(minutes=1), to=OTHER_NUMBER)
    async with httpx2.AsyncClient(base_url=front.url, auth=(SID, "secreto"), timeout=LIMIT) as http:
        path = f"/2010-04-01/Accounts/{SID}/Messages.json"
        assert await http.post(path, data={"From": OTHER_NUMBER, "To": NUMBER, "Body": "nuestro"})
    assert (await front.fetch()).events == ()


async def test_a_long_gap_comes_in_windows_oldest_first(front: Front) -> None:
    for hours in (20, 13, 7, 1):
        front.write(f"hace {hours}", timedelta(hours=hours))
    cursor, found, pages = NOW - timedelta(hours=21), [], 0
    while True:
        page = await front.fetch(NOW - cursor)
        found += [text for text in texts(page) if text not in found]
        pages += 1
        if not page.more:
            break
        assert WINDOW / 2 < datetime.fromisoformat(page.cursor) - cursor < WINDOW
        cursor = datetime.fromisoformat(page.cursor)
    assert found == ["hace 20", "hace 13", "hace 7", "hace 1"]
    assert pages == 4


async def test_more_than_a_list_s_page_is_fetched(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje_twilio.listing.PAGE_SIZE", 3)
    for n in range(8):
        front.write(f"{n}", timedelta(seconds=60 - n))
    assert texts(await front.fetch()) == [f"{n}" for n in range(8)]


async def test_a_list_by_whole_days_is_cut_to_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio documents its filters for dates only."""
    entry = {"direction": "inbound", "from": CONTACT, "to": NUMBER, "num_media": "0", "status": "received"}
    listed = [
        entry
        | {
            "sid": f"SM{n}",
            "body": f"hace {n}",
            "date_sent": f"{NOW - timedelta(minutes=n):%a, %d %b %Y %T +0000}",
        }
        for n in (1, 5, 60, 120)
    ] + [entry | {"sid": "SM9"}]  # never reached
    answer = httpx2.Response(200, json={"messages": listed, "next_page_uri": None})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        front = Front("https://api.example", None, http)  # type: ignore[arg-type]
        assert texts(await front.fetch()) == ["hace 5", "hace 1"]


async def test_a_message_that_twilio_still_receives_comes_later() -> None:
    entry = {"sid": "SM1", "direction": "inbound", "from": CONTACT, "to": NUMBER, "status": "receiving"}
    entry["date_sent"] = f"{NOW:%a, %d %b %Y %T +0000}"
    answer = httpx2.Response(200, json={"messages": [entry], "next_page_uri": None})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        assert (await Front("https://api.example", None, http).fetch()).events == ()  # type: ignore[arg-type]


async def test_a_twilio_that_refuses_says_what_to_do_and_quotes_nothing(front: Front) -> None:
    with pytest.raises(CannotTell, match=r"20003: .*auth_token") as cannot:
        await front.fetch(token="otro")
    assert "otro" not in str(cannot.value)


@pytest.mark.parametrize(("status", "said"), [(429, "20429: too many requests"), (500, "could not be asked")])
async def test_a_twilio_in_trouble_is_asked_later(status: int, said: str) -> None:
    answer = httpx2.Response(status, text="<html>a secret</html>")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        with pytest.raises(CannotTell, match=said) as cannot:
            await Front("https://api.example", None, http).fetch()  # type: ignore[arg-type]
    assert "secret" not in str(cannot.value)
