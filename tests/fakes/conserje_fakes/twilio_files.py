"""The stand-in's files: those that contacts sent, in their store; and a look at those sent to them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from mimetypes import guess_type

import httpx2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from conserje_fakes import sent_files
from conserje_fakes.twilio_refusals import Refusal

FILE = "/2010-04-01/Accounts/{sid}/Messages/{message}/Media/{media}"
STORE = "/_store/{key}"
DOWNLOAD_FAILED, WRONG_TYPE = 63019, 12300
LARGEST = 16 * 1024 * 1024  # bytes of any file

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


def shows_words(url: str) -> bool:
    """Whether WhatsApp shows words that come with the file: below pictures and films."""
    return str(guess_type(httpx2.URL(url).path)[0]).startswith(("image/", "video/"))


async def trouble(http: httpx2.AsyncClient, url: str) -> int | None:
    """The code with which a message with the file at `url` fails."""
    found = await sent_files.look(http, url)
    if found is None:
        return None
    if not 0 < found.size <= sent_files.LARGEST.get(found.content_type.partition("/")[0], LARGEST):
        return DOWNLOAD_FAILED
    return None if found.content_type.startswith(_TAKEN) else WRONG_TYPE
