"""Who may post: whatever header comes, it is one of the account's secrets or it is forged."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from pydantic import SecretStr

from conserje import Forged, Malformed, Webhook
from conserje.kit import Bearer, Hmac, InAddress

URL = "https://tienda.bot.example/bot/acme/webhook"
BODY = b'{"a": "\xc3\xb1"}'
OLD, NEW, OTHER = SecretStr("viejo"), SecretStr("nuevo"), SecretStr("ajeno")
KINDS = (
    Bearer("x-acme"),
    Bearer("authorization", prefix="Bearer "),
    Hmac("x-acme"),
    Hmac("x-acme", "sha1", "base64"),
    Hmac("x-acme", "sha512", prefix="sha512="),
)

kinds = pytest.mark.parametrize("kind", KINDS, ids=repr)


def signed(kind: Bearer | Hmac, secret: SecretStr, body: bytes = BODY) -> Webhook:
    headers = kind.sign(secret) if isinstance(kind, Bearer) else kind.sign(secret, body)
    return Webhook("POST", "webhook", URL, headers, body)


@kinds
def test_the_account_s_secret_signs(kind: Bearer | Hmac) -> None:
    assert kind.verify(signed(kind, OLD), {"secret": OLD}) is None


@kinds
def test_in_a_rotation_both_sign_and_each_is_named(kind: Bearer | Hmac) -> None:
    held = {"secret": OLD, "next_secret": NEW}
    assert kind.verify(signed(kind, OLD), held) == "secret"
    assert kind.verify(signed(kind, NEW), held) == "next_secret"
    assert kind.verify(signed(kind, OLD), {"secret": OLD, "next_secret": None}) is None


@kinds
@pytest.mark.parametrize("spoilt", ["", " ", "é☕", "\udc80", "Bearer ", "sha512=", "a" * 9000])
def test_whatever_else_comes_is_forged(kind: Bearer | Hmac, spoilt: str) -> None:
    for headers in ({}, {kind.header: spoilt}, signed(kind, OTHER).headers):
        with pytest.raises(Forged):
            kind.verify(Webhook("POST", "webhook", URL, headers, BODY), {"secret": OLD})


@kinds
def test_a_secret_that_is_missing_or_empty_lets_nobody_in(kind: Bearer | Hmac) -> None:
    for secret in (None, SecretStr("")):
        with pytest.raises(Forged, match="no secret"):
            kind.verify(signed(kind, SecretStr("")), {"secret": secret})


def test_what_an_account_is_told_names_fields_and_no_secret() -> None:
    with pytest.raises(Forged) as raised:
        KINDS[0].verify(signed(KINDS[0], OTHER), {"secret": OLD, "next_secret": NEW})
    assert "secret and next_secret" in str(raised.value)
    assert not any(each.get_secret_value() in str(raised.value) for each in (OLD, NEW, OTHER))


def test_the_signature_is_the_usual_one() -> None:
    hexed = hmac.new(b"viejo", BODY, hashlib.sha256).hexdigest()
    assert Hmac("x-acme", prefix="sha256=").sign(OLD, BODY) == {"x-acme": f"sha256={hexed}"}
    encoded = base64.b64encode(hmac.new(b"viejo", BODY, hashlib.sha1).digest()).decode()
    assert Hmac("x-acme", "sha1", "base64").sign(OLD, BODY) == {"x-acme": encoded}


def test_more_than_the_body_can_be_signed() -> None:
    kind, signed_too = Hmac("x-acme"), b"1700000000." + BODY
    hook = Webhook("POST", "webhook", URL, kind.sign(OLD, signed_too), BODY)
    assert kind.verify(hook, {"secret": OLD}, signed_too) is None
    with pytest.raises(Forged):
        kind.verify(hook, {"secret": OLD})


def test_a_body_is_signed_once_however_many_accounts_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    digest = hmac.digest

    def counted(key: bytes, body: bytes, name: str) -> bytes:
        made.append(key)
        return digest(key, body, name)

    monkeypatch.setattr("hmac.digest", counted)
    kind = Hmac("x-acme")
    hook = signed(kind, OLD)
    made.clear()
    for _ in range(20):
        kind.verify(hook, {"secret": OLD, "next_secret": NEW})
    assert made == [b"viejo", b"nuevo"]


def test_a_secret_may_stand_in_the_address() -> None:
    kind = InAddress("key")
    url = kind.sign(SecretStr("vi&jo ñ"), URL)
    assert url.startswith(f"{URL}?key=")
    held = {"secret": SecretStr("vi&jo ñ"), "next_secret": NEW}
    assert kind.verify(Webhook("POST", "webhook", url, {}, BODY), held) == "secret"
    for query in ("", "?key=", "?key=ajeno", "?other=vi%26jo+%C3%B1"):
        with pytest.raises(Forged):
            kind.verify(Webhook("POST", "webhook", URL + query, {}, BODY), held)
    with pytest.raises(Malformed):
        kind.verify(Webhook("POST", "webhook", f"{URL}?key=%ff", {}, BODY), held)
