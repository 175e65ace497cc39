"""What the log says is done again in a restored database: what contacts wanted since, who was forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from conserje.conversations.listing import OptedOut
from conserje.operations import forgetting, journal
from conserje.operations.journal import Consent, Gone, Hash, Told
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.storage.database import Connection
from conserje.tenants.vault import Vault

SLACK = timedelta(minutes=1)  # between the clocks of the backup and of the log

ACCOUNT = "SELECT EXISTS (SELECT FROM accounts WHERE tenant_id = $1 AND id = $2)"
CONVERSATION = """
SELECT EXISTS (SELECT FROM conversations WHERE tenant_id = $1 AND id = $2 AND account_id = $3)
"""
CONTACT = "SELECT EXISTS (SELECT FROM contacts WHERE tenant_id = $1 AND id = $2)"

# Only who was forgotten has a time before which nothing of theirs is taken any more. Of the others everything
# is: what is older than 35 days does not come again, and whose hash is as old goes once nobody needs it.
REMEMBER = """
INSERT INTO forgotten_addresses (tenant_id, account_id, digest, forgotten_at, opted_out)
VALUES ($1, $2, decode($3, 'hex'), coalesce($4, now() - interval '35 days'), $5)
ON CONFLICT (tenant_id, account_id, digest) DO UPDATE
SET opted_out = excluded.opted_out, forgotten_at = coalesce($4, forgotten_addresses.forgotten_at)
"""


class Replayed(NamedTuple):
    """How much of the log was done again."""

    changes: int  # of consents
    strangers: int  # such as concern accounts that the backup does not have
    forgotten: int  # contacts


class _Remembered(NamedTuple):
    """A row of forgotten_addresses."""

    tenant_id: int
    account_id: int
    digest: str
    forgotten_at: datetime | None  # None: it was nobody who was forgotten
    opted_out: OptedOut | None


def read(folders: Sequence[Path], vault: Vault) -> Told:
    """What the logs in several folders say. Raises BackupError or VaultError."""
    each = [journal.read(folder, vault) for folder in folders]
    consents = {one for told in each for one in told.consents}
    return Told(
        max((told.until for told in each if told.until), default=None),
        sorted(consents, key=lambda one: (one.at, one.id)),
        [one for told in each for one in told.gone],
        [one for told in each for one in told.hashes],
    )


async def replay(connection: Connection, told: Told, made_at: datetime | None) -> Replayed:
    """Do again, as conserje_owner, what came after the backup; None: nobody knows when that was made.

    Nobody is made again: whom the backup does not know is remembered by hashes, as the forgotten are.
    """
    since = made_at - SLACK if made_at else journal.EARLIEST
    newer = [each for each in told.consents if each.at > since]
    known = [each for each in newer if await _account(connection, each)]
    unplaced = [each for each in known if not await _apply(connection, each)]
    gone = [each for each in told.gone if await _forget(connection, each)]
    for each in await _remembered(connection, unplaced, [each for each in told.hashes if each.at > since]):
        await connection.execute(REMEMBER, *each)
    return Replayed(len(known), len(newer) - len(known), len(gone))


async def _account(connection: Connection, each: Consent | Hash) -> bool:
    found: bool = await connection.fetchval(ACCOUNT, each.tenant_id, each.account_id)
    return found


async def _apply(connection: Connection, each: Consent) -> bool:
    """Let the contact have what they want; False: the backup does not know the conversation."""
    place = (each.tenant_id, each.conversation_id)
    if not await connection.fetchval(CONVERSATION, *place, each.account_id):
        return False
    at = each.at.astimezone(UTC).isoformat(timespec="seconds")
    sign = Sign(each.change, each.source, f"The log of consents has it, of {at}.")
    await consent.record(connection, *place, sign)
    return True


async def _remembered(
    connection: Connection, unplaced: Sequence[Consent], hashes: Sequence[Hash]
) -> list[_Remembered]:
    """What was wanted last under each address, by whom the backup does not know, or who was forgotten."""
    known = [each for each in hashes if await _account(connection, each)]
    events: list[Consent | Hash] = [*unplaced, *known]
    found: dict[tuple[int, int, str], _Remembered] = {}
    for each in sorted(events, key=lambda each: each.at):
        for digest in each.digests if isinstance(each, Consent) else (each.digest,):
            key = (each.tenant_id, each.account_id, digest)
            before = found.get(key) or _Remembered(*key, None, None)
            if isinstance(each, Hash):
                found[key] = before._replace(forgotten_at=each.at, opted_out=each.opted_out)
            else:
                wanted = consent.state_after(before.opted_out, each.change, each.source)
                found[key] = before._replace(opted_out=wanted)
    return list(found.values())


async def _forget(connection: Connection, each: Gone) -> bool:
    """Forget the contact anew; False: the backup does not know them."""
    if not await connection.fetchval(CONTACT, each.tenant_id, each.contact_id):
        return False
    await forgetting.forget(connection, each.tenant_id, each.contact_id)
    return True
