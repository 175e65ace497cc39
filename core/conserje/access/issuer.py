"""The issuer: who vouches, by OpenID Connect, for people who come in at the console.

A browser brings a code from it, which is changed here for an ID token. PyJWT checks signature and dates.
Whatever is asked of the issuer goes through `net.fetch`, so that no answer leads into a private network.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import jwt
from pydantic import BaseModel, RootModel, ValidationError

from conserje.access.detours import Detour, Marks
from conserje.access.logins import LoginError
from conserje.contract.channel import FetchFailed, FetchRefused
from conserje.net.fetch import fetch
from conserje.settings import Settings

MOST = 256 * 1024  # bytes of an answer
LIMIT = 10.0  # seconds for one
PLACES_KEPT = 600.0  # seconds
LEEWAY = timedelta(minutes=1)  # by which clocks may be apart
LONGEST_SUBJECT = 255

# Never none, nor one by which whoever knows the public key could sign (HS256).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_CODE = re.compile(r"[a-z_]{1,40}")

Model = TypeVar("Model", bound=BaseModel)


class IssuerAway(LoginError):
    """The issuer could not be asked, or its answer is none."""


class NotVouched(LoginError):
    """What came from the issuer says of nobody who it is."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody as the issuer knows them."""

    issuer: str
    subject: str  # who it is there, for good
    email: str | None  # verified by the issuer
    shown_at: float | None  # when they last showed it who they are; None: it does not say

    def has_shown(self, detour: Detour) -> bool:
        """Whether they did so on this detour, and were not let through because they had before."""
        begun = (detour.created_at - LEEWAY).timestamp()
        return self.shown_at is not None and begun <= self.shown_at <= time.time() + LEEWAY.total_seconds()


