"""A visitor's cookie: made for one account, good for no other, and for no page of another host."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from conserje import Account, Forged, Nothing, SessionKey, Webhook, new_session, signed, visitor
from conserje.contract.sessions import LIFE, cookie_name, identity_key, read, vouches

HERE = "https://acme.bot.example/bot/web/webhook"


def account(tenant: str = "acme", address: str = "web") -> Account[SessionKey, Nothing]:
    return Account(tenant, address, SessionKey(), Nothing())


def hook(cookie: str, **headers: str) -> Webhook:
    origin = {"origin": "https://acme.bot.example", "cookie": cookie}
    return Webhook("POST", "webhook", HERE, {**origin, **headers}, b"")


def test_a_new_visitor_is_known_by_the_cookie() -> None:
    acme = account()
    who, header = new_session(acme)
    cookie, *attributes = header.split("; ")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned"} < set(attributes)
    assert cookie.startswith("__Host-") and not [each for each in attributes if each.startswith("Domain")]
    assert visitor(hook(cookie), acme) == who
    assert new_session(acme)[0] != who


@pytest.mark.parametrize(
    "other",
    [account("bravo"), account(address="other"), account()],
    ids=["tenant", "address", "secret"],
)
def test_a_cookie_of_another_account_names_nobody(other: Account[SessionKey, Nothing]) -> None:
    acme = account()
    if other.tenant != "acme" or other.address != "web":  # the same secret would not help
        other = Account(other.tenant, other.address, acme.credentials, Nothing())
    with pytest.raises(Forged):
        visitor(hook(f"{cookie_name(acme)}={signed('ana', other)}"), acme)


def test_a_tenant_that_is_called_otherwise_keeps_its_visitors() -> None:
    acme = account()
    who, header = new_session(acme)
    moved = replace(acme, tenant="nueva", first_tenant="acme")
    assert visitor(hook(header.partition(";")[0]), moved) == who
    assert visitor(hook(new_session(moved)[1].partition(";")[0]), replace(moved, tenant="tercera"))


def test_a_cookie_that_was_changed_names_nobody() -> None:
    acme = account()
    value = signed("ana", acme)
    name, moment, seal = value.split(".")
    for changed in (
        f"beto.{moment}.{seal}",
        f"{name}.{int(moment) + 1}.{seal}",
        f"{name}.{moment}.{'0' * 64}",
        f"{name}.{moment}",
        "",
        "á",
    ):
        assert read(f"{cookie_name(acme)}={changed}", acme) is None, changed


def test_of_two_cookies_of_the_name_neither_counts() -> None:
    acme = account()
    name = cookie_name(acme)
    good = f"{name}={signed('ana', acme)}"
    assert read(f"theme=dark; {good}; other=1", acme) == "ana"
    assert read(f"{good}; {name}={signed('eva', acme)}", acme) is None
    assert read(f"{name}=x; {good}", acme) is None


def test_a_cookie_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = account()
    now = 1_800_000_000.0
    monkeypatch.setattr("conserje.contract.sessions.time.time", lambda: now)
    cookie = f"{cookie_name(acme)}={signed('ana', acme)}"
    now += (LIFE - timedelta(seconds=1)).total_seconds()
    assert read(cookie, acme) == "ana"
    now += 2
    assert read(cookie, acme) is None


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"origin": "https://acme.bot.example"}, True),
        ({"origin": "https://acme.bot.example", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://bravo.bot.example"}, False),
        ({"origin": "http://acme.bot.example"}, False),
        ({"origin": "https://acme.bot.example:8443"}, False),
        ({"origin": "https://acme.bot.example.evil.example"}, False),
        ({"origin": "https://acme.bot.example", "sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
    ],
)
def test_only_pages_of_the_same_host_may_ask(headers: dict[str, str], good: bool) -> None:
    acme = account()
    asked = Webhook(
        "POST", "webhook", HERE, {"cookie": f"{cookie_name(acme)}={signed('ana', acme)}"} | headers, b""
    )
    if good:
        assert visitor(asked, acme) == "ana"
    else:
        with pytest.raises(Forged):
            visitor(asked, acme)


def test_the_secret_is_in_no_text() -> None:
    key = SessionKey()
    assert key.secret.get_secret_value() not in repr(key)


def test_a_site_s_server_can_vouch_for_a_name_and_a_phone() -> None:
    acme = account()
    key = identity_key(acme)
    assert key != acme.credentials.secret.get_secret_value()
    proof = hmac.new(key.encode(), "Ana Ñuñoa\n+56912345678".encode(), "sha256").hexdigest()
    assert vouches(proof, "Ana Ñuñoa", "+56912345678", acme)
    assert vouches(proof.upper(), "Ana Ñuñoa", "+56912345678", acme)
    for said in (("Ana", "+56912345678"), ("Ana Ñuñoa", ""), ("", "+56912345678"), ("\ud83d", "")):
        assert not vouches(proof, *said, acme)
    for wrong in ("", proof[:-1], "ñ" * 64, "\ud83d"):
        assert not vouches(wrong, "Ana Ñuñoa", "+56912345678", acme)
    assert not vouches(proof, "Ana Ñuñoa", "+56912345678", account())


def test_the_key_of_identities_opens_no_session() -> None:
    acme = account()
    other = replace(acme, credentials=SessionKey(secret=SecretStr(identity_key(acme))))
    with pytest.raises(Forged):
        visitor(hook(f"{cookie_name(acme)}={signed('ana', other)}"), acme)
