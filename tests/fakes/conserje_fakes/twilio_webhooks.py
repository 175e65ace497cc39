"""Posts webhooks as Twilio does: signed, within 15 s, retried by the URL's fragment only."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import httpx2
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

Form = Sequence[tuple[str, str]]

_UNREACHABLE, _BAD_OVERRIDE, _NOT_XML, _WRONG_TYPE = 11200, 11243, 12100, 12300
_XML = ("text/xml", "application/xml", "text/html")
_REASONS = frozenset({"4xx", "5xx", "ct", "rt"})


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret of an account: its auth token, or with `key` the shared key of that id."""

    secret: str
    key: str = ""

    def headers(self, target: str, form: Form) -> dict[str, str]:
        algorithm = "HMAC_SHA256" if self.key else "HMAC_SHA1"
        validator = RequestValidator(self.secret)  # type: ignore[no-untyped-call]
        fields = ImmutableMultiDict(list(form))
        signature = validator.compute_signature(target, fields, algorithm)  # type: ignore[no-untyped-call]
        settings = f"key={self.key},algorithm={algorithm}"
        named = {"X-Twilio-Webhooks-Signature-Settings": settings} if self.key else {}
        return {"X-Twilio-Signature": signature} | named


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of a webhook: the last answer, how often it was posted, Twilio's error code if any."""

    attempts: int
    status: int | None = None
    content_type: str = ""
    body: str = ""
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """The connection overrides of a URL's fragment, with Twilio's defaults; times in seconds."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    reasons: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        """Raises ValueError for a value that Twilio does not take."""
        given = dict(parse_qsl(fragment))
        reasons = frozenset(given.get("rp", "ct").split(","))
        if "all" in reasons:
            reasons = _REASONS
        if not reasons <= _REASONS:
            raise ValueError("rp names an unknown reason")
        return cls(
            _between(given, "ct", 100, 10_000, 5_000) / 1000,
            _between(given, "rt", 100, 15_000, 15_000) / 1000,
            _between(given, "tt", 100, 15_000, 15_000) / 1000,
            _between(given, "rc", 0, 5, 1),
            reasons,
        )


def _between(given: dict[str, str], name: str, least: int, most: int, default: int) -> int:
    value = int(given.get(name, default))
    if not least <= value <= most:
        raise ValueError(f"{name} is not between {least} and {most}")
    return value


async def deliver(
    http: httpx2.AsyncClient, url: str, form: Form, signer: Signer, fallback: str = ""
) -> Delivered:
    """Post `form` to `url`, signed; the fragment stays here and is not signed.

    What is not taken there is posted to `fallback`, with what went wrong.
    """
    delivered = await _deliver(http, url, form, signer)
    if fallback and delivered.error_code:
        told = [("ErrorCode", str(delivered.error_code)), ("ErrorUrl", url.partition("#")[0])]
        return await _deliver(http, fallback, [*form, *told], signer)
    return delivered


async def _deliver(http: httpx2.AsyncClient, url: str, form: Form, signer: Signer) -> Delivered:
    target, _, fragment = url.partition("#")
    try:
        overrides = Overrides.of(fragment)
    except ValueError:
        return Delivered(attempts=0, error_code=_BAD_OVERRIDE)
    request = _request(http, target, form, signer, overrides)
    attempts = 0
    try:
        async with asyncio.timeout(overrides.total):
            while True:
                attempts += 1
                answer, trouble = await _post(http, request)
                if trouble not in overrides.reasons or attempts > overrides.retries:
                    return _judged(attempts, answer, trouble)
    except TimeoutError:
        return Delivered(attempts, error_code=_UNREACHABLE)


def _request(
    http: httpx2.AsyncClient, target: str, form: Form, signer: Signer, overrides: Overrides
) -> httpx2.Request:
    url = httpx2.URL(target)
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        **signer.headers(target, form),
    }
    named = {"sni_hostname": url.host}
    if url.host == "localhost" or url.host.endswith(".localhost"):  # Python does not resolve these
        url = url.copy_with(host="127.0.0.1")
    timeout = httpx2.Timeout(overrides.read, connect=overrides.connect)
    return http.build_request(
        "POST", url, headers=headers, content=urlencode(form), timeout=timeout, extensions=named
    )


async def _post(http: httpx2.AsyncClient, request: httpx2.Request) -> tuple[httpx2.Response | None, str]:
    try:
        answer = await http.send(request)
    except (httpx2.ConnectError, httpx2.ConnectTimeout):
        return None, "ct"
    except httpx2.TransportError:
        return None, "rt"
    return answer, f"{answer.status_code // 100}xx" if answer.status_code >= 400 else ""


def _judged(attempts: int, answer: httpx2.Response | None, trouble: str) -> Delivered:
    if answer is None:
        return Delivered(attempts, error_code=_UNREACHABLE)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    error = None if answer.is_success else _UNREACHABLE
    if error is None and answer.text:
        error = _twiml_error(kind, answer.text)
    return Delivered(attempts, answer.status_code, kind, answer.text, error)


def _twiml_error(kind: str, body: str) -> int | None:
    if kind not in _XML:
        return _WRONG_TYPE
    try:
        return None if ElementTree.fromstring(body).tag == "Response" else _NOT_XML
    except ElementTree.ParseError:
        return _NOT_XML
