"""The console's doors: which hosts it answers, whose pages may post to it, and what browsers are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from conserje.settings import Settings
from conserje_edge.console.refusal import FOREIGN, Refusal
from conserje_edge.operator.auth import LOOPBACK, SAFE

_ALWAYS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEARS = "max-age=63072000"


def refuse_foreign_pages(method: str, headers: Mapping[str, str], scheme: str) -> None:
    """A page of another origin may be open in the browser, and tenants' hosts are siblings. Raises Refusal.

    Cookies go with what a sibling posts, whatever their SameSite says; these headers no page can choose.
    """
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        fits = site in ("same-origin", "none")
    else:  # over plain http they are not sent, but for this machine
        fits = origin is None or origin == f"{scheme}://{headers['host'].lower()}"
    if not fits:
        raise Refusal(HTTPStatus.FORBIDDEN, FOREIGN)


def is_near(host: str) -> bool:
    """Whether the host is this machine, where there is no TLS."""
    return host in LOOPBACK or host.endswith(".localhost")


def names(bases: Iterable[str]) -> frozenset[str]:
    """The console's hosts, without ports."""
    return LOOPBACK | {f"console.{base}" for base in bases}


def told(settings: Settings, slug: str | None, secure: bool) -> dict[str, str]:
    """What every page says: nothing runs in it but what comes from here.

    A tenant's pages show what its contacts sent, which comes from the tenant's own host.
    """
    beside, frames = "", "'none'"
    if slug is not None:
        parts = urlsplit(settings.tenant_url(slug))
        frames = f"{parts.scheme}://{parts.netloc}"
        beside = f" {frames}"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src 'self'; "
        f"manifest-src 'self'; img-src 'self' blob:{beside}; media-src 'self' blob:{beside}; "
        f"frame-src {frames}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {**_ALWAYS, "content-security-policy": policy}
    if secure:
        headers["strict-transport-security"] = _YEARS
    return headers
