"""The issuer: whom it vouches for is known by what it signs, for this client and this browser, now."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from issuing import ANA, issuing, settings_of, visit
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from conserje.access import issuer as issuers
from conserje.access.detours import Detour, Marks
from conserje.access.issuer import Issuer, IssuerAway, NotVouched, Vouched
from conserje.net import fetch
from conserje.settings import Settings
from conserje_fakes.oidc import StandIn

BACK = "https://console.example.com/oidc"
MARKS = Marks.of("a token of a browser's")
OTHER = "https://evil.example"
NOBODYS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest_asyncio.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with issuing(BACK) as stand_in:
        yield stand_in


@pytest.fixture
def issuer(stand_in: StandIn) -> Issuer:
    named = Issuer.of(Settings(**settings_of(stand_in)))
    assert named is not None and stand_in.client_secret not in repr(named)
    return named


async def came(issuer: Issuer, *, again: bool = False) -> dict[str, str]:
    return await visit(await issuer.way(MARKS, BACK, again=again))


async def vouch(issuer: Issuer, *, again: bool = False) -> Vouched:
    return await issuer.vouch(MARKS, BACK, await came(issuer, again=again))


def detour(begun: float) -> Detour:
    return Detour("step-up", 1, "/", None, datetime.fromtimestamp(begun, UTC))


async def test_who_comes_back_is_known_and_a_code_is_good_once(stand_in: StandIn, issuer: Issuer) -> None:
    given = await came(issuer)
    assert given["state"] == MARKS.state
    vouched = await issuer.vouch(MARKS, BACK, given)
    assert (vouched.issuer, vouched.subject, vouched.email) == (stand_in.url, "ana-1", "ana@example.com")
    with pytest.raises(NotVouched, match=r"\(invalid_grant\)"):
        await issuer.vouch(MARKS, BACK, given)
    assert stand_in.asked.count("/.well-known/openid-configuration") == 1


async def test_where_it_sends_is_told_nothing_that_opens_the_code(issuer: Issuer) -> None:
    asked = dict(parse_qsl(urlsplit(await issuer.way(MARKS, BACK, again=False)).query))
    assert MARKS.verifier not in asked.values() and asked["code_challenge"] == MARKS.challenge
    assert "prompt" not in asked and "max_age" not in asked


async def test_another_browser_changes_nobodys_code(stand_in: StandIn, issuer: Issuer) -> None:
    given = await came(issuer)
    with pytest.raises(NotVouched, match="invalid_grant"):
        await issuer.vouch(Marks.of("another"), BACK, given)


async def test_there_are_issuers_that_are_told_the_secret_in_the_form(
    stand_in: StandIn, issuer: Issuer
) -> None:
    stand_in.places["token_endpoint_auth_methods_supported"] = ["private_key_jwt", "client_secret_post"]
    assert (await vouch(issuer)).subject == "ana-1"


async def test_there_are_issuers_that_are_asked_for_the_address(stand_in: StandIn, issuer: Issuer) -> None:
    stand_in.says_email = False
    assert (await vouch(issuer)).email == "ana@example.com"
    stand_in.answers["/userinfo"] = lambda: JSONResponse({**ANA, "sub": "eva-1"})
    with pytest.raises(NotVouched, match="two people"):
        await vouch(issuer)


UNVERIFIED: tuple[dict[str, Any], ...] = (
    {"email_verified": False},
    {"email_verified": "false"},
    {"email_verified": 1},
    {"email_verified": None},
    {"email": None},
    {"email": ["ana@example.com"]},
    {"email": "\N{KELVIN SIGN}ate@example.com"},
)


async def test_an_address_that_is_not_verified_is_none(stand_in: StandIn, issuer: Issuer) -> None:
    for said in UNVERIFIED:
        stand_in.person = {**ANA, **said}
        assert (await vouch(issuer)).email is None, said


async def test_keys_come_and_go(stand_in: StandIn, issuer: Issuer) -> None:
    await vouch(issuer)
    stand_in.add_key("second")
    await vouch(issuer)
    del stand_in.keys["first"]
    stand_in.forge = lambda claims: stand_in.sign(claims, headers={})  # the only one needs no name
    await vouch(issuer)
    stand_in.add_key("third")
    with pytest.raises(NotVouched, match="InvalidKeyError"):
        await vouch(issuer)


def public_pem(stand_in: StandIn) -> bytes:
    key = next(iter(stand_in.keys.values())).public_key()
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def with_public_key(stand_in: StandIn, claims: dict[str, Any]) -> str:
    """PyJWT itself refuses to sign so."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    signing = part({"alg": "HS256", "typ": "JWT", "kid": "first"}) + b"." + part(claims)
    signature = base64.urlsafe_b64encode(hmac.digest(public_pem(stand_in), signing, "sha256")).rstrip(b"=")
    return (signing + b"." + signature).decode()


