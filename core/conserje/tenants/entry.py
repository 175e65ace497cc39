"""A tenant with its accounts, as the directory has it: opens an account for a plugin."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

from conserje.contract.account import Account, AnyAccount
from conserje.contract.assistant import AnyAssistant, Assistant
from conserje.contract.channel import AnyChannel
from conserje.contract.tool import AnyTool, Tool
from conserje.errors import OperatorError, first_fault
from conserje.plugins import guard
from conserje.plugins.guard import AnyPlugin, PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.tenants.accounts import AccountRow, credentials_context
from conserje.tenants.keyring import VaultError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault

# A plugin's own validators may say the value in their texts.
SILENT_ON_VALUES = frozenset(get_args(ErrorType)) - {"value_error", "assertion_error", "union_tag_invalid"}

M = TypeVar("M", bound=BaseModel)

_UNSET: WeakKeyDictionary[type[BaseModel], Any] = WeakKeyDictionary()  # what it is where nothing is set


class AccountUnusable(OperatorError):
    """The account's credentials or settings cannot be used; the text is for the operator."""


@dataclass(slots=True)
class Entry:
    """A tenant with its accounts, as loaded at one moment; a change makes a new entry."""

    tenant: Tenant
    accounts: tuple[AccountRow, ...]
    loaded: int = 0  # the directory's count of changes when the loading began
    # By the account's id; by the plugin's name where there is none.
    _opened: dict[int | str, AnyAccount] | None = field(default=None, repr=False)

    def accounts_of(self, channel: str) -> list[AccountRow]:
        return [account for account in self.accounts if account.channel == channel]

    def account(self, account_id: int) -> AccountRow | None:
        return next((account for account in self.accounts if account.id == account_id), None)

    def at_provider(self, account_id: int, plugins: Plugins, vault: Vault) -> tuple[AnyChannel, AnyAccount]:
        """The channel of an account, and the account as the channel gets it, to ask its provider.

        Raises AccountUnusable or PluginMissing.
        """
        account = self.account(account_id)
        if account is None or not account.active:
            raise AccountUnusable(f"The account of {self.tenant.slug} is suspended or gone.")
        channel = plugins.channel(account.channel)
        return channel, self.opened(account, channel, vault)

    def own(self, channel: str) -> AccountRow | None:
        """The account of a channel that every tenant has; None before its first use."""
        return next((account for account in self.accounts_of(channel) if account.address == channel), None)

    def opened(self, account: AccountRow | None, plugin: AnyPlugin, vault: Vault) -> AnyAccount:
        """The account as the plugin gets it; None: the tenant has no account for this assistant, or tool.

        The settings of these are the tenant's. Raises AccountUnusable.
        """
        if self._opened is None:
            self._opened = {}
        key = account.id if account else plugin.name
        if (known := self._opened.get(key)) is None:
            known = self._opened[key] = self._open(account, plugin, vault)
        return known

    def assistant(self, plugin: AnyAssistant, vault: Vault) -> AnyAccount:
        """What the assistant gets to answer for the tenant. Raises AccountUnusable."""
        return self._own_or_none(plugin, vault)

    def tool(self, plugin: AnyTool, vault: Vault) -> AnyAccount:
        """What the tool gets to be called for the tenant. Raises AccountUnusable, also where it is off."""
        if not self.tenant.has_tool(plugin.name):
            raise AccountUnusable(f"{self.tenant.slug} has not switched {plugin.name} on.")
        return self._own_or_none(plugin, vault)

    def _own_or_none(self, plugin: AnyAssistant | AnyTool, vault: Vault) -> AnyAccount:
        own = [account for account in self.accounts_of(plugin.name) if account.active]
        return self.opened(own[0] if own else None, plugin, vault)

    def _open(self, account: AccountRow | None, plugin: AnyPlugin, vault: Vault) -> AnyAccount:
        address = account.address if account else ""
        where = f"{plugin.name} {address}".rstrip() + f" of {self.tenant.slug}"
        settings: Any = account.settings if account else {}
        if isinstance(plugin, Assistant):
            settings = self.tenant.assistant_settings.get(plugin.name, {})
        elif isinstance(plugin, Tool):
            settings = self.tenant.tool_settings.get(plugin.name, {})
        return Account(
            tenant=self.tenant.slug,
            address=address,
            credentials=self._credentials(account, plugin, vault, where),
            settings=_settings(plugin.Settings, settings, f"settings of {where}"),
            locale=self.tenant.locale,
            first_tenant=self.tenant.first_slug or "",
            abilities=account.abilities if account else None,
        )

    def _credentials(self, account: AccountRow | None, plugin: AnyPlugin, vault: Vault, where: str) -> Any:
        if account is None or account.credentials is None:
            if (shared := _shared(plugin, where)) is not None:
                return shared
            return validated(plugin.Credentials, "{}", f"credentials of {where} (it has none)")
        if self.tenant.data_key is None:
            raise AccountUnusable(
                f"The credentials of {where} were sealed for another tenant: seal them anew."
            )
        context = credentials_context(self.tenant.id, account.channel, account.address)
        try:
            plain = vault.unseal(self.tenant.data_key, context, account.credentials)
        except VaultError as error:
            raise AccountUnusable(f"The credentials of {where} do not open: {error}") from None
        return validated(plugin.Credentials, plain, f"credentials of {where}")


def _settings(model: type[M], given: Any, what: str) -> M:
    """Raises AccountUnusable. Most have set nothing: one model is for all of these where it can be."""
    if given:
        return validated(model, json.dumps(given), what)
    if (unset := _UNSET.get(model)) is None:
        unset = validated(model, "{}", what)
        if _is_for_all(unset):
            _UNSET[model] = unset
    return unset


def _is_for_all(unset: BaseModel) -> bool:
    """Whether nothing can change it, and nothing in it is made up anew each time."""
    try:
        hash(unset)
    except TypeError:
        return False
    return not any(each.default_factory for each in type(unset).model_fields.values())


def _shared(plugin: AnyPlugin, where: str) -> Any:
    try:
        return guard.shared_credentials(plugin)
    except PluginFailed as error:
        raise AccountUnusable(f"The operator's credentials for {where} cannot be had: {error}.") from None


def validated(model: type[M], given: str | bytes, what: str) -> M:
    """JSON as `model`. Raises AccountUnusable, whose text names the field and shows no value."""
    try:
        return model.model_validate_json(given)
    except ValidationError as error:
        fault = first_fault(error)
        if fault.type not in SILENT_ON_VALUES:
            fault = fault._replace(why="is wrong")
        raise AccountUnusable(f"The {what}: {fault}", _place(what, fault.place)) from None
    except BaseException as error:  # a plugin's own validator, whose text may say the value
        raise AccountUnusable(f"The {what}: {type(error).__name__}.") from None


def _place(what: str, field: str) -> str:
    """Credentials or settings, and which of them."""
    return ".".join(filter(None, (what.partition(" ")[0], field)))
