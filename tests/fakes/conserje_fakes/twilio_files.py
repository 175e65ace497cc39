"""The stand-in's files: those that contacts sent, in their store; and a look at those sent to them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import httpx2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from conserje_fakes.twilio_refusals import Refusal

FILE = "/2010-04-01/Accounts/{sid}/Messages/{message}/Media/{media}"
STORE = "/_store/{key}"
DOWNLOAD_FAILED, WRONG_TYPE = 63019, 12300

_TAKEN = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "audio/",
    "video/mp4",
    "video/3gpp",
    "application/",
    "text/vcard",
)
_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"%PDF": "application/pdf",
    b"<": "text/html",
}


@dataclass
class Files:
    """What contacts sent, by its path."""

    kept: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    _doors: dict[str, str] = field(default_factory=dict)

    def add(self, account_sid: str, content: bytes, content_type: str) -> str:
        """Keep a file; the path at which Twilio has it."""
        message, media = "MM" + secrets.token_hex(16), "ME" + secrets.token_hex(16)
        path = FILE.format(sid=account_sid, message=message, media=media)
        self.kept[path] = content, content_type
        return path

    def redirect(self, request: Request) -> Response:
        """To the store, which is at another host, and opens once. Raises Refusal."""
        path = request.url.path
        if path not in self.kept:
            raise Refusal(404, 20404, f"The requested resource {path} was not found")
        key = secrets.token_hex(16)
        self._doors[key] = path
        return RedirectResponse(f"http://localhost:{request.url.port}{STORE.format(key=key)}", 307)

    def serve(self, request: Request) -> Response:
        """What the store has; it takes no second kind of authorization."""
        path = self._doors.pop(request.path_params["key"], "")
        if "authorization" in request.headers:
            return Response("<Error>InvalidArgument</Error>", 400, media_type="application/xml")
        if path not in self.kept:
            return Response("<Error>NoSuchKey</Error>", 404, media_type="application/xml")
        content, content_type = self.kept[path]
        return Response(content, media_type=content_type)


async def trouble(http: httpx2.AsyncClient, url: str) -> int | None:
    """The code with which a message with the file at `url` fails: asked by HEAD, then by GET.

    What is not on loopback is not looked at.
    """
    asked = httpx2.URL(url)
    if not (asked.host == "127.0.0.1" or asked.host == "localhost" or asked.host.endswith(".localhost")):
        return None
    headers, target = {"Host": asked.netloc.decode()}, asked.copy_with(host="127.0.0.1")
    try:
        head = await http.request("HEAD", target, headers=headers)
        answer = await http.request("GET", target, headers=headers)
    except httpx2.TransportError:
        return DOWNLOAD_FAILED
    if not (head.is_success and answer.is_success and answer.content):
        return DOWNLOAD_FAILED
    told = {each.headers.get("content-type", "").partition(";")[0] for each in (head, answer)}
    (kind,) = told if len(told) == 1 else ("",)
    found = next((name for start, name in _BEGINNINGS.items() if answer.content.startswith(start)), kind)
    return None if kind == found and kind.startswith(_TAKEN) else WRONG_TYPE
