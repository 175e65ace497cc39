"""Signatures: what Twilio's own SDK accepts is accepted, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from conserje import Account, Forged, Malformed, Webhook
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings
from conserje_twilio.signature import sign, signs

SID = "AC" + "1" * 32
URL = "https://tienda.bot.example/bot/twilio/webhook"
ADDRESS = "whatsapp:+56911111111"
FORM = [
    ("AccountSid", SID),
    ("To", ADDRESS),
    ("From", "whatsapp:+56922222222"),
    ("Body", "Hola"),
    ("City", ""),
]

law = settings(deadline=None)  # a slow machine breaks no law
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
forms = st.lists(st.tuples(names, names), max_size=8)
tokens = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
# Not among these: an IPv6 host, a user, a "?" with nothing behind it; the SDK's validator garbles such URLs.
urls = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(
        ["tienda.bot.example", "a-b.localhost", "xn--and-6ma2c.cl", "TIENDA.bot.example", "127.0.0.1"]
    ),
    st.sampled_from(["", ":443", ":80", ":8443", ":65535"]),
    st.sampled_from(
        ["", "/", "//", "/bot/twilio/webhook", "/a%20b/%C3%B1%2F", "/a;v=1", "/a+b/", "/:443/@x"]
    ),
    st.sampled_from(["", "?message=7", "?a=&b=%3F&a=1", "?a=b?c=d&e", "?x=:443#", "?ñ=é", "?a=%zz"]),
).map(lambda url: url.partition("#")[0])


def sdk_accepts(token: str, url: str, form: list[tuple[str, str]], signature: str) -> bool:
    validator = RequestValidator(token)  # type: ignore[no-untyped-call]
    accepted: bool = validator.validate(url, ImmutableMultiDict(form), signature)  # type: ignore[no-untyped-call]
    return accepted


@law
@given(tokens, urls, forms)
def test_our_signature_is_the_sdk_s(token: str, url: str, form: list[tuple[str, str]]) -> None:
    assert sdk_accepts(token, url, form, sign(token, url, form))


@law
@given(tokens, urls, urls, forms)
def test_what_the_sdk_accepts_is_accepted_and_nothing_else(
    token: str, posted: str, signed: str, form: list[tuple[str, str]]
) -> None:
    signature = sign(token, signed, form)
    assert signs(token, posted, form, signature) == sdk_accepts(token, posted, form, signature)


@law
@given(urls, forms, st.text(max_size=40))
def test_a_text_that_is_no_signature_is_not_accepted(
    url: str, form: list[tuple[str, str]], signature: str
) -> None:
    assert not signs("secreto", url, form, signature)


@law
@given(tokens, urls, forms, forms)
def test_another_form_is_accepted_only_where_the_sdk_accepts_it(
    token: str, url: str, form: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    signature = sign(token, url, form)
    assert signs(token, url, other, signature) == sdk_accepts(token, url, other, signature)


def test_twilio_s_documented_example() -> None:
    form = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("signed", "posted"),
    [
        ("https://tienda.bot.example:443/a?b=1", "https://tienda.bot.example/a?b=1"),
        ("https://tienda.bot.example/a?b=1", "https://tienda.bot.example:443/a?b=1"),
        ("http://tienda.localhost:80/a", "http://tienda.localhost/a"),
        ("https://tienda.bot.example/a", "https://tienda.bot.example:8443/a"),
        ("https://tienda.bot.example/a", "https://tienda.bot.example/a#rc=3&rp=all"),
    ],
)
def test_the_port_may_be_named_or_not_and_the_fragment_is_not_signed(signed: str, posted: str) -> None:
    assert signs("secreto", posted, FORM, sign("secreto", signed, FORM))


@pytest.mark.parametrize(
    "posted",
    [
        "http://tienda.bot.example/a%20b?c=1&d=",
        "https://otra.bot.example/a%20b?c=1&d=",
        "https://tienda.bot.example/a b?c=1&d=",
        "https://tienda.bot.example/a%20b/?c=1&d=",
        "https://tienda.bot.example/a%20b?d=&c=1",
        "https://tienda.bot.example/a%20b?c=1",
        "https://tienda.bot.example/a%20b",
    ],
)
def test_every_character_of_the_url_is_signed(posted: str) -> None:
    signature = sign("secreto", "https://tienda.bot.example/a%20b?c=1&d=", FORM)
    assert not signs("secreto", posted, FORM, signature)


def channel() -> Twilio:
    return Twilio(TwilioOperator(), None)  # type: ignore[arg-type]


def account(**secrets: str) -> Account[TwilioCredentials, TwilioSettings]:
    credentials = TwilioCredentials.model_validate({"account_sid": SID, **secrets})
    return Account("tienda", ADDRESS, credentials, TwilioSettings())


def posted(signature: str | None, form: list[tuple[str, str]] = FORM, settings: str | None = None) -> Webhook:
    given = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature,
        "x-twilio-webhooks-signature-settings": settings,
    }
    headers = {name: value for name, value in given.items() if value is not None}
    return Webhook("POST", "webhook", URL, headers, urlencode(form).encode())


GOOD = sign("secreto", URL, FORM)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        " ",
        "=",
        GOOD[:-1],
        GOOD + "=",
        GOOD.lower(),
        f" {GOOD}",
        GOOD + ",",
        "ñ" * 28,
        "\udc80",
        "a" * 9000,
    ],
)
def test_an_odd_signature_is_forged(signature: str | None) -> None:
    with pytest.raises(Forged):
        channel().verify(posted(signature), account(auth_token="secreto"))


def test_blank_and_repeated_fields_are_signed() -> None:
    form = [*FORM, ("City", "Ñuñoa"), ("City", "Arica"), ("State", "")]
    validator = RequestValidator("secreto")  # type: ignore[no-untyped-call]
    signature = validator.compute_signature(URL, ImmutableMultiDict(form))  # type: ignore[no-untyped-call]
    channel().verify(posted(signature, form), account(auth_token="secreto"))
    without = [field for field in form if field != ("State", "")]
    with pytest.raises(Forged):
        channel().verify(posted(signature, without), account(auth_token="secreto"))


def test_in_a_rotation_either_token_signs_and_is_named() -> None:
    rotating = account(auth_token="viejo", next_auth_token="nuevo")
    assert channel().verify(posted(sign("viejo", URL, FORM)), rotating) == "auth_token"
    assert channel().verify(posted(sign("nuevo", URL, FORM)), rotating) == "next_auth_token"
    assert channel().verify(posted(sign("viejo", URL, FORM)), account(auth_token="viejo")) is None
    with pytest.raises(Forged):
        channel().verify(posted(sign("ajeno", URL, FORM)), rotating)


@pytest.mark.parametrize("sids", [[], ["AC" + "2" * 32], [SID, "AC" + "2" * 32], [SID.lower()], [""]])
def test_a_form_of_another_twilio_account_is_forged(sids: list[str]) -> None:
    form = [*(("AccountSid", sid) for sid in sids), *FORM[1:]]
    with pytest.raises(Forged):
        channel().verify(posted(sign("secreto", URL, form), form), account(auth_token="secreto"))


@pytest.mark.parametrize("algorithm", ["HMAC_SHA256", "HMAC_SHA1", ""])
def test_a_signature_by_a_shared_key_is_forged(algorithm: str) -> None:
    settings = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    with pytest.raises(Forged):
        channel().verify(posted(GOOD, settings=settings), account(auth_token="secreto"))


KEY = "webhooks_sharedkey_1"
NAMED = f"key={KEY},algorithm=HMAC_SHA256"


def by_the_sdk(secret: str, algorithm: str) -> str:
    validator = RequestValidator(secret)  # type: ignore[no-untyped-call]
    signature: str = validator.compute_signature(URL, ImmutableMultiDict(FORM), algorithm)  # type: ignore[no-untyped-call]
    return signature


def with_keys(**keys: str) -> Account[TwilioCredentials, TwilioSettings]:
    given = {"account_sid": SID, "auth_token": "secreto", "shared_keys": keys}
    return Account("tienda", ADDRESS, TwilioCredentials.model_validate(given), TwilioSettings())


@pytest.mark.parametrize("settings", [NAMED, f"algorithm=HMAC_SHA256, key={KEY}"])
def test_a_stored_shared_key_signs_and_is_named(settings: str) -> None:
    hook = posted(by_the_sdk("compartido", "HMAC_SHA256"), settings=settings)
    account = with_keys(**{KEY: "compartido", "otra": "otro"})
    assert channel().verify(hook, account) == f"shared_keys.{KEY}"
    assert channel().verify(posted(GOOD), account) == "auth_token"


@pytest.mark.parametrize(
    ("secret", "algorithm", "settings"),
    [
        ("compartido", "HMAC_SHA256", ""),
        ("compartido", "HMAC_SHA256", "key=otra,algorithm=HMAC_SHA256"),
        ("compartido", "HMAC_SHA256", "key=ninguna,algorithm=HMAC_SHA256"),
        ("compartido", "HMAC_SHA256", f"key={KEY}"),
        ("compartido", "HMAC_SHA256", f"key={KEY},algorithm=hmac_sha256"),
        ("compartido", "HMAC_SHA256", f"key=otra,{NAMED}"),
        ("compartido", "HMAC_SHA256", None),
        ("compartido", "HMAC_SHA1", f"key={KEY},algorithm=HMAC_SHA1"),
        ("compartido", "HMAC_SHA1", NAMED),
        ("secreto", "HMAC_SHA1", NAMED),
        ("secreto", "HMAC_SHA256", NAMED),
        ("secreto", "HMAC_SHA256", "key=auth_token,algorithm=HMAC_SHA256"),
    ],
)
def test_who_names_a_shared_key_is_judged_by_that_key_alone(
    secret: str, algorithm: str, settings: str | None
) -> None:
    account = with_keys(**{KEY: "compartido", "otra": "otro"})
    with pytest.raises(Forged):
        channel().verify(posted(by_the_sdk(secret, algorithm), settings=settings), account)


@pytest.mark.parametrize("keys", [{"": "s"}, {KEY: ""}])
def test_a_shared_key_without_id_or_secret_is_an_error(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a shared key needs an id and a secret"):
        with_keys(**keys)


def test_shared_keys_are_not_shown() -> None:
    assert "compartido" not in repr(with_keys(**{KEY: "compartido"}))


def test_the_fallback_url_is_signed_as_itself() -> None:
    form = [*FORM, ("ErrorCode", "11200"), ("ErrorUrl", URL)]
    fallback = URL + "?fallback"
    signed = posted(sign("secreto", fallback, form), form)
    hook = Webhook("POST", "webhook", fallback, signed.headers, signed.body)
    channel().verify(hook, account(auth_token="secreto"))
    with pytest.raises(Forged):
        channel().verify(signed, account(auth_token="secreto"))


def test_a_subaccount_s_number_is_signed_by_its_own_token() -> None:
    subaccount = "AC" + "5" * 32
    form = [("AccountSid", subaccount), *FORM[1:]]
    hook = posted(sign("hija", URL, form), form)
    own = TwilioCredentials.model_validate({"account_sid": subaccount, "auth_token": "hija"})
    channel().verify(hook, Account("tienda", ADDRESS, own, TwilioSettings()))
    with pytest.raises(Forged):
        channel().verify(posted(sign("secreto", URL, form), form), account(auth_token="secreto"))


def test_sha256_is_not_accepted() -> None:
    signed = URL + "".join(name + value for name, value in sorted(FORM))
    stronger = base64.b64encode(hmac.digest(b"secreto", signed.encode(), hashlib.sha256)).decode()
    with pytest.raises(Forged):
        channel().verify(posted(stronger), account(auth_token="secreto"))


def test_a_body_that_is_no_form_is_malformed() -> None:
    hook = Webhook("POST", "webhook", URL, {"content-type": "application/json"}, b"{}")
    with pytest.raises(Malformed):
        channel().verify(hook, account(auth_token="secreto"))


@pytest.mark.parametrize(
    "extra", [b"&a=1" * 500, b"&a=" + b"x" * 65_536, b"%" * 9000], ids=["fields", "length", "%"]
)
def test_a_form_that_twilio_does_not_post_is_malformed_unread(
    extra: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.parse.unquote", lambda *_, **__: pytest.fail("it was read"))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    hook = Webhook("POST", "webhook", URL, headers, urlencode(FORM).encode() + extra)
    with pytest.raises(Malformed):
        channel().claims(hook)


def test_get_is_not_offered() -> None:
    assert Twilio.methods == {"POST"}


async def test_shared_credentials_are_the_operator_s() -> None:
    async with httpx2.AsyncClient() as http:
        assert Twilio(TwilioOperator(), http).shared_credentials() is None
        operator = TwilioOperator.model_validate({"account_sid": SID, "auth_token": "secreto"})
        shared = Twilio(operator, http).shared_credentials()
    assert shared == TwilioCredentials.model_validate({"account_sid": SID, "auth_token": "secreto"})


@pytest.mark.parametrize(
    "operator",
    [
        {"account_sid": SID},
        {"auth_token": "secreto"},
        {"base_url": "api.twilio.com"},
        {"base_url": "http://a/b?c"},
    ],
)
def test_half_an_operator_s_account_is_an_error_that_shows_no_secret(operator: dict[str, str]) -> None:
    with pytest.raises(ValueError) as refused:
        TwilioOperator.model_validate(operator)
    assert "secreto" not in str(refused.value)
