"""What the log says is done again in a restored database: what contacts wanted since, who was forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from conserje.operations import forgetting, journal
from conserje.operations.journal import Consent, Gone, Told
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.storage.database import Connection
from conserje.tenants.vault import Vault

SLACK = timedelta(minutes=1)  # between the clocks of the backup and of the log

ACCOUNT = "SELECT EXISTS (SELECT FROM accounts WHERE tenant_id = $1 AND id = $2)"
CONVERSATION = "SELECT id FROM conversations WHERE tenant_id = $1 AND id = $2 AND account_id = $3"
PLACE = "SELECT conversation_for($1, $2, $3, $4, '{}', '')"
CONTACT = "SELECT EXISTS (SELECT FROM contacts WHERE tenant_id = $1 AND id = $2)"


class Replayed(NamedTuple):
    """How much of the log was done again."""

    changes: int  # of consents
    strangers: int  # such as concern accounts that the backup does not have
    forgotten: int  # contacts


def read(folders: Sequence[Path], vault: Vault) -> Told:
    """What the logs in several folders say. Raises BackupError or VaultError."""
    each = [journal.read(folder, vault) for folder in folders]
    consents = {one for told in each for one in told.consents}
    return Told(
        max((told.until for told in each if told.until), default=None),
        sorted(consents, key=lambda one: (one.at, one.id)),
        [one for told in each for one in told.gone],
    )


async def replay(connection: Connection, told: Told, made_at: datetime | None) -> Replayed:
    """Do again, as conserje_owner, what came after the backup; None: nobody knows when that was made."""
    newer = [each for each in told.consents if made_at is None or each.at > made_at - SLACK]
    known = [each for each in newer if await _apply(connection, each)]
    gone = [each for each in told.gone if await _forget(connection, each)]
    return Replayed(len(known), len(newer) - len(known), len(gone))


async def _apply(connection: Connection, each: Consent) -> bool:
    """Let the contact have what they want, whom the backup may not know yet; False: nor the account."""
    place = (each.tenant_id, each.account_id)
    if not await connection.fetchval(ACCOUNT, *place):
        return False
    known = (each.tenant_id, each.conversation_id, each.account_id)
    conversation = await connection.fetchval(CONVERSATION, *known)
    if conversation is None:
        conversation = await connection.fetchval(PLACE, *place, each.channel, each.contact_address)
    at = each.at.astimezone(UTC).isoformat(timespec="seconds")
    sign = Sign(each.change, each.source, f"The log of consents has it, of {at}.")
    await consent.record(connection, each.tenant_id, conversation, sign)
    return True


async def _forget(connection: Connection, each: Gone) -> bool:
    """Forget the contact anew; False: the backup does not know them."""
    if not await connection.fetchval(CONTACT, each.tenant_id, each.contact_id):
        return False
    await forgetting.forget(connection, each.tenant_id, each.contact_id)
    return True
