"""Whether accounts are well at their providers before and after they are kept, and where these post."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from scene import Parrot

from conserje.contract.account import Finding
from conserje.contract.channel import CannotTell
from conserje.net.client import client
from conserje.operations import admission, checkup, destination, enrolment
from conserje.operations.admission import NotAdmitted
from conserje.operations.checkup import BeingChecked
from conserje.operations.destination import NotConfigured, PostsElsewhere
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.tenants import accounts, checks, tenants
from conserje.tenants.entry import AccountUnusable
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import StandIn
from conserje_twilio import Twilio, TwilioOperator

SID, NUMBER = "AC" + "1" * 32, "whatsapp:+56911111111"
CREDENTIALS = {"account_sid": SID, "auth_token": "secreto"}
OURS = "http://acme.localhost:8080/bot/twilio/webhook#rc=3&rp=all"
ELSEWHERE = "https://otro.example/hook"


@dataclass
class House:
    """An installation with a tenant, and Twilio's stand-in."""

    settings: Settings
    pool: Pool
    vault: Vault
    plugins: Plugins
    stand_in: StandIn
    tenant: Tenant

    @property
    def twilio(self) -> Twilio:
        channel = self.plugins.channel("twilio")
        assert isinstance(channel, Twilio)
        return channel

    @property
    def posts_to(self) -> str:
        return self.stand_in.setup.webhook(NUMBER, None)

    def post_to(self, url: str) -> None:
        self.stand_in.setup.sender(NUMBER)["webhook"] = {"callback_url": url, "callback_method": "POST"}

    async def tried(self, address: str = NUMBER, **credentials: str) -> list[Finding]:
        async with self.pool.acquire() as connection, connection.transaction():
            candidate = await enrolment.candidate(
                self, connection, self.tenant, self.twilio, address,
                settings={}, credentials=json.dumps(CREDENTIALS | credentials).encode(),
            )  # fmt: skip
        return list(await checkup.tried(self, candidate, self.twilio))

    async def admit(self, **credentials: str) -> None:
        await admission.admit(
            self, self.tenant, self.twilio, NUMBER,
            settings={}, credentials=json.dumps(CREDENTIALS | credentials).encode(),
        )  # fmt: skip

    async def keep(self, **credentials: str) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await enrolment.add(
                self, connection, self.tenant, self.twilio, NUMBER,
                settings={}, credentials=json.dumps(CREDENTIALS | credentials).encode(),
            )  # fmt: skip

    async def take(self, instead_of: str = "") -> list[str]:
        found = await destination.take(self, "acme", self.twilio, NUMBER, instead_of)
        return [each.level for each in found]

    async def checked(self) -> list[checks.Check]:
        async with self.pool.acquire() as connection:
            return list((await checks.list_all(connection, self.tenant.id)).values())


@pytest_asyncio.fixture
async def house(pool: Pool, keyring: Path) -> AsyncIterator[House]:
    app = create([TwilioAccount(SID, "secreto", (NUMBER,))])
    async with serving(app) as url, client() as http:
        plugins = Plugins({"twilio": Twilio(TwilioOperator(base_url=url), http)}, {"parrot": Parrot()})
        async with pool.acquire() as connection:
            tenant = await tenants.add(connection, "acme", "Acme", assistant="parrot")
        settings, vault = Settings(data_dir=keyring.parent.parent), Vault.read(keyring)
        yield House(settings, pool, vault, plugins, app.state.stand_in, tenant)


async def test_an_account_is_tried_before_anything_is_kept(house: House) -> None:
    assert [each.level for each in await house.tried()] == ["ok", "ok", "error"]
    assert destination.elsewhere(await house.tried()) == ""
    house.post_to(ELSEWHERE)
    assert destination.elsewhere(await house.tried()) == ELSEWHERE
    [refused] = await house.tried(auth_token="otro")
    assert (refused.level, refused.posts_to) == ("error", None)
    with pytest.raises(AccountUnusable, match="account_sid") as raised:
        await house.tried(account_sid="AC1")
    assert raised.value.of == "credentials.account_sid"
    assert await house.pool.fetchval("SELECT count(*) FROM accounts") == 0
    assert house.posts_to == ELSEWHERE


async def test_a_provider_that_cannot_be_asked_has_refused_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> object:
        raise CannotTell("Twilio is silent.")

    monkeypatch.setattr(Twilio, "examine", silent)
    with pytest.raises(CannotTell, match="silent"):
        await house.tried()
    with pytest.raises(NotAdmitted, match="silent") as raised:
        await house.admit()
    assert not raised.value.is_refused
    await house.keep()
    [found] = await checkup.examine(house, "acme", house.twilio, NUMBER)
    assert (found.level, found.text) == ("warning", "Twilio is silent.")
    [check] = await house.checked()
    assert not check.errors and not check.is_told


