"""Passkeys: a device signs what we asked, for this host, once."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest
from authenticator import Authenticator

from conserje.access import challenges, logins, passkeys
from conserje.access.logins import LoginError
from conserje.access.passkeys import NoPasskey, PasskeyRefused, Site
from conserje.access.tries import TooManyTries
from conserje.storage.database import Pool

HERE = ip_address("203.0.113.5")
SITE = Site("console.localhost", "http://console.localhost:9101")


async def with_passkey(pool: Pool, device: Authenticator, email: str = "ana@example.com") -> int:
    async with pool.acquire() as connection:
        login_id = await logins.add(connection, email, "Ana")
        answer = device.create(await passkeys.creation(pool, SITE, email, login_id, HERE))
        made = await passkeys.created(connection, SITE, answer, login_id)
        await passkeys.keep(connection, login_id, made, " Teléfono ")
    return login_id


async def check(pool: Pool, answer: str, login_id: int | None = None, site: Site = SITE) -> int:
    async with pool.acquire() as connection:
        return await passkeys.check(connection, site, answer, login_id)


async def test_a_device_comes_in_without_a_name(pool: Pool) -> None:
    device = Authenticator()
    login_id = await with_passkey(pool, device)
    options = await passkeys.request(pool, SITE, None, HERE)
    assert options["rpId"] == "console.localhost" and options["userVerification"] == "required"
    assert await check(pool, device.get(options)) == login_id
    async with pool.acquire() as connection:
        [kept] = await passkeys.list_all(connection, login_id)
    assert kept.name == "Teléfono" and kept.used_at


async def test_what_was_signed_is_good_once(pool: Pool) -> None:
    device = Authenticator()
    await with_passkey(pool, device)
    answer = device.get(await passkeys.request(pool, SITE, None, HERE))
    await check(pool, answer)
    with pytest.raises(PasskeyRefused):
        await check(pool, answer)
    late = device.get(await passkeys.request(pool, SITE, None, HERE))
    await pool.execute("UPDATE challenges SET created_at = now() - interval '301 seconds'")
    with pytest.raises(PasskeyRefused):
        await check(pool, late)


async def test_another_site_or_device_opens_nothing(pool: Pool) -> None:
    device = Authenticator()
    login_id = await with_passkey(pool, device)

    async def asked(login_id: int | None = None) -> dict[str, object]:
        return await passkeys.request(pool, SITE, login_id, HERE)

    sibling = device.get(await asked(), origin="http://acme.localhost:9101")
    lazy = Authenticator(id=device.id, key=device.key, verifies=False, counter=9).get(await asked())
    forged = Authenticator(id=device.id, counter=9).get(await asked())
    unknown = Authenticator().get(await asked())
    other_host = device.get({**await asked(), "rpId": "localhost"})
    for answer in (sibling, lazy, forged, unknown, other_host):
        with pytest.raises(PasskeyRefused):
            await check(pool, answer)
    answer = device.get(await asked())
    with pytest.raises(PasskeyRefused):
        await check(pool, answer, login_id)  # it was asked of whoever comes
    assert await check(pool, device.get(await asked(login_id)), login_id) == login_id


async def test_who_is_signed_in_answers_by_a_key_of_their_own(pool: Pool) -> None:
    hers, his = Authenticator(), Authenticator()
    ana = await with_passkey(pool, hers)
    await with_passkey(pool, his, "eva@example.com")
    with pytest.raises(PasskeyRefused):
        await check(pool, his.get(await passkeys.request(pool, SITE, ana, HERE)), ana)


async def test_a_copied_device_is_found_out(pool: Pool) -> None:
    device = Authenticator()
    await with_passkey(pool, device)
    copy = Authenticator(id=device.id, key=device.key)
    for _ in range(2):
        await check(pool, device.get(await passkeys.request(pool, SITE, None, HERE)))
    with pytest.raises(PasskeyRefused):
        await check(pool, copy.get(await passkeys.request(pool, SITE, None, HERE)))


NONSENSE = (
    "",
    "{",
    "[]",
    "null",
    '"x"',
    "1",
    "[" * 10_000,
    '{"response": {}}',
    '{"response": {"clientDataJSON": 5}}',
)


@pytest.mark.parametrize("answer", NONSENSE)
async def test_nonsense_is_refused(pool: Pool, answer: str) -> None:
    with pytest.raises(PasskeyRefused):
        await check(pool, answer)
    async with pool.acquire() as connection:
        with pytest.raises(PasskeyRefused):
            await passkeys.created(connection, SITE, answer, None)


async def test_half_an_answer_is_refused(pool: Pool) -> None:
    device = Authenticator()
    await with_passkey(pool, device)
    whole = json.loads(device.get(await passkeys.request(pool, SITE, None, HERE)))
    for part in ("id", "rawId", "type"):
        options = await passkeys.request(pool, SITE, None, HERE)
        whole = json.loads(device.get(options))
        for wrong in (None, 5, "", "é", "A" * 3000):
            with pytest.raises(PasskeyRefused):
                await check(pool, json.dumps(whole | {part: wrong}))


async def test_a_key_is_one_logins_and_is_removed_by_it(pool: Pool) -> None:
    device = Authenticator()
    ana = await with_passkey(pool, device)
    with pytest.raises(LoginError, match="already"):
        await with_passkey(pool, device, "eva@example.com")
    async with pool.acquire() as connection:
        eva = await logins.find(connection, "eva@example.com")
        assert eva
        with pytest.raises(NoPasskey):
            await passkeys.remove(connection, eva.id, device.id)
        assert await passkeys.remove(connection, ana, device.id) == "Teléfono"
    with pytest.raises(PasskeyRefused):
        await check(pool, device.get(await passkeys.request(pool, SITE, None, HERE)))


async def test_strangers_ask_so_often_and_no_more(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "ASKED_AT_MOST", 3)
    for _ in range(3):
        await passkeys.request(pool, SITE, None, HERE)
    with pytest.raises(TooManyTries):
        await passkeys.request(pool, SITE, None, HERE)
    assert await pool.fetchval("SELECT count(*) FROM challenges") == 3
