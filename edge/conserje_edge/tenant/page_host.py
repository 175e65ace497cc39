"""The host of a channel's pages: their tenant, session and feed, as the channel gets them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from time import monotonic

import asyncpg
from cachetools import TTLCache
from starlette.requests import Request

from conserje.contract import sessions
from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel, Malformed
from conserje.contract.message import InboundMessage, Note
from conserje.contract.pages import Identity, Look, Session, Visit
from conserje.contract.phones import phone_number
from conserje.contract.short_ids import shortened
from conserje.conversations import contacts
from conserje.conversations.feed import Feed
from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.files import links
from conserje.intake.intake import NotDurable
from conserje.plugins import guard
from conserje.shop import origins
from conserje.storage.database import CANNOT_ASK, describe
from conserje.storage.deadline import within
from conserje.storage.scope import acting_for
from conserje.storage.stillness import explained
from conserje.storage.text import clean
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.keyring import VaultError
from conserje.tenants.tenants import Tenant
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.uploads import Sender, Uploads
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.rates import Limits, client_network
from conserje_edge.wire.requests import public_url, read_headers

log = logging.getLogger(__name__)

STREAMS_OF_SESSION = 12
LONGEST_NAME = 80
PICTURE_SECONDS = 1  # until a page is shown without them
PICTURES_KEPT = 60  # seconds that the origins of a tenant's pictures are known
UNKNOWN_KEPT = 5  # seconds until they are asked for again, where they could not be

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass
class PageHost:
    """The House of one channel, as the contract of pages calls it."""

    channel: AnyChannel
    reception: Reception
    messages: Feed
    limits: Limits
    uploads: Uploads
    console: str = ""  # its origin
    _streams: Counter[str] = field(default_factory=Counter)
    _pictures: TTLCache[int, tuple[str, ...]] = field(
        default_factory=lambda: TTLCache(10_000, PICTURES_KEPT, monotonic)
    )
    _unknown: TTLCache[int, bool] = field(default_factory=lambda: TTLCache(10_000, UNKNOWN_KEPT, monotonic))

    async def visit(self, request: Request) -> Visit:
        entry, _ = await self._at(request)
        settings = self._opened(entry, entry.own(self.channel.name)).settings
        origins = await self._origins(entry.tenant.id)
        return Visit(entry.tenant.seen, settings, origins, self.console)

    async def _origins(self, tenant_id: int) -> tuple[str, ...]:
        """Of the tenant's pictures; what cannot be asked for is not shown, and the page is."""
        if (known := self._pictures.get(tenant_id)) is not None:
            return known
        if tenant_id in self._unknown:
            return ()
        try:
            found = await within(PICTURE_SECONDS, origins.of(self.reception.pool, tenant_id))
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            log.warning("A page is shown without pictures: %s", describe(error))
            self._unknown[tenant_id] = True
            return ()
        self._pictures[tenant_id] = found
        return found

    async def session(self, request: Request) -> Session | None:
        entry, url = await self._at(request)
        if not sessions.same_origin(request.headers, url):
            raise Problem(HTTPStatus.FORBIDDEN)
        if (account := entry.own(self.channel.name)) is None:
            return None
        visitor = sessions.read(request.headers.get("cookie", ""), self._opened(entry, account))
        return Session(visitor, entry.tenant.id, account.id) if visitor else None

    async def open_session(self, request: Request) -> Session:
        if known := await self.session(request):
            return known
        entry, _ = await self._at(request)
        trusted = self.reception.proxies.trusts(request.scope)
        self.limits.sessions_of_address.admit(client_network(request.scope, trusted))
        self.limits.sessions_of_tenant.admit(entry.tenant.id)
        account = entry.own(self.channel.name)
        if account is None or account.credentials is None:
            entry = await self.reception.ensure_account(entry, self.channel)
            account = entry.own(self.channel.name)
        if account is None:
            raise unavailable(f"{entry.tenant.slug}: its account of {self.channel.name} is not there yet")
        visitor, cookie = sessions.new_session(self._opened(entry, account))
        return Session(visitor, entry.tenant.id, account.id, cookie)

    async def seen(self, session: Session, message_id: int, *, read: bool) -> None:
        self.limits.seen_by_visitor.admit((session.tenant_id, session.id))
        with _unavailable_without_postgres():
            if conversation := await self._conversation(session):
                await self.messages.seen(session.tenant_id, conversation, message_id, read=read)

    async def upload(self, session: Session, request: Request, key: str, name: str) -> int:
        entry, _ = await self._at(request)
        if (account := entry.own(self.channel.name)) is None:
            raise Problem(HTTPStatus.NOT_FOUND)
        address = client_network(request.scope, self.reception.proxies.trusts(request.scope))
        self.limits.uploads_of_address.admit(address)
        self.limits.messages_of_visitor.admit((session.tenant_id, session.id))
        with _unavailable_without_postgres():
            conversation = await self._conversation(session)
        sender = Sender(entry.tenant, account, session.id, address, conversation)
        return await self.uploads.take(sender, key, name, request.stream())

    async def identify(self, session: Session, request: Request, said: Identity) -> bool:
        self.limits.identified_by_visitor.admit((session.tenant_id, session.id))
        if _CONTROL.search(said.name + said.phone):  # what is between the two is one in the proof
            raise Problem(HTTPStatus.BAD_REQUEST)
        entry, _ = await self._at(request)
        if (account := entry.own(self.channel.name)) is None:
            raise Problem(HTTPStatus.NOT_FOUND)
        believed = bool(said.proof)
        if believed and not sessions.vouches(said.proof, said.name, said.phone, self._opened(entry, account)):
            raise Problem(HTTPStatus.FORBIDDEN)
        name, phone = _named(said.name), await _phone(said.phone)
        with _unavailable_without_postgres():
            if (conversation := await self._conversation(session)) is None:
                return False
            if believed:
                async with acting_for(self.reception.pool, session.tenant_id) as scope:
                    await contacts.vouch(scope.connection, session.tenant_id, conversation, name, phone)
        told = ", ".join(filter(None, (name, phone)))
        if told:
            note = Note(f"{'The site vouches' if believed else 'Says'}: {told}")
            event = InboundMessage(account.address, f"{session.id}:{note.text}", session.id, note)
            await self._take(entry.tenant, account, event)
        return True

    async def _take(self, tenant: Tenant, account: AccountRow, event: InboundMessage) -> None:
        """What is told again is the same event."""
        try:
            await self.uploads.intake.take(tenant, [(account, event)])
        except NotDurable as error:
            raise unavailable(f"{tenant.slug}: an identity could not be stored: {error}") from None

    async def feed(self, session: Session, after: int) -> AsyncGenerator[Look, None]:
        with _unavailable_without_postgres(), self._counted(session):
            if conversation := await self._conversation(session):
                async with aclosing(self.messages.follow(session.tenant_id, conversation, after)) as looks:
                    async for look in looks:
                        if (shown := await self._shown(session, conversation, look)) is None:
                            return
                        yield shown

    async def _shown(self, session: Session, conversation: int, look: Look) -> Look | None:
        """The look, with the addresses of its files; None once the tenant is gone or suspended.

        Its choices have ids that the page carries.
        """
        try:
            tenant = (await self.reception.directory.by_id(session.tenant_id)).tenant
        except UnknownTenant:
            return None
        except DirectoryUnavailable:
            return look
        return await self._with_files(tenant, conversation, look) if tenant.active else None

    async def _with_files(self, tenant: Tenant, conversation: int, look: Look) -> Look:
        contents = [said.content for said in look.said]
        try:
            reception = self.reception
            files = await links.shown(reception.pool, reception.vault, tenant, conversation, contents)
        except VaultError as error:
            raise unavailable(f"{tenant.slug}: {error}") from None
        limits = guard.limits_of(self.channel, tenant.slug, self.channel.name)
        said = (
            replace(said, content=shortened(said.content, limits), files=its)
            for said, its in zip(look.said, files, strict=True)
        )
        return replace(look, said=tuple(said))

    async def _conversation(self, session: Session) -> int | None:
        place = (session.tenant_id, session.account_id, self.channel.name, session.id)
        return await self.messages.conversation(*place)

    @contextmanager
    def _counted(self, session: Session) -> Iterator[None]:
        """A browser listens in one tab; who opens streams without end is refused."""
        if self._streams[session.id] >= STREAMS_OF_SESSION:
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "", (b"retry-after", b"15"))
        self._streams[session.id] += 1
        try:
            yield
        finally:
            self._streams[session.id] -= 1
            if not self._streams[session.id]:
                del self._streams[session.id]

    async def _at(self, request: Request) -> tuple[Entry, str]:
        """The tenant whose page is asked for, and the page's public address. Raises Problem."""
        scope = request.scope
        headers = read_headers(scope)
        entry = await self.reception.entry(headers["host"])
        account = entry.own(self.channel.name)
        if not entry.tenant.active or (account and not account.active):
            raise Problem(HTTPStatus.NOT_FOUND)
        return entry, public_url(scope, headers, self.reception.proxies.trusts(scope))

    def _opened(self, entry: Entry, account: AccountRow | None) -> AnyAccount:
        try:
            return entry.opened(account, self.channel, self.reception.vault)
        except AccountUnusable as error:
            raise unavailable(f"{entry.tenant.slug}: {error}") from None


def _named(written: str) -> str:
    """A name of one line."""
    return "".join(each if each.isprintable() else " " for each in clean(written)).strip()[:LONGEST_NAME]


async def _phone(written: str) -> str:
    """Raises Problem for what can be none."""
    if not written:
        return ""
    try:
        return await asyncio.to_thread(phone_number, written)  # its library is loaded at the first
    except Malformed:
        raise Problem(HTTPStatus.BAD_REQUEST) from None


@contextmanager
def _unavailable_without_postgres() -> Iterator[None]:
    try:
        yield
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise unavailable(f"The feed cannot be read: {explained(error, describe(error))}") from None
