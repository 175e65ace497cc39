"""Challenges: what a device is to sign; each is answered once, and within five minutes."""

from __future__ import annotations

import secrets
from datetime import timedelta

from conserje.access import tries
from conserje.access.sign_ins import Address
from conserje.access.tries import Attempt
from conserje.storage.database import Connection, Pool

ANSWERED_WITHIN = timedelta(minutes=5)
ASKED_AT_MOST = 300  # times in a quarter of an hour from one network

ASK = "INSERT INTO challenges (challenge, login_id) VALUES ($1, $2)"
ANSWER = """
DELETE FROM challenges
WHERE challenge = $1 AND login_id IS NOT DISTINCT FROM $2 AND created_at > now() - $3::interval RETURNING true
"""


async def ask(pool: Pool, login_id: int | None, address: Address | None) -> bytes:
    """A new one, for who is signed in, or for whoever comes. Raises TooManyTries."""
    await tries.count(pool, Attempt(f"challenge:{tries.network(address)}", None, ASKED_AT_MOST))
    challenge = secrets.token_bytes(32)
    await pool.execute(ASK, challenge, login_id)
    return challenge


async def answer(connection: Connection, challenge: bytes, login_id: int | None) -> bool:
    """Whether it was asked of them and is not answered yet; from now on it is."""
    return bool(await connection.fetchval(ANSWER, challenge, login_id, ANSWERED_WITHIN))