Forgery = Callable[[StandIn, dict[str, Any]], str]
HEADERS = {"kid": "first"}
FORGERIES: dict[str, Forgery] = {
    "unsigned": lambda stand_in, claims: jwt.encode(claims, "", algorithm="none", headers=HEADERS),
    "HS256 with the public key": with_public_key,
    "HS256 with the client's secret": lambda stand_in, claims: jwt.encode(
        claims, stand_in.client_secret * 4, algorithm="HS256", headers=HEADERS
    ),
    "another's key": lambda stand_in, claims: jwt.encode(claims, NOBODYS, algorithm="RS256", headers=HEADERS),
    "a key that is not there": lambda stand_in, claims: stand_in.sign(claims, headers={"kid": "gone"}),
    "another algorithm than the key's": lambda stand_in, claims: stand_in.sign(claims, algorithm="PS256"),
    "another audience": lambda stand_in, claims: stand_in.sign({**claims, "aud": "another"}),
    "two audiences": lambda stand_in, claims: stand_in.sign({**claims, "aud": ["conserje", "another"]}),
    "for another": lambda stand_in, claims: stand_in.sign({**claims, "azp": "another"}),
    "another issuer": lambda stand_in, claims: stand_in.sign({**claims, "iss": OTHER}),
    "another browser": lambda stand_in, claims: stand_in.sign({**claims, "nonce": "another"}),
    "no nonce": lambda stand_in, claims: stand_in.sign({**claims, "nonce": None}),
    "a strange nonce": lambda stand_in, claims: stand_in.sign({**claims, "nonce": "\ud800"}),
    "over": lambda stand_in, claims: stand_in.sign({**claims, "exp": int(time.time()) - 120}),
    "without end": lambda stand_in, claims: stand_in.sign({**claims, "exp": None}),
    "endless": lambda stand_in, claims: stand_in.sign({**claims, "exp": float("inf")}),
    "of tomorrow": lambda stand_in, claims: stand_in.sign({**claims, "iat": int(time.time()) + 86400}),
    "of nobody": lambda stand_in, claims: stand_in.sign({**claims, "sub": ""}),
    "of a long name": lambda stand_in, claims: stand_in.sign({**claims, "sub": "x" * 256}),
    "of what cannot be stored": lambda stand_in, claims: stand_in.sign({**claims, "sub": "a\0"}),
    "nonsense": lambda stand_in, claims: "a.b",
}


async def test_what_is_not_the_issuers_word_for_this_browser_is_nothing(
    stand_in: StandIn, issuer: Issuer
) -> None:
    for name, forgery in FORGERIES.items():
        stand_in.forge = partial(forgery, stand_in)
        with pytest.raises(NotVouched):
            pytest.fail(f"{name}: {await vouch(issuer)}")


async def test_a_token_of_several_audiences_says_for_whom_it_is(stand_in: StandIn, issuer: Issuer) -> None:
    stand_in.forge = lambda claims: stand_in.sign(
        {**claims, "aud": ["conserje", "another"], "azp": "conserje"}
    )
    assert (await vouch(issuer)).subject == "ana-1"


async def test_a_key_for_signing_that_everybody_may_know_is_none(stand_in: StandIn, issuer: Issuer) -> None:
    secret = {"kty": "oct", "kid": "first", "k": "c2VjcmV0" * 8}
    stand_in.answers["/keys"] = lambda: JSONResponse({"keys": [secret]})
    stand_in.forge = lambda claims: jwt.encode(claims, b"secret" * 8, algorithm="HS256", headers=HEADERS)
    with pytest.raises(NotVouched):
        await vouch(issuer)


async def test_what_another_issuer_sends_is_not_looked_at(stand_in: StandIn, issuer: Issuer) -> None:
    given = await came(issuer)
    for wrong in ({**given, "iss": OTHER}, {"code": given["code"], "state": given["state"]}):
        with pytest.raises(NotVouched, match="another issuer"):
            await issuer.vouch(MARKS, BACK, wrong)
    assert "/token" not in stand_in.asked


