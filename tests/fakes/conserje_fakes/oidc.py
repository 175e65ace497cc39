"""A stand-in for who vouches for people by OpenID Connect; it refuses what a strict one refuses.

Whoever is sent to it is let through at once as `person`, unless it is to ask again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

REQUIRED = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge"}
)
LASTS = 300  # seconds, of a token


@cache
def _key(kid: str) -> rsa.RSAPrivateKey:
    """One for each name in a process: to make one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Code:
    """What a code is good for, once."""

    asked: dict[str, str]
    person: dict[str, Any]
    shown_at: float


@dataclass
class StandIn:
    """The issuer. `person` is who sits before the browser; `forge` changes what a token says."""

    url: str = ""
    client_id: str = "conserje"
    client_secret: str = "s3cret:/ü"
    back: tuple[str, ...] = ()  # the redirect URIs that it knows
    person: dict[str, Any] = field(default_factory=dict)
    since: float = field(default_factory=time.time)  # when the person last showed who they are
    heeds_prompt: bool = True
    says_email: bool = True  # in the ID token; else only at userinfo
    places: dict[str, Any] = field(default_factory=dict)  # said in place of what is so
    keys: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    bearers: dict[str, dict[str, Any]] = field(default_factory=dict)
    forge: Callable[[dict[str, Any]], str | None] = lambda claims: None
    answers: dict[str, Callable[[], Response]] = field(default_factory=dict)  # in place of its own, by path
    asked: list[str] = field(default_factory=list)  # paths

    def __post_init__(self) -> None:
        self.add_key("first")

    def add_key(self, kid: str) -> None:
        """From now on it signs by this one, too; the newest signs."""
        self.keys[kid] = _key(kid)

    def sign(self, claims: dict[str, Any], **how: Any) -> str:
        kid, key = list(self.keys.items())[-1]
        return jwt.encode(claims, key, **{"algorithm": "RS256", "headers": {"kid": kid}, **how})

    def public(self) -> list[dict[str, Any]]:
        return [
            {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]

    def claims(self, code: Code) -> dict[str, Any]:
        now = int(time.time())
        person = code.person if self.says_email else {"sub": code.person["sub"]}
        return {
            "iss": self.url, "aud": self.client_id, "iat": now, "exp": now + LASTS,
            "nonce": code.asked["nonce"], **({"auth_time": int(code.shown_at)} if code.shown_at else {}),
            **person,
        }  # fmt: skip

    async def discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize?tenant=x",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "authorization_response_iss_parameter_supported": True,
                **self.places,
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        known = asked.get("client_id") == self.client_id and asked.get("redirect_uri") in self.back
        if not known or asked.get("tenant") != "x":
            return PlainTextResponse("Who sends you?", 400)
        back = URL(asked["redirect_uri"])
        whole = asked.keys() >= REQUIRED and asked["code_challenge_method"] == "S256"
        if not whole or "openid" not in asked["scope"].split():
            return RedirectResponse(back.include_query_params(error="invalid_request"))
        if not self.person:
            gone = {"error": "access_denied", "state": asked["state"], "iss": self.url}
            return RedirectResponse(back.include_query_params(**gone))
        if asked.get("prompt") == "login" and asked.get("max_age") == "0" and self.heeds_prompt:
            self.since = time.time()
        code = secrets.token_urlsafe(16)
        self.codes[code] = Code(asked, self.person, self.since)
        given = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(back.include_query_params(**given))

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if not self._knows(request.headers.get("authorization", ""), form):
            return JSONResponse({"error": "invalid_client"}, 401)
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or form.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "invalid_grant"}, 400)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        fits = challenge.decode().rstrip("=") == code.asked["code_challenge"]
        if not fits or form.get("redirect_uri") != code.asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims, bearer = self.claims(code), secrets.token_urlsafe(16)
        self.bearers[bearer] = code.person
        token = self.forge(claims) or self.sign(claims)
        return JSONResponse({"id_token": token, "access_token": bearer, "token_type": "Bearer"})

    def _knows(self, authorization: str, form: dict[str, str]) -> bool:
        methods = self.places.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in methods:
            given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            return [unquote(each) for each in given.split(":")] == [self.client_id, self.client_secret]
        return (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)

    async def jwks(self, request: Request) -> Response:
        return JSONResponse({"keys": self.public()})

    async def userinfo(self, request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return JSONResponse(self.bearers[bearer]) if bearer in self.bearers else Response(status_code=401)

    def app(self) -> Starlette:
        """To be served at `url`."""
        own = {
            "/.well-known/openid-configuration": (self.discovery, "GET"),
            "/authorize": (self.authorize, "GET"),
            "/token": (self.token, "POST"),
            "/keys": (self.jwks, "GET"),
            "/userinfo": (self.userinfo, "GET"),
        }

        def noted(path: str, answer: Any) -> Any:
            async def answered(request: Request) -> Response:
                self.asked.append(path)
                instead = self.answers.get(path)
                return instead() if instead else await answer(request)

            return answered

        return Starlette(
            routes=[Route(path, noted(path, answer), methods=[how]) for path, (answer, how) in own.items()]
        )
