"""A house of the test's own for the pages of the channel web, and who asks for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.routing import Router

from conserje import (
    Content,
    Hours,
    Identity,
    Look,
    Nothing,
    Said,
    Session,
    Tenant,
    UploadRefused,
    Visit,
)
from conserje_web import Web
from conserje_web.settings import WebSettings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def said(number: int, content: Content, author: Any = "tenant") -> Said:
    return Said(number, author, content, NOON)


@dataclass
class House:
    """A house with one tenant, and a visitor if `looks` are given."""

    name: str = "La Tienda"
    locale: str = "es-CL"
    settings: dict[str, Any] = field(default_factory=dict)
    looks: Sequence[Look] | None = None
    asked: list[int] = field(default_factory=list)
    told: list[tuple[int, bool]] = field(default_factory=list)
    refusal: Any = None
    origins: tuple[str, ...] = ()
    console: str = ""
    hours: dict[str, Any] | None = None
    identified: list[Identity] = field(default_factory=list)
    uploaded: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def visit(self, request: Request) -> Visit:
        hours = Hours.read({"week": self.hours}) if self.hours else None
        tenant = Tenant("tienda", self.name, self.locale, "CLP", "America/Santiago", hours)
        return Visit(tenant, WebSettings.model_validate(self.settings), self.origins, self.console)

    async def session(self, request: Request) -> Session | None:
        return None if self.looks is None else Session("ana", 1, 1)

    async def open_session(self, request: Request) -> Session:
        return Session("ana", 1, 1, None if self.looks else "__Host-conserje-web=v; Path=/; Secure")

    async def seen(self, session: Session, message_id: int, *, read: bool) -> None:
        self.told.append((message_id, read))

    async def upload(self, session: Session, request: Request, key: str, name: str) -> int:
        if self.refusal:
            raise UploadRefused(self.refusal)
        self.uploaded.append((key, name, await request.body()))
        return 7

    async def identify(self, session: Session, request: Request, said: Identity) -> bool:
        self.identified.append(said)
        return bool(self.looks)

    async def feed(self, session: Session, after: int) -> AsyncGenerator[Look, None]:
        self.asked.append(after)
        for look in self.looks or ():
            yield look


async def ask(
    house: House, path: str = "/", method: str = "GET", posted: Any = None, **headers: str
) -> httpx2.Response:
    app = Router(Web(Nothing(), None).pages(house), redirect_slashes=False)  # type: ignore[arg-type]
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://tienda.bots.example") as http:
        return await http.request(method, path, headers=headers, json=posted)


def policy(answer: httpx2.Response) -> dict[str, str]:
    directives = answer.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)
