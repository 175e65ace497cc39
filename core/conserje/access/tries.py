"""Tries: how often somebody may try a password, by account and by where they come from.

They are counted before the password is looked at, by all processes together. A passkey is not counted by its
account, so that nobody can keep somebody out by typing wrong passwords.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, ip_network

from conserje.access.logins import LoginError, normalised
from conserje.access.sign_ins import Address
from conserje.storage.database import Connection, Pool

WINDOW = timedelta(minutes=15)
OF_ACCOUNT, OF_ADDRESS = 10, 50  # in a window

# An account's tries are not counted any more where its stranger's are too many: nobody fills the table.
COUNT = """
WITH stranger AS (
    INSERT INTO tries (key, count) VALUES ($1, 1)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN tries.since < now() - $5::interval THEN 1 ELSE least(tries.count, $3::int) + 1 END,
        since = CASE WHEN tries.since < now() - $5::interval THEN now() ELSE tries.since END
    RETURNING count, since
), account AS (
    INSERT INTO tries (key, count) SELECT $2, 1 FROM stranger WHERE count <= $3::int AND $2::text IS NOT NULL
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN tries.since < now() - $5::interval THEN 1 ELSE least(tries.count, $4::int) + 1 END,
        since = CASE WHEN tries.since < now() - $5::interval THEN now() ELSE tries.since END
    RETURNING count, since
)
SELECT max(since + $5::interval - now()) FROM (
    SELECT since FROM stranger WHERE count > $3::int UNION ALL SELECT since FROM account WHERE count > $4::int
) AS over
"""

FORGIVE = "DELETE FROM tries WHERE key = $1"


class TooManyTries(LoginError):
    """Somebody tried too often; `after` says when it may be tried again."""

    def __init__(self, after: timedelta) -> None:
        super().__init__("That was tried too often: wait, or come in by a passkey.")
        self.after = after


@dataclass(frozen=True, slots=True)
class Attempt:
    """Under what a try is counted: the network that it comes from, and the account."""

    stranger: str
    account: str | None
    most: int = OF_ADDRESS  # of the network's in a window

    @classmethod
    def of(cls, email: str, address: Address | None, what: str = "") -> Attempt:
        """A password for the account of this e-mail address, be it there or not; or `what` else of it."""
        digest = hashlib.sha256(normalised(email).encode(errors="surrogatepass")).hexdigest()
        return cls(f"{what}address:{network(address)}", f"{what}account:{digest}")


async def count(pool: Pool, attempt: Attempt) -> None:
    """Count a try. Raises TooManyTries."""
    after: timedelta | None = await pool.fetchval(
        COUNT, attempt.stranger, attempt.account, attempt.most, OF_ACCOUNT, WINDOW
    )
    if after is not None:
        raise TooManyTries(after)


async def forgive(connection: Connection, attempt: Attempt) -> None:
    """Whoever knew it may have mistyped it before; from where they come stays counted."""
    await connection.execute(FORGIVE, attempt.account)


def network(address: Address | None) -> str:
    """Where somebody comes from: who has an address of version 6 has all of its network's."""
    if address is None:
        return "here"
    return str(ip_network((address, 24 if isinstance(address, IPv4Address) else 64), strict=False))