async def test_who_is_refused_may_be_kept_all_the_same_with_what_was_given(house: House) -> None:
    house.post_to(ELSEWHERE)
    await house.admit()  # where it posts is another question
    with pytest.raises(NotAdmitted) as raised:
        await house.admit(auth_token="otro")
    assert raised.value.is_refused and raised.value.sealed
    async with house.pool.acquire() as connection, connection.transaction():
        place = (house, connection, house.tenant, "twilio")
        given = await enrolment.unsealed(*place, NUMBER, raised.value.sealed)
        assert given == CREDENTIALS | {"auth_token": "otro"}
        with pytest.raises(VaultError):
            await enrolment.unsealed(*place, "whatsapp:+56922222222", raised.value.sealed)


async def test_what_is_kept_is_settled_where_it_takes_nothing_from_anybody(house: House) -> None:
    await house.keep()
    assert await admission.settle(house, house.tenant, house.twilio, NUMBER) is None
    assert house.posts_to == OURS
    house.post_to(ELSEWHERE)
    unsettled = await admission.settle(house, house.tenant, house.twilio, NUMBER)
    assert isinstance(unsettled, PostsElsewhere) and house.posts_to == ELSEWHERE
    [check] = await house.checked()
    assert destination.elsewhere(check.findings) == ELSEWHERE


async def test_what_a_check_found_is_known_until_the_account_is_another(house: House) -> None:
    await house.keep()
    assert await house.checked() == []
    found = await checkup.examine(house, "acme", house.twilio, NUMBER)
    [check] = await house.checked()
    assert list(check.findings) == list(found) and check.is_told
    assert [each.posts_to for each in check.errors] == [""]
    async with house.pool.acquire() as connection:
        await accounts.change(connection, house.tenant.id, "twilio", NUMBER, status="suspended")
        assert await house.checked() == [check]
        await accounts.change(connection, house.tenant.id, "twilio", NUMBER, settings={})
    assert await house.checked() == []


async def test_a_provider_that_posts_nowhere_posts_to_us_at_the_first_word(house: House) -> None:
    await house.keep()
    assert await house.take() == ["ok", "ok", "ok"]
    assert house.posts_to == OURS
    assert await house.take() == ["ok", "ok", "ok"]
    [check] = await house.checked()
    assert not check.errors


async def test_a_provider_that_posts_elsewhere_takes_the_second_word(house: House) -> None:
    await house.keep()
    house.post_to(ELSEWHERE)
    for instead_of in ("", "https://tercero.example/"):
        with pytest.raises(PostsElsewhere) as raised:
            await house.take(instead_of)
        assert raised.value.posts_to == ELSEWHERE == house.posts_to
    assert await house.take(ELSEWHERE) == ["ok", "ok", "ok"]
    assert house.posts_to == OURS


async def test_what_comes_by_the_address_of_all_tenants_is_left_as_it_is(house: House) -> None:
    await house.keep()
    shared = "http://localhost:8080/webhook/twilio#rc=3&rp=all"
    house.post_to(shared)
    assert await house.take() == ["ok", "ok", "warning"]
    assert await admission.settle(house, house.tenant, house.twilio, NUMBER) is None
    assert house.posts_to == shared
    assert await house.take(shared.partition("#")[0]) == ["ok", "ok", "ok"]


async def test_a_password_in_an_address_is_neither_kept_nor_told(house: House) -> None:
    await house.keep()
    house.post_to("https://ana:5ecret-of-hers@otro.example/hook")
    with pytest.raises(PostsElsewhere) as raised:
        await house.take()
    assert raised.value.posts_to == "https://[redacted]@otro.example/hook"
    assert "5ecret" not in await house.pool.fetchval("SELECT checked::text FROM accounts")
    assert await house.take(raised.value.posts_to) == ["ok", "ok", "ok"]


async def test_what_posts_to_us_wrongly_is_mended_without_a_second_word(house: House) -> None:
    await house.keep()
    house.post_to(OURS.partition("#")[0])
    assert await house.take() == ["ok", "ok", "ok"]
    assert house.posts_to == OURS


async def test_a_provider_that_refuses_says_why(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.keep()

    async def refuse(*_: object) -> None:
        raise CannotTell("Twilio is silent.")

    monkeypatch.setattr(Twilio, "configure", refuse)
    with pytest.raises(NotConfigured, match="Twilio is silent"):
        await house.take()
    monkeypatch.undo()
    with pytest.raises(TenantError, match="no account"):
        await destination.take(house, "acme", house.twilio, "+56922222222")


async def test_a_tenant_s_accounts_are_checked_one_by_one() -> None:
    with checkup.alone(1):
        with pytest.raises(BeingChecked), checkup.alone(1):
            pass
        with checkup.alone(2):
            pass
    with checkup.alone(1):
        pass
