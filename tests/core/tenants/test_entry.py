"""A directory entry opens accounts for plugins, and says what is wrong without saying a secret."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from conserje import Abilities, Assistant, Channel, Nothing
from conserje.kit import Closed
from conserje.net import client
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.storage.database import Connection
from conserje.tenants import accounts, tenants
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.keyring import create_keyring
from conserje.tenants.vault import Vault


class Token(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: SecretStr

    @field_validator("token")
    @classmethod
    def _long(cls, token: SecretStr) -> SecretStr:
        if len(token.get_secret_value()) < 5:
            raise ValueError(f"too short: {token.get_secret_value()}")
        return token


class Paint(BaseModel):
    colour: str = "red"


class Shared(BaseModel):
    token: SecretStr | None = None


class Post(Channel[Token, Paint, Shared]):
    name = "post"
    Credentials, Settings, Operator = Token, Paint, Shared

    def shared_credentials(self) -> Token | None:
        return Token(token=self.operator.token) if self.operator.token else None


class Page(Channel[Nothing, Nothing, Nothing]):
    name = "page"
    Credentials = Settings = Operator = Nothing


class Sage(Assistant[Token, Paint, Shared]):
    name = "sage"
    Credentials, Settings, Operator = Token, Paint, Shared

    def shared_credentials(self) -> Token | None:
        return Token(token=self.operator.token) if self.operator.token else None


class House:
    """One tenant, its vault, and the entry of it as the directory would have it."""

    def __init__(self, connection: Connection, vault: Vault, tenant: tenants.Tenant) -> None:
        self.connection, self.vault, self.tenant = connection, vault, tenant

    async def entry(
        self, channel: str, given: object = None, *, sealed_for: str = "a", **values: Any
    ) -> Entry:
        sealed = None
        if given is not None:
            sealed = await accounts.seal_credentials(
                self.connection, self.vault, self.tenant.id, channel, sealed_for, json.dumps(given).encode()
            )
        await accounts.add(self.connection, self.tenant.id, channel, "a", credentials=sealed, **values)
        found = await accounts.find(self.connection, "slug", "acme")
        assert found
        return Entry(*found)


@pytest_asyncio.fixture
async def house(connection: Connection, tmp_path: Path) -> AsyncIterator[House]:
    create_keyring(tmp_path / "keys.json")
    tenant = await tenants.add(connection, "acme", "Acme")
    yield House(connection, Vault.read(tmp_path / "keys.json"), tenant)


def post(token: str | None = None) -> Post:
    return Post(Shared.model_validate({"token": token}), client.client())


async def test_an_account_is_opened_with_credentials_and_settings(house: House) -> None:
    entry = await house.entry("post", {"token": "secret"}, settings={"colour": "blue"})
    channel = post()
    opened = entry.opened(entry.accounts[0], channel, house.vault)
    assert (opened.tenant, opened.address, opened.locale) == ("acme", "a", "es-CL")
    assert opened.credentials.token.get_secret_value() == "secret"
    assert opened.settings.colour == "blue"
    assert "secret" not in repr(opened) + repr(entry)
    assert entry.opened(entry.accounts[0], channel, house.vault) is opened


class Fixed(Closed):
    colour: str = "red"


class Listed(Closed):
    colours: list[str] = Field(default=["red"])


class Made(Closed):
    number: float = Field(default_factory=random.random)


@pytest.mark.parametrize(
    ("model", "settings", "shared"),
    [
        (Fixed, {}, True),
        (Fixed, {"colour": "red"}, False),
        (Paint, {}, False),
        (Listed, {}, False),
        (Made, {}, False),
    ],
)
async def test_those_who_set_nothing_have_one_model_where_nothing_can_change_it(
    house: House, model: type[BaseModel], settings: dict[str, str], shared: bool
) -> None:
    class Wall(Channel[Nothing, Any, Nothing]):
        name = "wall"
        Credentials, Settings, Operator = Nothing, model, Nothing

    entry = await house.entry("wall", settings=settings)
    other = Entry(entry.tenant, entry.accounts)
    wall = Wall(Nothing(), client.client())
    one, two = (each.opened(each.accounts[0], wall, house.vault).settings for each in (entry, other))
    assert type(one) is type(two) is model
    assert (one is two) is shared


async def test_an_assistant_is_told_what_its_model_was_found_to_be_able_to_do(house: House) -> None:
    sage = Sage(Shared.model_validate({"token": "shared"}), client.client())
    entry = await house.entry("sage", {"token": "secret"})
    assert entry.assistant(sage, house.vault).abilities is None
    able = Abilities("m", tools=False)
    await accounts.note_abilities(house.connection, house.tenant.id, entry.accounts[0].id, able)
    found = await accounts.find(house.connection, "slug", "acme")
    assert found and Entry(*found).assistant(sage, house.vault).abilities == able


async def test_without_credentials_of_its_own_it_has_the_operators(house: House) -> None:
    entry = await house.entry("post")
    opened = entry.opened(entry.accounts[0], post("shared"), house.vault)
    assert opened.credentials.token.get_secret_value() == "shared"
    entry = await house.entry("page")
    assert entry.opened(entry.accounts_of("page")[0], Page(Nothing(), client.client()), house.vault)


async def test_without_any_credentials_it_is_unusable(house: House) -> None:
    entry = await house.entry("post")
    with pytest.raises(AccountUnusable, match=r"credentials of post a of acme \(it has none\): token"):
        entry.opened(entry.accounts[0], post(), house.vault)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"token": "s3c"}, "token: is wrong"),
        ({"token": 53}, "token: Input should be a valid string"),
        ({"token": "secret", "s3c": 1}, "s3c: Extra inputs are not permitted"),
        (["s3c"], "should be an object"),
    ],
)
async def test_wrong_credentials_are_told_by_field(house: House, given: object, said: str) -> None:
    entry = await house.entry("post", given)
    with pytest.raises(AccountUnusable, match=said) as caught:
        entry.opened(entry.accounts[0], post(), house.vault)
    assert "too short" not in str(caught.value) and "secret" not in str(caught.value)


async def test_wrong_settings_are_told_by_field(house: House) -> None:
    entry = await house.entry("post", {"token": "secret"}, settings={"colour": 3})
    with pytest.raises(AccountUnusable, match="settings of post a of acme: colour"):
        entry.opened(entry.accounts[0], post(), house.vault)


async def test_credentials_sealed_for_another_row_do_not_open(house: House) -> None:
    entry = await house.entry("post", {"token": "secret"}, sealed_for="b")
    with pytest.raises(AccountUnusable, match="another row"):
        entry.opened(entry.accounts[0], post(), house.vault)


async def test_credentials_of_a_tenant_without_a_key_do_not_open(house: House) -> None:
    entry = await house.entry("post", {"token": "secret"})
    await house.connection.execute("UPDATE tenants SET data_key = NULL")
    found = await accounts.find(house.connection, "slug", "acme")
    assert found
    with pytest.raises(AccountUnusable, match="another tenant"):
        Entry(*found).opened(entry.accounts[0], post(), house.vault)


async def test_an_assistants_settings_are_the_tenants(house: House) -> None:
    await house.connection.execute(
        """UPDATE tenants SET assistant_settings = '{"sage": {"colour": "green"}}'"""
    )
    entry = await house.entry("sage", {"token": "secret"})
    sage = Sage(Shared.model_validate({"token": "shared"}), client.client())
    own = entry.opened(entry.accounts[0], sage, house.vault)
    assert (own.settings.colour, own.credentials.token.get_secret_value()) == ("green", "secret")
    none = entry.opened(None, sage, house.vault)
    assert (none.settings.colour, none.credentials.token.get_secret_value()) == ("green", "shared")


async def test_an_active_account_is_at_its_provider_with_its_channel(house: House) -> None:
    entry, channel = await house.entry("post", {"token": "secret"}), post()
    account = entry.accounts[0]
    at = entry.at_provider(account.id, Plugins({"post": channel}), house.vault)
    assert at == (channel, entry.opened(account, channel, house.vault))
    with pytest.raises(PluginMissing, match="The channel post"):
        entry.at_provider(account.id, Plugins(), house.vault)


async def test_an_account_that_is_suspended_or_gone_is_at_no_provider(house: House) -> None:
    entry = await house.entry("post", {"token": "secret"}, status="suspended")
    plugins, account_id = Plugins({"post": post()}), entry.accounts[0].id
    for each in (account_id, account_id + 1):
        with pytest.raises(AccountUnusable, match="account of acme is suspended or gone"):
            entry.at_provider(each, plugins, house.vault)


async def test_a_tenants_own_account_of_a_channel_bears_its_name(house: House) -> None:
    entry = await house.entry("page")
    assert entry.own("page") is None
    await accounts.add(house.connection, house.tenant.id, "page", "page")
    found = await accounts.find(house.connection, "slug", "acme")
    assert found
    own = Entry(*found).own("page")
    assert own and own.address == "page"
