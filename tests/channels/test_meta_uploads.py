"""Files that the business sends by Meta: handed in as bytes, sent by their id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import pytest
import pytest_asyncio
from waiting import LIMIT

from conserje import Account, AccountFault, File, Media, Opened, OutboundMessage, Refused, TryLater
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaCredentials, MetaOperator, MetaSettings

NUMBER, TOKEN, ANA = "106540352242922", "EAAficha", "56911111111"
PDF, JPEG = b"%PDF-1.7\n" + bytes(300_000), b"\xff\xd8\xff\xe0" + bytes(9000)
LINK = "https://acme.example.com/files/7?sig=s"


@dataclass
class Front:
    channel: Meta
    meta: StandIn

    async def send(self, content: bytes, file: File, caption: str = "", token: str = TOKEN) -> str:
        """The message's id at Meta."""

        async def parts() -> AsyncIterator[bytes]:
            for begin in range(0, len(content), 65536):
                yield content[begin : begin + 65536]

        def opener(asked: File) -> Opened | None:
            return Opened(len(content), parts()) if asked == file else None

        credentials = MetaCredentials.model_validate({"access_token": token})
        account = Account("tienda", NUMBER, credentials, MetaSettings())
        said = Media((file,), caption)
        message = OutboundMessage(7, ANA, said, "", datetime.now(UTC), opener=opener)
        return (await self.channel.send(message, account)).provider_id

    @property
    def said(self) -> dict[str, object]:
        """The last message, without what every one has."""
        body = self.meta.taken[-1].body
        return {str(body["type"]): body[body["type"]]}


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([Number(NUMBER, TOKEN, "s3creto")], window=None, habit="none")
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        yield Front(Meta(MetaOperator(base_url=url), http), app.state.stand_in)


async def test_a_document_is_handed_in_whole_and_sent_by_its_id(front: Front) -> None:
    await front.send(PDF, File(LINK, "application/pdf", 'boleta "12" ñ.pdf'), "Tu boleta")
    [(id, handed)] = front.meta.handed_in.items()
    assert (handed.content, handed.content_type) == (PDF, "application/pdf")
    assert front.said == {"document": {"id": id, "caption": "Tu boleta", "filename": 'boleta "12" ñ.pdf'}}


async def test_a_picture_is_a_picture(front: Front) -> None:
    await front.send(JPEG, File(LINK, "image/jpeg", "foto.jpg"), "Mira")
    assert front.said == {"image": {"id": next(iter(front.meta.handed_in)), "caption": "Mira"}}


async def test_what_is_not_kept_here_goes_by_its_address(front: Front) -> None:
    credentials = MetaCredentials.model_validate({"access_token": TOKEN})
    account = Account("tienda", NUMBER, credentials, MetaSettings())
    said = Media((File("https://shop.example.com/a.jpg", "image/jpeg"),))
    await front.channel.send(OutboundMessage(7, ANA, said, "", datetime.now(UTC)), account)
    assert front.said == {"image": {"link": "https://shop.example.com/a.jpg"}}
    assert front.meta.handed_in == {}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"PK\x03\x04", "application/zip"), (PDF, "image/jpeg"), (b"", "image/png")],
    ids=["a type that Meta does not take", "not what its bytes say", "empty"],
)
async def test_what_meta_does_not_take_is_refused_and_nothing_sent(
    front: Front, content: bytes, content_type: str
) -> None:
    with pytest.raises(Refused, match="100: "):
        await front.send(content, File(LINK, content_type))
    assert front.meta.taken == []


async def test_a_bad_token_is_the_account_s_fault(front: Front) -> None:
    with pytest.raises(AccountFault):
        await front.send(PDF, File(LINK, "application/pdf"), token="EAAvieja")


async def test_a_file_that_did_not_arrive_is_tried_again(front: Front) -> None:
    """Nothing is sent by handing a file in, so that it may be done twice."""

    def fails(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(500, text="<html>sorry</html>")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(fails)) as http:
        front.channel = Meta(MetaOperator(), http)
        with pytest.raises(TryLater):
            await front.send(PDF, File(LINK, "application/pdf"))


async def test_a_file_that_ends_early_is_not_sent(front: Front) -> None:
    file = File(LINK, "application/pdf")

    async def parts() -> AsyncIterator[bytes]:
        yield PDF[:1000]
        raise TryLater("The message's file is not on this machine's disk")

    credentials = MetaCredentials.model_validate({"access_token": TOKEN})
    account = Account("tienda", NUMBER, credentials, MetaSettings())
    message = OutboundMessage(
        7, ANA, Media((file,)), "", datetime.now(UTC), opener=lambda _: Opened(len(PDF), parts())
    )
    with pytest.raises(TryLater):
        await front.channel.send(message, account)
    assert (front.meta.taken, front.meta.handed_in) == ([], {})