async def test_who_turned_round_there_is_nobody(issuer: Issuer) -> None:
    for error, said in (("access_denied", r" \(access_denied\)"), ("<b>", "")):
        with pytest.raises(NotVouched, match=rf"^The issuer says{said} no\.$"):
            await issuer.vouch(MARKS, BACK, {"error": error, "iss": issuer.url})


async def test_whether_they_have_shown_who_they_are_is_the_issuers_word(
    stand_in: StandIn, issuer: Issuer
) -> None:
    now = time.time()
    stand_in.since = now - 3600
    assert not (await vouch(issuer)).has_shown(detour(now))
    assert (await vouch(issuer, again=True)).has_shown(detour(now))
    stand_in.heeds_prompt, stand_in.since = False, now - 3600
    assert not (await vouch(issuer, again=True)).has_shown(detour(now))
    for wrong in (None, True, "now", now + 3600, 10**400, -1, float("nan")):
        stand_in.forge = lambda claims, wrong=wrong: stand_in.sign({**claims, "auth_time": wrong})  # type: ignore[misc]
        assert not (await vouch(issuer, again=True)).has_shown(detour(now)), wrong


def far(parts: int) -> Response:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield b" " * 65536

    return StreamingResponse(endless())


AWAY: dict[str, Callable[[], Response]] = {
    "more than is taken": lambda: far(64),
    "more, as it says": lambda: Response(headers={"content-length": str(10**10)}),
    "a redirect into a private network": lambda: RedirectResponse("http://10.0.0.1/keys"),
    "a redirect to a file": lambda: RedirectResponse("file:///etc/passwd"),
    "an error": lambda: PlainTextResponse("no", 500),
    "nothing": lambda: PlainTextResponse(""),
    "a page": lambda: PlainTextResponse("<html>"),
    "depths": lambda: PlainTextResponse("[" * 100_000),
    "another thing": lambda: JSONResponse({"keys": 5, "issuer": 5, "id_token": 5, "error": 5}),
}


async def test_an_issuer_that_answers_nothing_of_use_is_away(stand_in: StandIn, issuer: Issuer) -> None:
    for path in ("/keys", "/token", "/.well-known/openid-configuration"):
        for name, answer in AWAY.items():
            stand_in.answers, issuer._places = {path: answer}, None
            with pytest.raises(IssuerAway):
                pytest.fail(f"{path}, {name}: {await vouch(issuer)}")


async def test_keys_that_are_none_open_nothing(stand_in: StandIn, issuer: Issuer) -> None:
    nothing: tuple[list[Any], ...] = (
        [],
        [5],
        [{"kty": "RSA"}],
        [{"kid": "first"}],
        [{"kty": "EC", "x": "é"}],
    )
    for keys in nothing:
        stand_in.answers["/keys"] = partial(JSONResponse, {"keys": keys})
        with pytest.raises((NotVouched, IssuerAway)):
            pytest.fail(f"{keys}: {await vouch(issuer)}")


NOT_ASKED = (
    ({"issuer": OTHER}, "letter by letter"),
    ({"authorization_endpoint": "javascript:alert(1)"}, "https://"),
    ({"authorization_endpoint": "https://x.example/ \n"}, "https://"),
    ({"token_endpoint": "ftp://127.0.0.1/"}, "https://"),
    ({"jwks_uri": "file:///etc/passwd"}, "https://"),
    ({"userinfo_endpoint": "data:,x"}, "https://"),
)


async def test_an_issuer_that_names_what_it_may_not_is_not_asked(stand_in: StandIn, issuer: Issuer) -> None:
    for stand_in.places, said in NOT_ASKED:
        with pytest.raises(IssuerAway, match=said):
            await issuer.way(MARKS, BACK, again=False)


async def test_an_issuer_in_a_private_network_is_asked_where_the_operator_says_so(issuer: Issuer) -> None:
    fetch.allow(())
    with pytest.raises(IssuerAway, match="CONSERJE_FETCH_ALLOW"):
        await issuer.way(MARKS, BACK, again=False)


async def test_where_it_asks_what_is_looked_for_again_after_a_while(
    stand_in: StandIn, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issuer.way(MARKS, BACK, again=False)
    monkeypatch.setattr(issuers, "PLACES_KEPT", 0.0)
    stand_in.places["authorization_endpoint"] = "https://elsewhere.example/"
    assert (await issuer.way(MARKS, BACK, again=False)).startswith("https://elsewhere.example/?")


def test_nobody_is_named_where_nothing_is_set() -> None:
    assert Issuer.of(Settings()) is None
