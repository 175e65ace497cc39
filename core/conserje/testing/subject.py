"""The channel that is tried: what its suite says of it, and what is made of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from pydantic import BaseModel, ValidationError

from conserje.contract.account import Account, AnyAccount, NotOffered
from conserje.contract.channel import AnyChannel, Malformed, Webhook
from conserje.contract.message import Content, Event, InboundMessage, Status
from conserje.contract.signatures import wants
from conserje.plugins import given
from conserje.testing.samples import CONTENTS, TEXT
from conserje.testing.secrecy import secrets_of
from conserje.testing.suite import Suite

HOST = "https://tienda.bot.example"


class ChannelSubject(Suite):
    """What a suite of a channel says: class variables, and who writes the provider's requests."""

    channel: ClassVar[type[AnyChannel]]
    address: ClassVar[str]
    sender: ClassVar[str]
    credentials: ClassVar[Mapping[str, Any]] = {}
    other_credentials: ClassVar[Mapping[str, Any]]  # of another account at the same provider
    other_address: ClassVar[str] = ""  # of that account; empty: one is made out of `address`
    settings: ClassVar[Mapping[str, Any]] = {}
    operator: ClassVar[Mapping[str, Any]] = {}
    signs_body: ClassVar[bool] = True  # False: a secret in a header, the same for each body
    samples: ClassVar[Mapping[str, Content]] = {}  # by kind, where the suite's own are none of the provider's
    incoming: ClassVar[str | Path] = ""  # a folder of cases, beside the test's own file

    def hook(self, said: str | Content, account: AnyAccount | None = None) -> Webhook:
        """The signed request by which `sender` says this; override it where `compose` is not offered.

        Raises NotOffered for what contacts cannot send.
        """
        url = f"{HOST}/bot/{self.channel.name}/webhook"
        composing: Any = self._channel().compose
        written: Webhook = composing(account or self._account(), url, self.sender, said)
        return written

    def report(self, provider_id: str, status: Status) -> Webhook:
        """The signed request by which the provider says what became of a message; by default not tried."""
        raise NotOffered("The suite does not say how the provider reports.")

    def _channel(self, http: httpx2.AsyncClient | None = None, **operator: Any) -> AnyChannel:
        """Without `http`, a channel that can do no I/O."""
        model = self.channel.Operator.model_validate({**self.operator, **operator})
        return self.channel(model, http)  # type: ignore[arg-type]

    def _account(
        self, credentials: Mapping[str, Any] | None = None, address: str = "", tenant: str = "tienda"
    ) -> AnyAccount:
        opened = self.channel.Credentials.model_validate(dict(credentials or self.credentials))
        settings = self.channel.Settings.model_validate(dict(self.settings))
        return Account(tenant, address or self.address, opened, settings)

    def _other(self) -> AnyAccount:
        """The account of another tenant at the same provider."""
        address = self.other_address or _next_address(self._channel(), self.address)
        return self._account(self._other_secrets(), address, "ajena")

    def _other_secrets(self) -> Mapping[str, Any]:
        """The other account's credentials, without a secret that is this one's too."""
        try:
            return stranger(
                self.channel.Credentials, {**self.credentials, **self.other_credentials}, self.credentials
            )
        except AttributeError:
            pytest.fail("Say `other_credentials`: those of another account at the same provider.")

    def _private(self, *accounts: AnyAccount) -> list[str]:
        """What nobody may say: the secrets of the accounts and of the operator."""
        models = (each.credentials for each in accounts or (self._account(),))
        return secrets_of(*models, self._channel().operator)

    def _said(self, kind: str) -> Content:
        return self.samples.get(kind) or CONTENTS[kind]

    def _hooks(self) -> dict[str, Webhook]:
        """The requests of all kinds that contacts can send."""
        found = {"text": self.hook(TEXT)}
        for kind in ("media", "location", "contact_card", "reaction", "pressed"):
            with suppress(NotOffered):
                found[kind] = self.hook(self._said(kind))
        with suppress(NotOffered):
            found["status"] = self.report("mensaje-de-prueba-1", "failed")
        return found

    def _parse(
        self, hook: Webhook, account: AnyAccount | None = None, channel: AnyChannel | None = None
    ) -> list[Event]:
        """The events of a request, as the guard takes them."""
        found: list[Event] = []
        for _ in given.parts(found)(parse(channel or self._channel(), hook, account or self._account())):
            pass
        return found

    def _message(
        self, hook: Webhook, account: AnyAccount | None = None, channel: AnyChannel | None = None
    ) -> InboundMessage:
        events = self._parse(hook, account, channel)
        messages = [each for each in events if isinstance(each, InboundMessage)]
        assert messages, f"`parse` reads no message, but {events}."
        return messages[-1]


def parse(channel: AnyChannel, hook: Webhook, account: AnyAccount) -> Any:
    """What `parse` gives, with the account where it takes one."""
    takes = wants(type(channel).parse, "account")
    return channel.parse(hook, account=account) if takes else channel.parse(hook)


def changed(hook: Webhook, **changes: Any) -> Webhook:
    """The same request with another url, other headers or another body."""
    said = {"url": hook.url, "headers": hook.headers, "body": hook.body} | changes
    return Webhook(hook.method, hook.path, **said)


def stranger(model: type[BaseModel], theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Mapping[str, Any]:
    """Their credentials, with another secret where one is ours too and the model takes another."""
    secret = set(secrets_of(model.model_validate(dict(ours))))
    found = dict(theirs)
    for name, value in theirs.items():
        if isinstance(value, str) and value in secret:
            for other in (shifted(value), value[::-1], value + "2"):
                if other != value and _is_valid(model, {**found, name: other}):
                    found[name] = other
                    break
    return found


def _is_valid(model: type[BaseModel], values: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(dict(values))
    except ValidationError:
        return False
    return True


def shifted(text: str) -> str:
    """Another text of the same form: each letter and digit is the next one."""
    return "".join(map(_next, text))


def _next(sign: str) -> str:
    for first, last in ("09", "az", "AZ"):
        if first <= sign <= last:
            return first if sign == last else chr(ord(sign) + 1)
    return sign


def _next_address(channel: AnyChannel, address: str) -> str:
    """Another address of the same form, where an account of the channel can have one."""
    if channel.per_tenant:
        return address
    for place in reversed(range(len(address))):
        other = address[:place] + _next(address[place]) + address[place + 1 :]
        with suppress(Malformed):
            if other != address and channel.address(other) == other:
                return other
    return address


def spoken(events: Sequence[Event]) -> list[InboundMessage]:
    return [each for each in events if isinstance(each, InboundMessage)]


def elsewhere(account: AnyAccount) -> AnyAccount:
    return replace(account, address="")
