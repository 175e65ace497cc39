"""Links to the files that are kept: signed, for a day."""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from asyncpg import Record

from conserje.contract.channel import Refused
from conserje.contract.message import Content, File, Media, OutboundMessage
from conserje.contract.pages import Shown
from conserje.settings import Settings
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for
from conserje.tenants import data_keys
from conserje.tenants.tenants import Tenant

if TYPE_CHECKING:
    from conserje.tenants.vault import Vault

LINKED_FOR = timedelta(hours=24)
KEPT = re.compile(r"kept:([0-9]{1,18})")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SIGNATURE_BYTES = 16

NAMED = "SELECT id, name, content_type FROM files WHERE tenant_id = $1 AND id = ANY ($2) AND state = 'kept'"
# Of the conversation that the message is in: no assistant can be talked into showing somebody else's.
NAMED_BESIDE = """
SELECT files.id, name, content_type FROM files
JOIN messages ON messages.tenant_id = $1 AND messages.id = $3 AND direction = 'out'
  AND messages.conversation_id = files.conversation_id
WHERE files.tenant_id = $1 AND files.id = ANY ($2) AND files.state = 'kept'
"""

# Of a page's own conversation: an id is easily guessed.
NAMED_OF_PAGE = """
SELECT id, name, content_type, bytes FROM files
WHERE tenant_id = $1 AND conversation_id = $2 AND id = ANY ($3) AND state = 'kept'
"""


def kept_ids(content: Content) -> list[int]:
    """The ids of the kept files that `content` names."""
    files = content.files if isinstance(content, Media) else ()
    return [int(match[1]) for file in files if (match := KEPT.fullmatch(file.ref))]


@dataclass(frozen=True, slots=True)
class Link:
    """A kept file as a signed address names it; all that its server must know."""

    tenant_id: int
    id: int
    name: str
    content_type: str
    until: int  # seconds since 1970

    def address(self, base_url: str, vault: Vault, key: str) -> str:
        """Raises VaultError."""
        said = {"name": self.name, "type": self.content_type, "until": str(self.until)}
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{base_url}/files/{self.id}?{query}&sig={self._signature(vault, key)}"

    @classmethod
    def read(cls, tenant_id: int, path: str, query: str, vault: Vault, key: str) -> Link | None:
        """The link in an address' path (below /files/) and query; None unless it is signed.

        Raises VaultError.
        """
        try:
            said = dict(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=8))
        except ValueError:
            return None
        until, signature = said.get("until", ""), said.get("sig", "")
        if not _NUMBER.fullmatch(path) or not _NUMBER.fullmatch(until):
            return None
        link = cls(tenant_id, int(path), said.get("name", ""), said.get("type", ""), int(until))
        ours = link._signature(vault, key)
        return link if hmac.compare_digest(ours.encode(), signature.encode()) else None

    def _signature(self, vault: Vault, key: str) -> str:
        said = (str(self.tenant_id), str(self.id), self.name, self.content_type, str(self.until))
        signature = vault.sign(key, "files", said)[:_SIGNATURE_BYTES]
        return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


@dataclass(frozen=True)
class Links:
    """Makes the addresses by which a tenant's kept files can be had for a day."""

    pool: Pool
    vault: Vault
    settings: Settings

    async def put(self, tenant: Tenant, content: Media, message: OutboundMessage) -> Media:
        """`content` of the message with addresses, types and names of the files that are kept of its
        conversation; the same for the same attempt.

        Raises Refused for a file that is neither that nor named by an https address.
        """
        kept = {}
        if ids := kept_ids(content):
            async with acting_for(self.pool, tenant.id) as scope:
                rows = await scope.connection.fetch(NAMED_BESIDE, tenant.id, ids, message.id)
            addresses = await self._of(tenant, rows, message.attempted_at)
            named = {f"kept:{row['id']}": row for row in rows}
            kept = {ref: File(addresses[ref], row["content_type"], row["name"]) for ref, row in named.items()}
        return replace(content, files=tuple(_addressed(file, kept) for file in content.files))

    async def of(self, tenant: Tenant, ids: Sequence[int]) -> dict[str, str]:
        """The address of each of these files that is kept, by its reference, for an operator."""
        async with acting_for(self.pool, tenant.id) as scope:
            rows = await scope.connection.fetch(NAMED, tenant.id, ids)
        return await self._of(tenant, rows, datetime.now(UTC))

    async def _of(self, tenant: Tenant, rows: Sequence[Record], since: datetime) -> dict[str, str]:
        key = tenant.signs_with
        if key is None:
            async with self.pool.acquire() as connection:
                key = await data_keys.signing_key(connection, self.vault, tenant.id)
        base, until = self.settings.tenant_url(tenant.slug), int((since + LINKED_FOR).timestamp())
        links = [Link(tenant.id, row["id"], row["name"], row["content_type"], until) for row in rows]
        return {f"kept:{link.id}": link.address(base, self.vault, key) for link in links}


async def shown(
    pool: Pool, vault: Vault, tenant: Tenant, conversation_id: int, contents: Sequence[Content]
) -> list[tuple[Shown, ...]]:
    """The files of each of `contents`, messages of that conversation, for a page of the tenant's host.

    Raises VaultError.
    """
    if not any(kept_ids(content) for content in contents):  # as of most pages
        return [_shown(content, {}) for content in contents]
    async with acting_for(pool, tenant.id) as scope:
        return await beside(scope.connection, vault, tenant, conversation_id, contents)


async def beside(
    connection: Connection,
    vault: Vault,
    tenant: Tenant,
    conversation_id: int,
    contents: Sequence[Content],
    base: str = "",
) -> list[tuple[Shown, ...]]:
    """The same in the caller's transaction, for a page of whatever host: `base` is the tenant's.

    Before the tenant has a key to sign with it has no kept file either.
    """
    ids = [id for content in contents for id in kept_ids(content)]
    known: dict[str, Shown] = {}
    if ids and tenant.signs_with:
        rows = await connection.fetch(NAMED_OF_PAGE, tenant.id, conversation_id, ids)
        until = (int(time.time()) // 3600 + 1) * 3600 + int(LINKED_FOR.total_seconds())  # browsers keep it
        for row in rows:
            link = Link(tenant.id, row["id"], row["name"], row["content_type"], until)
            address = link.address(base, vault, tenant.signs_with)
            known[f"kept:{link.id}"] = Shown(address, link.content_type, link.name, row["bytes"])
    return [_shown(content, known) for content in contents]


def _shown(content: Content, kept: Mapping[str, Shown]) -> tuple[Shown, ...]:
    files = content.files if isinstance(content, Media) else ()
    elsewhere = {
        file.ref: Shown(file.ref, file.media_type, file.title)
        for file in files
        if file.ref.startswith("https://")
    }
    return tuple(found for file in files if (found := kept.get(file.ref) or elsewhere.get(file.ref)))


def _addressed(file: File, kept: Mapping[str, File]) -> File:
    if known := kept.get(file.ref):
        kind, name = file.content_type or known.content_type, file.name or known.name
        return replace(file, ref=known.ref, content_type=kind, name=name)
    if file.ref.startswith("https://"):
        return file
    if KEPT.fullmatch(file.ref):
        raise Refused(f"The file {file.ref} is not kept of this conversation, or not any more.")
    raise Refused("A file of the message has no https address and is none that a contact sent (kept:<id>).")