class _Places(BaseModel):
    """Where the issuer is asked what, as it says itself (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(BaseModel):
    id_token: str
    access_token: str | None = None


class _Refused(BaseModel):
    error: str = ""


class _Keys(BaseModel):
    keys: list[dict[str, Any]]


class _Claims(RootModel[dict[str, Any]]):
    """What is said of somebody."""


@dataclass
class Issuer:
    """The one that the operator has named."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    _places: tuple[float, _Places] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Issuer | None:
        """None where the operator has named none."""
        if not (settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret):
            return None
        secret = settings.oidc_client_secret.get_secret_value()
        return cls(settings.oidc_issuer, settings.oidc_client_id, secret)

    @property
    def host(self) -> str:
        """What people know it by."""
        return urlsplit(self.url).netloc

    async def way(self, marks: Marks, back: str, *, again: bool) -> str:
        """Where the browser goes; `again`: there they show who they are, whoever knows them already.

        Raises IssuerAway.
        """
        there = (await self._find_places()).authorization_endpoint
        asks = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": back,
            "scope": "openid email",
            "state": marks.state,
            "nonce": marks.nonce,
            "code_challenge": marks.challenge,
            "code_challenge_method": "S256",
        }
        if again:
            asks |= {"prompt": "login", "max_age": "0"}
        return f"{there}{'&' if '?' in there else '?'}{urlencode(asks)}"

    async def vouch(self, marks: Marks, back: str, given: Mapping[str, str]) -> Vouched:
        """Who came back with what is `given` in the address. Raises NotVouched or IssuerAway."""
        places = await self._find_places()
        self._refuse_other(places, given)
        tokens = await self._change(places, marks, back, given["code"])
        keys = await self._get(places.jwks_uri, _Keys)
        claims = self._read(tokens.id_token, keys)
        if not hmac.compare_digest(str(claims.get("nonce")).encode(errors="replace"), marks.nonce.encode()):
            raise NotVouched("The ID token is for another browser.")
        person = await self._person(places, tokens, claims)
        return Vouched(self.url, claims["sub"], _verified(person), _moment(claims.get("auth_time")))

    def _refuse_other(self, places: _Places, given: Mapping[str, str]) -> None:
        """Raises NotVouched for what another issuer sent, or for what brings no code (RFC 9207)."""
        required = places.authorization_response_iss_parameter_supported
        if given.get("iss", "" if required else self.url) != self.url:
            raise NotVouched("The browser comes from another issuer.")
        if not given.get("code"):
            raise NotVouched(f"The issuer says{_said(given.get('error', ''))} no.")

    async def _change(self, places: _Places, marks: Marks, back: str, code: str) -> _Tokens:
        """The tokens that there are for the code, once."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back,
            "code_verifier": marks.verifier,
        }  # fmt: skip
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if "client_secret_basic" in places.token_endpoint_auth_methods_supported:
            both = f"{quote(self.client_id, '')}:{quote(self.client_secret, '')}"
            headers["authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        status, body = await _ask(places.token_endpoint, "POST", headers, urlencode(form).encode())
        if status in (400, 401, 403):
            said = _said(_parsed(_Refused, body, places.token_endpoint).error)
            raise NotVouched(f"The issuer does not take{said} the code.")
        if status != 200:
            raise _answers(places.token_endpoint, status)
        return _parsed(_Tokens, body, places.token_endpoint)

    def _read(self, token: str, keys: _Keys) -> dict[str, Any]:
        """What the ID token says, whose signature, dates, issuer and audience fit. Raises NotVouched."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                _key(token, keys),
                algorithms=ALGORITHMS,
                audience=self.client_id,
                issuer=self.url,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise NotVouched(f"The ID token is not good ({type(error).__name__}).") from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self.client_id) != self.client_id:
            raise NotVouched("The ID token is for another client.")
        subject = claims["sub"]
        if not (isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
            raise NotVouched("The ID token does not say who it is.")
        return claims

    async def _person(self, places: _Places, tokens: _Tokens, claims: dict[str, Any]) -> dict[str, Any]:
        """What the issuer says of them: in the ID token, or else where it is to be asked for it."""
        if "email" in claims or not (places.userinfo_endpoint and tokens.access_token):
            return claims
        bearer = {"authorization": f"Bearer {tokens.access_token}"}
        person = (await self._get(places.userinfo_endpoint, _Claims, bearer)).root
        if person.get("sub") != claims["sub"]:
            raise NotVouched("The issuer speaks of two people.")
        return person

    async def _find_places(self) -> _Places:
        """As they were ten minutes ago at most."""
        if self._places and time.monotonic() - self._places[0] < PLACES_KEPT:
            return self._places[1]
        places = await self._get(f"{self.url.rstrip('/')}/.well-known/openid-configuration", _Places)
        self._refuse_places(places)
        self._places = (time.monotonic(), places)
        return places

    def _refuse_places(self, places: _Places) -> None:
        """Raises IssuerAway for who speaks of another issuer, or of what is not encrypted."""
        if places.issuer != self.url:
            raise IssuerAway(
                "CONSERJE_OIDC_ISSUER is not what the issuer calls itself: write it letter by letter."
            )
        named = (
            places.authorization_endpoint, places.token_endpoint, places.jwks_uri,
            places.userinfo_endpoint or places.jwks_uri,
        )  # fmt: skip
        schemes = ("https", urlsplit(self.url).scheme)
        if not all(each.partition("://")[0] in schemes and each.isprintable() for each in named):
            raise IssuerAway("The issuer names an address that does not begin with https://.")

    async def _get(self, url: str, model: type[Model], headers: Mapping[str, str] | None = None) -> Model:
        status, body = await _ask(url, "GET", {"accept": "application/json", **(headers or {})}, None)
        if status != 200:
            raise _answers(url, status)
        return _parsed(model, body, url)


async def _ask(url: str, method: str, headers: Mapping[str, str], content: bytes | None) -> tuple[int, bytes]:
    """The answer's status and body. Raises IssuerAway."""
    asked = fetch(url, most=MOST, limit=LIMIT, method=method, headers=headers, content=content)
    try:
        async with asked as answer:
            return answer.status, await answer.read()
    except (FetchFailed, FetchRefused) as error:
        raise IssuerAway(f"The issuer could not be asked: {error}") from None


def _parsed(model: type[Model], body: bytes, url: str) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise _answers(url) from None


def _answers(url: str, status: int | None = None) -> IssuerAway:
    what = "what cannot be read" if status is None else status
    return IssuerAway(f"The issuer's {urlsplit(url).path or '/'} answers {what}.")


def _key(token: str, keys: _Keys) -> jwt.PyJWK:
    """The key that the token names; it may name none where there is one only. Raises PyJWTError."""
    named = jwt.get_unverified_header(token).get("kid")
    found = [each for each in jwt.PyJWKSet(keys.keys) if each.public_key_use in (None, "sig")]
    fitting = [each for each in found if named is None or each.key_id == named]
    if not fitting or (named is None and len(fitting) > 1):
        raise jwt.InvalidKeyError("There is no such key.")
    return fitting[0]


def _verified(person: Mapping[str, Any]) -> str | None:
    """The address that the issuer says it has verified.

    Letters beyond ASCII may become another's when they are made small: the Kelvin sign is a k then.
    """
    email, said = person.get("email"), person.get("email_verified")
    is_verified = said is True or said == "true"
    return email if is_verified and isinstance(email, str) and email.isascii() else None


def _moment(given: object) -> float | None:
    """Seconds, as a token says them; None for what is none of our time."""
    return float(given) if isinstance(given, int | float) and 0 < given < 1e11 else None


def _said(error: str) -> str:
    return f" ({error})" if _CODE.fullmatch(error) else ""
