"""What a provider finds at the address of a file that is sent to a contact, where that is on loopback."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"%PDF": "application/pdf",
    b"<": "text/html",
}
_MEGABYTE = 1024 * 1024
# WhatsApp's largest, by the first part of the type.
LARGEST = {"image": 5 * _MEGABYTE, "audio": 16 * _MEGABYTE, "video": 16 * _MEGABYTE}


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it is had: no type if its bytes are not what is said of them, no size if it is not had."""

    content_type: str = ""
    size: int = 0


def kind_of(content: bytes) -> str | None:
    """What the first bytes say; None: nothing that is known here."""
    return next((name for start, name in _BEGINNINGS.items() if content.startswith(start)), None)


async def look(http: httpx2.AsyncClient, url: str) -> Found | None:
    """Ask for the file by HEAD, then by GET; None: it is not on loopback, where nobody looks."""
    asked = httpx2.URL(url)
    if not (asked.host == "127.0.0.1" or asked.host == "localhost" or asked.host.endswith(".localhost")):
        return None
    headers, target = {"Host": asked.netloc.decode()}, asked.copy_with(host="127.0.0.1")
    try:
        head = await http.request("HEAD", target, headers=headers)
        answer = await http.request("GET", target, headers=headers)
    except httpx2.TransportError:
        return Found()
    if not (head.is_success and answer.is_success and answer.content):
        return Found()
    told = {each.headers.get("content-type", "").partition(";")[0] for each in (head, answer)}
    (kind,) = told if len(told) == 1 else ("",)
    is_of = kind_of(answer.content) or kind
    return Found(kind if kind == is_of else "", len(answer.content))
