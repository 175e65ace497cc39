"""Uploads of visitors: looked at, taken in, judged, stored with their message, and put in their place."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

import asyncpg
from starlette.requests import ClientDisconnect

from conserje.contract.channel import Refused
from conserje.contract.message import File, InboundMessage, Media
from conserje.contract.pages import Refusal, UploadRefused
from conserje.conversations import feed
from conserje.conversations.rows import digest
from conserje.files import uploads
from conserje.files.folder import Arrived, Folder, NoRoom
from conserje.files.pictures import Odd
from conserje.files.quota import Quota, QuotaExceeded
from conserje.files.uploads import LARGEST, AlreadySaid, Stored, Upload
from conserje.intake.intake import Intake, NotDurable
from conserje.intake.writing import Place
from conserje.storage import jobs
from conserje.storage.database import CANNOT_ASK, Connection, Pool, describe
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.storage.text import clean
from conserje.tenants.accounts import AccountRow
from conserje.tenants.keyring import VaultError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault
from conserje_edge.wire.answers import Problem, unavailable, unread

SECONDS = 120  # for a whole file; a proxy that buffers sends it at once
AT_ONCE, AT_ONCE_OF_VISITOR = 32, 2  # in this process
LONGEST_NAME = 200
REASONS: Mapping[type[Exception], Refusal] = {
    Odd: "kind", Refused: "large", QuotaExceeded: "many", AlreadySaid: "key",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sender:
    """Who uploads, and from which address; the conversation, if they have written before."""

    tenant: Tenant
    account: AccountRow
    visitor: str
    address: str
    conversation_id: int | None


@dataclass
class Uploads:
    """Takes what visitors upload, in this process."""

    pool: Pool
    vault: Vault
    intake: Intake
    folder: Folder
    quota: Quota
    _running: Counter[str] = field(default_factory=Counter)

    async def take(self, sender: Sender, key: str, name: str, parts: AsyncIterator[bytes]) -> int:
        """The id of the message that the file is; one that is uploaded again is the same.

        Raises UploadRefused and Problem.
        """
        who = self._who(sender)
        with self._counted(sender.visitor), _explained(sender.tenant.slug):
            async with asyncio.timeout(SECONDS), aclosing(_bounded(parts)) as arriving:
                try:
                    await self._look(sender, key, who)
                except (UploadRefused, QuotaExceeded):
                    async for _ in arriving:  # or the browser would not hear why
                        pass
                    raise
                async with self.folder.receive(arriving, LARGEST) as arrived:
                    stored = await self._store(sender, key, _as_name(name), who, arrived)
                    await self.folder.place(arrived, sender.tenant.id, stored.file_id)
            await feed.wake_contact(
                self.pool, sender.tenant.id, sender.account.id, sender.account.channel, sender.visitor
            )
        return stored.message_id

    def _who(self, sender: Sender) -> tuple[bytes, bytes]:
        """Whose uploads are counted; what stands in the table tells nobody an address."""
        tenant, today = sender.tenant, datetime.now(UTC).date().isoformat()
        if tenant.signs_with is None:
            raise unavailable(f"{tenant.slug}: it has no data key yet")
        try:
            return (
                self.vault.sign(tenant.signs_with, "uploads", (str(tenant.id), "session", sender.visitor)),
                self.vault.sign(
                    tenant.signs_with, "uploads", (str(tenant.id), "address", sender.address, today)
                ),
            )
        except VaultError as error:
            raise unavailable(f"{tenant.slug}: {error}") from None

    async def _look(self, sender: Sender, key: str, who: tuple[bytes, bytes]) -> None:
        """Raises UploadRefused and QuotaExceeded, before anything is taken in; what is stored already costs
        nothing again.
        """
        if sender.conversation_id is None:
            raise UploadRefused("unwritten")
        job = Job(jobs.COLLECT, sender.tenant.id, sender.conversation_id, 0)
        async with acting_for(self.pool, sender.tenant.id) as scope:
            if await uploads.is_stored(scope.connection, (sender.tenant.id, sender.account.id, digest(key))):
                return
            await self.quota.look(scope.connection, job)
            await uploads.look(scope.connection, sender.tenant.id, who)

    async def _store(
        self, sender: Sender, key: str, name: str, who: tuple[bytes, bytes], arrived: Arrived
    ) -> Stored:
        async with self.pool.acquire(timeout=5) as connection:
            upload = Upload(await uploads.next_id(connection), name, arrived.kept, who)
        file = File(f"kept:{upload.id}", arrived.kept.content_type, name)
        message = InboundMessage(sender.account.address, key, sender.visitor, Media((file,)))

        async def keep(connection: Connection, place: Place) -> Stored:
            return await uploads.store(connection, place, upload, self.quota)

        return await self.intake.take_with(sender.tenant, sender.account, message, keep)

    @contextmanager
    def _counted(self, visitor: str) -> Iterator[None]:
        """Whoever sends slowly has a file half taken in."""
        if self._running[visitor] >= AT_ONCE_OF_VISITOR or self._running.total() >= AT_ONCE:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "", (b"retry-after", b"5"), (b"connection", b"close")
            )
        self._running[visitor] += 1
        try:
            yield
        finally:
            self._running[visitor] -= 1
            self._running += Counter()  # without those who have none


async def _bounded(parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The parts, until they are more than is taken. Raises UploadRefused."""
    left = LARGEST
    async for part in parts:
        left -= len(part)
        if left < 0:
            raise UploadRefused("large")
        yield part


def _as_name(written: str) -> str:
    """What the visitor's system calls the file: no path, and nothing that turns it round."""
    last = clean(written).replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[-LONGEST_NAME:].strip()


@contextmanager
def _explained(slug: str) -> Iterator[None]:
    """Whatever else goes wrong, as an answer."""
    try:
        yield
    except (Odd, Refused, QuotaExceeded, AlreadySaid) as error:
        raise UploadRefused(REASONS[type(error)]) from None
    except ClientDisconnect:
        raise unread(HTTPStatus.BAD_REQUEST) from None
    except (NoRoom, NotDurable) as error:
        raise unavailable(f"{slug}: an upload is not taken: {error}") from None
    except TimeoutError:
        raise unread(HTTPStatus.REQUEST_TIMEOUT) from None
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise unavailable(f"{slug}: an upload is not taken: {describe(error)}") from None
