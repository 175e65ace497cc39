"""The pages of channels: one whose channel fails keeps no other from being shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import pytest
from doorway import Edge, Moody, boom
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from conserje.plugins.plugins import Plugins
from conserje_edge.tenant.pages import Pages
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
    return Pages(edge.webhooks.reception, plugins, edge.feed, Limits())


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
