"""The disguise: no credential however it is written, and the same stand-in for the same."""

from __future__ import annotations

import json
import re
import time

import pytest
from spelled import ways

from conserje.plugins.disguise import Disguise

SECRETS = {
    "token": "123456:AAE-x/y+z=9 ñ&",  # what has signs that addresses, forms, JSON and pages write otherwise
    "hook_url": "https://hooks.example.com/T00/B00/abcdefXYZ",
    "account_sid": "AC" + "1a" * 16,
}
KEY = b"k" * 32


def disguise(**more: object) -> Disguise:
    return Disguise(KEY, SECRETS, {"the-operator's-own"}, "acme", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("secret", [*SECRETS.values(), "the-operator's-own"])
@pytest.mark.parametrize("way", ways("x"))
def test_promise_7_no_credential_stays_however_it_is_written(secret: str, way: str) -> None:
    written, by = ways(secret)[way], disguise()
    for text in (written, f"see {written}, please", f"https://api.example/bot{written}/send?x={written}"):
        assert by.betrays(text), "the net below finds it, too"
        for name in ("", "url", "text", "token"):
            hidden = by.text(text, name)
            assert written not in hidden and not by.betrays(hidden), hidden
    assert not by.betrays(json.dumps(by.value({written: [written], "a": {"b": written}})))


def test_a_credential_becomes_the_name_of_its_field() -> None:
    by = disguise()
    assert (
        by.text(f"https://api.example/bot{SECRETS['token']}/getMe") == "https://api.example/bot${token}/getMe"
    )
    assert by.value({"AccountSid": SECRETS["account_sid"]}) == {"AccountSid": "${account_sid}"}
    assert by.value({"password": "hunter2", "access_token": "", "n": 5}) == {
        "password": "[redacted]", "access_token": "", "n": 5,
    }  # fmt: skip
    assert Disguise(KEY, {"region": "us"}).value({"a": "us", "b": "bus"}) == {"a": "${region}", "b": "bus"}


@pytest.mark.parametrize(
    "text",
    [
        "https://files.example/a?sig=Zm9vYmFyYmF6",
        "https://files.example/a?token=abc&expires=5",
        "https://user:hunter2@files.example/a",
        "Authorization: Bearer Zm9vYmFyYmF6",
    ],
)
def test_what_looks_like_a_secret_goes_as_well(text: str) -> None:
    hidden = disguise().text(text)
    assert not re.search("Zm9v|hunter2|=abc", hidden)


def test_a_phone_has_the_same_stand_in_wherever_it_stands_and_in_every_process() -> None:
    one, other = disguise(), disguise(keep_words=True)
    stand_in = one.text("56911111111")
    assert re.fullmatch("569[0-9]{8}", stand_in) and stand_in != "56911111111"
    assert other.text("whatsapp:+56911111111") == f"whatsapp:+{stand_in}"
    assert one.text("call +56911111111 now", "text").split()[1] == f"+{stand_in}"
    assert one.value({"chat": {"id": 56911111111}, "of": ["-56911111111"]}) == {
        "chat": {"id": int(stand_in)}, "of": [f"-{stand_in}"],
    }  # fmt: skip
    assert one.text("56911111111@s.whatsapp.net") == f"{stand_in}@s.whatsapp.net"
    assert one.text(json.dumps({"WaId": "56911111111"})) == json.dumps({"WaId": stand_in})
    assert Disguise(b"x" * 32, {}).text("56911111111") != stand_in
    assert one.text("https://x.example/?to=%2B56911111111") == f"https://x.example/?to=%2B{stand_in}"


def test_times_stay_unless_they_are_a_phone() -> None:
    now = str(int(time.time()))
    by = disguise()
    assert by.value({"timestamp": now, "ms": int(now + "000"), "date": "2026-11-30T10:00:00Z"}) == {
        "timestamp": now, "ms": int(now + "000"), "date": "2026-11-30T10:00:00Z",
    }  # fmt: skip
    by.phones.add(now)
    assert by.text(now) != now and by.betrays(f"+{now}") and not by.betrays(by.text(now))


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("SM" + "0a1b2c3d" * 4, "SM[0-9a-f]{32}"),
        ("wamid.HBgLNTY5MTExMTExMTEVAgARGBI", "wamid[.][A-Za-z0-9]{27}"),
        ("3f2b8c1d-9e4a-4b6c-8d7e-1f2a3b4c5d6e", "[0-9a-f]{8}-[0-9a-f]{4}-.*"),
        ("AbCdEfGhIjKlMnOpQrStUvWxYz", "[A-Za-z]{26}"),
        (
            "/2010-04-01/Accounts/SM0a1b2c3d0a1b2c3d/Messages.json",
            "/2010-04-01/Accounts/SM[0-9a-f]{16}/Messages.json",
        ),
    ],
)
def test_ids_keep_their_form(given: str, form: str) -> None:
    stand_in = disguise().text(given)
    assert re.fullmatch(form, stand_in) and stand_in != given


@pytest.mark.parametrize("text", ["whatsapp_business_account", "image/jpeg", "es_CL", "2010-04-01", "text"])
def test_the_provider_s_own_words_stay(text: str) -> None:
    assert disguise().text(text) == text


def test_words_go_by_words_as_long_as_they_were() -> None:
    by = disguise()
    said = by.text("Hola Ana, ¿2 pizzas? *Ya*: https://ana.example/casa", "text")
    assert re.fullmatch(
        r"[A-Z][a-z]{3} [A-Z][a-z]{2}, ¿[1-9] [a-z]{6}\? \*[A-Z][a-z]\*: https://example.com/[a-z]{8}", said
    )
    assert by.text("Ana y Ana").split()[0] == said.split()[1].rstrip(",") == by.text("Ana y Ana").split()[2]
    assert "Ana" not in by.text("ñ Ana") and by.text("ana@example.org") != "ana@example.org"
    assert disguise(keep_words=True).text("Hola Ana, 56911111111").startswith("Hola Ana, 569")
    assert by.value({"latitude": -33.4489, "Longitude": "-70.6693"}) == {
        "latitude": -33.0,
        "Longitude": "-71",
    }


def test_the_tenant_s_host_is_another() -> None:
    url = disguise().text("https://acme.bots.example.com/bot/x/status?message=12")
    assert url == "https://tienda.bot.example/bot/x/status?message=12"


def test_promise_11_a_stranger_s_text_costs_little() -> None:
    by = disguise()
    started = time.process_time()
    for text in (
        "a@" * 30_000,
        "A1" * 30_000,
        "https://" * 8_000,
        "=" * 60_000,
        "%3A" * 20_000,
        "${" * 30_000,
    ):
        by.text(text, "text")
        by.betrays(text)
    assert time.process_time() - started < 10.0  # of processor: what is not linear takes minutes
