"""Sessions: a visitor of a tenant's pages, named by a signed cookie of the tenant's own host."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from conserje.contract.account import AnyAccount
from conserje.contract.channel import Forged, Webhook

LIFE = timedelta(days=180)
CLOCK_SKEW = 60.0  # seconds between two nodes


class SessionKey(BaseModel):
    """The credentials of a channel that is web pages: what its visitors' cookies are signed with."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_urlsafe(32)), min_length=32)


def new_session(account: AnyAccount) -> tuple[str, str]:
    """The id of a new visitor of the account's pages, and the value of the Set-Cookie header."""
    visitor = secrets.token_urlsafe(16)
    attributes = f"Max-Age={LIFE.total_seconds():.0f}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    return visitor, f"{cookie_name(account)}={signed(visitor, account)}; {attributes}"


def cookie_name(account: AnyAccount) -> str:
    """A name that no sibling host can plant: __Host- cookies have no Domain (RFC 6265bis, 4.1.3)."""
    return f"__Host-conserje-{account.address}"


def identity_key(account: AnyAccount) -> str:
    """What a site of the tenant's signs identities with, which opens no session."""
    return _keyed(account, "identity")


def vouches(proof: str, name: str, phone: str, account: AnyAccount) -> bool:
    """Whether it is the HMAC-SHA256, by that key, of name and phone with a line's end between them."""
    said = f"{name}\n{phone}".encode("utf-8", "surrogatepass")
    ours = hmac.new(identity_key(account).encode(), said, hashlib.sha256).hexdigest()
    return hmac.compare_digest(ours.encode(), proof.lower().encode("utf-8", "surrogatepass"))


def signed(visitor: str, account: AnyAccount) -> str:
    """The cookie's value: the visitor's id, when it was made, and a seal on both."""
    issued = f"{visitor}.{time.time():.0f}"
    return f"{issued}.{_seal(issued, account)}"


def visitor(hook: Webhook, account: AnyAccount) -> str:
    """The id of the visitor who posts, from a page of this very host. Raises Forged."""
    if not same_origin(hook.headers, hook.url):
        raise Forged("The request comes from a page of another host.")
    if (found := read(hook.headers.get("cookie", ""), account)) is None:
        raise Forged("No cookie of this account's names the visitor.")
    return found


def same_origin(headers: Mapping[str, str], url: str) -> bool:
    """Whether a browser says that a page of the host in `url` asks; one that says nothing does not.

    Cookies do not: hosts of one domain are same-site (Fetch standard, Origin and Sec-Fetch-Site).
    """
    site = headers.get("sec-fetch-site")
    if (origin := headers.get("origin")) is None:
        return site == "same-origin"
    here = urlsplit(url)
    return origin.lower() == f"{here.scheme}://{here.netloc}".lower() and site in (None, "same-origin")


def read(cookies: str, account: AnyAccount) -> str | None:
    """The visitor's id in a Cookie header; None where there is none, or more than one, or a forged one."""
    given = [
        value
        for name, _, value in (pair.strip().partition("=") for pair in cookies.split(";"))
        if name == cookie_name(account)
    ]
    if len(given) != 1:
        return None
    issued, _, seal = given[0].rpartition(".")
    if not hmac.compare_digest(seal.encode(), _seal(issued, account).encode()):
        return None
    visitor, _, moment = issued.rpartition(".")
    age = time.time() - float(moment)
    return visitor if -CLOCK_SKEW <= age <= LIFE.total_seconds() else None


def _seal(issued: str, account: AnyAccount) -> str:
    return _keyed(account, account.first_tenant or account.tenant, account.address, issued)


def _keyed(account: AnyAccount, *said: str) -> str:
    key = account.credentials.secret.get_secret_value().encode()
    return hmac.new(key, "\0".join(said).encode(), hashlib.sha256).hexdigest()
