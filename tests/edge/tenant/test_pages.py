"""The pages of channels: one whose channel fails keeps no other from being shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from doorway import QUOTA, Edge, Moody, boom
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from conserje import House, InboundMessage, SessionKey, Text
from conserje.conversations.rows import stored
from conserje.files.folder import Folder
from conserje.plugins.plugins import Plugins
from conserje_edge.tenant.pages import Pages
from conserje_edge.tenant.uploads import Uploads
from conserje_edge.wire.rates import Limits


class Paged(Moody):
    """Has the pages that a test gives it."""

    def __init__(self, name: str, pages: Callable[[], Any]) -> None:
        super().__init__()
        self.name = name  # type: ignore[misc]
        self._pages = pages

    def pages(self, house: object) -> Sequence[BaseRoute]:
        return self._pages()  # type: ignore[no-any-return]


async def well(request: Request) -> Response:
    return PlainTextResponse("well")


async def ask(edge: Edge, pages: Pages, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(pages)) as client:
        return await client.get(f"http://acme.localhost{path}")


def pages_of(edge: Edge, *channels: Paged) -> Pages:
    plugins = Plugins({each.name: each for each in channels})
    uploads = Uploads(edge.pool, edge.vault, edge.webhooks.intake, Folder(Path("/nowhere")), QUOTA)
    return Pages(edge.webhooks.reception, plugins, edge.feed, Limits(), uploads)


@pytest.mark.parametrize(
    "given", [None, "/", ["/"], boom, SystemExit(1)], ids=["nothing", "word", "words", "raises", "exits"]
)
async def test_promise_8_a_channel_that_has_no_sound_pages_keeps_no_other_from_its_own(
    edge: Edge, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def habit() -> Any:
        if isinstance(given, SystemExit):
            raise given
        return given() if given is boom else given

    pages = pages_of(edge, Paged("bad", habit), Paged("good", lambda: [Route("/well", well)]))
    assert (await ask(edge, pages, "/well")).text == "well"
    assert "Channel bad has no pages" in caplog.text and "secret-in-text" not in caplog.text


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), OSError("secret")])
async def test_promise_8_a_page_that_exits_is_an_answer(
    edge: Edge, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def ill(request: Request) -> Response:
        raise error

    pages = pages_of(edge, Paged("paged", lambda: [Route("/ill", ill), Route("/well", well)]))
    assert (await ask(edge, pages, "/ill")).status_code == 500
    assert (await ask(edge, pages, "/well")).text == "well"
    assert f"{type(error).__name__} at {__file__}" in caplog.text and "secret" not in caplog.text


class Diary(Paged):
    """Has sessions, and notes what their visitors have seen."""

    Credentials = SessionKey  # type: ignore[assignment]
    per_tenant = has_feed = True

    def __init__(self) -> None:
        super().__init__("diary", list)

    def pages(self, house: House) -> Sequence[BaseRoute]:  # type: ignore[override]
        async def begin(request: Request) -> Response:
            session = await house.open_session(request)
            return Response(session.id, headers={"set-cookie": session.cookie or ""})

        async def seen(request: Request) -> Response:
            asked = await request.json()
            if session := await house.session(request):
                await house.seen(session, asked["id"], read=asked["read"])
            return Response(status_code=204)

        return [Route("/begin", begin, methods=["POST"]), Route("/seen", seen, methods=["POST"])]


class Visitor:
    """Somebody with a page open."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._cookie = ""

    async def post(self, path: str, said: object = None) -> httpx2.Response:
        origin = {"origin": "http://acme.localhost", "sec-fetch-site": "same-origin"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self._pages)) as client:
            headers = {**origin, "cookie": self._cookie}
            answer = await client.post(f"http://acme.localhost{path}", json=said, headers=headers)
        if made := answer.headers.get("set-cookie"):
            self._cookie = made.partition(";")[0]
        return answer

    async def see(self, id: int, *, read: bool) -> int:
        return (await self.post("/seen", {"id": id, "read": read})).status_code


async def answered(edge: Edge, visitor: Visitor) -> int:
    """The id of a message that the tenant has said to a visitor, who wrote first."""
    id = (await visitor.post("/begin")).text
    await edge.heard()
    entry = await edge.webhooks.reception.directory.by_slug("acme")
    account = entry.own("diary")
    assert account
    event = InboundMessage("diary", f"{id}:1", id, Text("hola"))
    await edge.webhooks.intake.take(entry.tenant, [(account, event)])
    said: int = await edge.pool.fetchval(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
        " SELECT tenant_id, id, account_id, 'out', $2, 1, 'sent' FROM conversations WHERE peer = $1"
        " RETURNING id",
        id,
        stored(Text("¿qué necesitas?")),
    )
    return said


async def state(edge: Edge, id: int) -> str:
    found: str = await edge.pool.fetchval("SELECT state FROM messages WHERE id = $1", id)
    return found


async def test_what_a_visitor_has_seen_is_noted_in_their_own_conversation_alone(edge: Edge) -> None:
    pages = pages_of(edge, Diary())
    ana, eva, stranger = Visitor(pages), Visitor(pages), Visitor(pages)
    to_ana, to_eva = await answered(edge, ana), await answered(edge, eva)
    assert await ana.see(to_ana, read=False) == 204
    assert await state(edge, to_ana) == "delivered"
    assert await ana.see(to_eva, read=True) == 204
    assert await stranger.see(to_eva, read=True) == 204
    assert (await state(edge, to_ana), await state(edge, to_eva)) == ("read", "sent")
    assert await ana.see(to_ana, read=False) == 204
    assert await state(edge, to_ana) == "read"  # it does not go back


async def test_a_visitor_says_only_so_often_what_was_seen(edge: Edge) -> None:
    pages = pages_of(edge, Diary())
    ana, eva = Visitor(pages), Visitor(pages)
    to_ana, to_eva = await answered(edge, ana), await answered(edge, eva)
    for _ in range(Limits().seen_by_visitor.most):
        assert await ana.see(to_ana, read=False) == 204
    assert await ana.see(to_ana, read=True) == 429
    assert await eva.see(to_eva, read=True) == 204
