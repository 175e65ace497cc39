"""Who may post: the tests of `verify` and `claims`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from conserje.contract.account import AnyAccount
from conserje.contract.channel import Forged, Malformed, Webhook
from conserje.plugins import given
from conserje.testing import comparing
from conserje.testing.samples import TEXT
from conserje.testing.secrecy import secrets_of
from conserje.testing.subject import ChannelSubject, changed, elsewhere, stranger
from conserje.testing.watch import quick

_NEVER = "`verify` raises Forged for what no secret of the account signs; {} is taken."


class Signing(ChannelSubject):
    """What `verify` takes and refuses."""

    def test_claims_the_address_written_to(self) -> None:
        claimed = given.names(self._channel().claims(self.hook(TEXT)))
        assert not claimed or self.address in claimed, f"`claims` names {claimed}, not {self.address}."
        other = self._other()
        claimed = given.names(self._channel().claims(self.hook(TEXT, other)))
        assert not claimed or other.address in claimed, f"`claims` names {claimed}, not {other.address}."

    def test_accepts_what_the_account_signed(self) -> None:
        for hook in self._hooks().values():
            given.name(self._channel().verify(hook, self._account()))

    def test_without_an_address_asks_for_the_signature_alone(self) -> None:
        if self.channel.per_tenant:
            return
        hook = self.hook(TEXT)
        self._channel().verify(hook, elsewhere(self._account()))
        self._refuse(hook, "another account's request", elsewhere(self._account(self.other_credentials)))

    def test_refuses_another_account_s_signature(self) -> None:
        self._refuse(self.hook(TEXT), "another account's request", self._account(self.other_credentials))
        self._refuse(self.hook(TEXT, self._other()), "another account's request")

    def test_refuses_a_changed_body(self) -> None:
        if not self.signs_body:
            return
        hook = self.hook(TEXT)
        half = len(hook.body) // 2
        other = self.hook("Otra cosa").body
        for body in (
            hook.body + b"&x=1",
            hook.body[:-1],
            other,
            b"",
            hook.body[:half] + b"9" + hook.body[half + 1 :],
        ):
            if body != hook.body:
                self._refuse(changed(hook, body=body), f"a changed body ({body[-40:]!r})")

    def test_refuses_a_request_without_headers(self) -> None:
        self._refuse(changed(self.hook(TEXT), headers={}), "a request without headers")

    def test_without_a_secret_nobody_may_post(self) -> None:
        unsigned = changed(self.hook(TEXT), headers={})
        for name in self.credentials:
            fewer = {each: value for each, value in self.credentials.items() if each != name}
            with suppress(ValidationError):
                self._refuse(
                    unsigned, f"what nobody signs, where the account has no {name}", self._account(fewer)
                )

    def test_a_handshake_by_get_is_verified_too(self) -> None:
        if "GET" in self.channel.methods:
            url = self.hook(TEXT).url
            for query in ("", "?x=1", "?hub.mode=subscribe&hub.challenge=7&hub.verify_token="):
                self._refuse(Webhook("GET", "webhook", url + query, {}, b""), "a GET that nobody signs")

    def test_refuses_a_spoilt_signature(self) -> None:
        hook = self.hook(TEXT)
        signing = [name for name in hook.headers if self._is_forged(self._without(hook, name))]
        taken = {
            name: [spoilt for spoilt in _spoilt(hook, name) if not self._is_forged(spoilt)]
            for name in signing
        }
        assert not signing or [] in taken.values(), (
            f"`verify` looks whether {' and '.join(signing)} is there, and takes another value all the "
            f"same: {[each.headers[name] for name, some in taken.items() for each in some][:3]}."
        )

    def test_a_spoilt_header_raises_nothing_but_the_contract_s(self) -> None:
        hook = self.hook(TEXT)
        for name, value in hook.headers.items():
            for spoilt in (
                "",
                " ",
                value[1:],
                value[::-1],
                "é☕",
                "\udc80",
                "=",
                value + ",",
                "a" * 9000,
                "a=" * 4500,
            ):
                self._judge(changed(hook, headers={**hook.headers, name: spoilt}))

    def test_a_spoilt_url_raises_nothing_but_the_contract_s(self) -> None:
        hook = self.hook(TEXT)
        for spoilt in ("?", "?a=%ff", "?message=x", "#", "/é", "/\udc80", "?" + "a&" * 600):
            strange = changed(hook, url=hook.url + spoilt)
            self._judge(strange)
            with suppress(Forged, Malformed):
                self._channel().claims(strange)
            with suppress(Malformed):
                self._parse(strange)

    def test_takes_no_empty_secret(self) -> None:
        for name in self.credentials:
            if self._signs(name):
                with suppress(ValidationError):
                    empty = self._account({**self.credentials, name: ""})
                    for hook in (self.hook(TEXT, empty), changed(self.hook(TEXT), headers={})):
                        self._refuse(
                            hook, f"what anybody can sign, where {name} is empty (min_length=1),", empty
                        )

    def _signs(self, name: str) -> bool:
        """Whether it is a secret by which the provider's requests are signed."""
        others = stranger(self.channel.Credentials, self.credentials, self.credentials)
        account = self._account({**self.credentials, name: others[name]})
        return _verdict(self._channel(), self.hook(TEXT), account) is not None

    def test_remembers_no_verdict(self) -> None:
        channel, hook = self._channel(), self.hook(TEXT)
        channel.verify(hook, self._account())
        self._refuse(hook, "what another account verified", self._account(self.other_credentials), channel)
        self._refuse(changed(hook, headers={}), "a body that was verified once", None, channel)
        channel.verify(hook, self._account())

    def test_two_accounts_verify_apart(self) -> None:
        other, channel = self._other(), self._channel()
        theirs, ours = self.hook(TEXT, other), self.hook(TEXT)
        for _ in range(2):
            channel.verify(ours, self._account())
            channel.verify(theirs, other)
            self._refuse(ours, "another account's request", other, channel)
            self._refuse(theirs, "another account's request", None, channel)

    def test_compares_secrets_in_constant_time(self) -> None:
        hook, account, other = self.hook(TEXT), self._account(), self._account(self._other_secrets())
        open_values = {value for _, value in account.credentials if isinstance(value, str)}
        with comparing.noting() as right:
            self._channel().verify(comparing.watched_hook(hook), comparing.watched(account))
        with comparing.noting() as wrong, suppress(Forged, Malformed):
            self._channel().verify(comparing.watched_hook(hook), comparing.watched(other))
        found = comparing.revealing(right, wrong, open_values)
        assert not found, "A secret, or a signature, is compared with `==`: use hmac.compare_digest."

    def test_verifies_quickly_whatever_is_posted(self) -> None:
        hook, channel, account = self.hook(TEXT), self._channel(), self._account()
        for body in _large(self.channel.body_limit):
            strange = changed(hook, body=body)
            quick(f"`verify` of {len(body)} bytes", _verdict, channel, strange, account)
        for name, value in hook.headers.items():
            for long in ("a" * 8000, "=," * 4000, value * (8000 // max(len(value), 1))):
                strange = changed(hook, headers={**hook.headers, name: long})
                quick(f"`verify` of a long {name}", _verdict, channel, strange, account)

    def _refuse(
        self, hook: Webhook, what: str, account: AnyAccount | None = None, channel: Any = None
    ) -> None:
        with pytest.raises((Forged, Malformed)):
            (channel or self._channel()).verify(hook, account or self._account())
            pytest.fail(_NEVER.format(what))

    def _is_forged(self, hook: Webhook) -> bool:
        return _verdict(self._channel(), hook, self._account()) is Forged

    def _without(self, hook: Webhook, name: str) -> Webhook:
        return changed(hook, headers={each: value for each, value in hook.headers.items() if each != name})

    def _judge(self, hook: Webhook) -> None:
        """Whatever is posted, the contract's own errors are raised, and secrets are in none."""
        try:
            self._channel().verify(hook, self._account())
        except (Forged, Malformed) as error:
            for secret in secrets_of(self._account().credentials):
                assert secret not in str(error), "The error of `verify` says a secret."


def _verdict(channel: Any, hook: Webhook, account: AnyAccount) -> type[Exception] | None:
    try:
        channel.verify(hook, account)
    except (Forged, Malformed) as error:
        return type(error)
    return None


def _spoilt(hook: Webhook, name: str) -> Iterator[Webhook]:
    """The header with another value; its middle changes, since an encoding may not say all of its end."""
    value = hook.headers[name]
    middle = len(value) * 2 // 3
    other = "b" if value[middle : middle + 1] == "a" else "a"
    for spoilt in (
        "",
        value[: len(value) // 2],
        value[:-2],
        value[:middle] + other + value[middle + 1 :],
        value * 2,
    ):
        if spoilt != value:
            yield changed(hook, headers={**hook.headers, name: spoilt})


def _large(limit: int) -> Iterator[bytes]:
    for piece in (b"[", b'{"a":', b"a", b" ", b"&", b"a=%25&", b"\xff", b"\\u00e9"):
        yield piece * (min(limit, 4 * 1024 * 1024) // len(piece))
