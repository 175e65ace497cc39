"""The bytes of files: those of contacts asked for by id, from Meta's own hosts only; ours handed in."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2

from conserje import File, Media, OutboundMessage, Refused, TryLater, Uncertain
from conserje_meta.api import Graph
from conserje_meta.errors import GraphError, NoAnswer, outcome

_HOSTS = (".fbsbx.com", ".facebook.com")
_AGAIN_AFTER = 60.0  # seconds
_GONE = 131052
_NO_SUCH_OBJECT = (100, 33)  # code and subcode; 100 alone is any fault of the request
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UPLOAD_SECONDS = 50.0
_NAME = "file"  # of one without a name

_MEGABYTE = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS = (
    "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
    f"{_OFFICE}wordprocessingml.document", f"{_OFFICE}spreadsheetml.sheet",
    f"{_OFFICE}presentationml.presentation", "text/plain",
)  # fmt: skip
TAKES = {
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * _MEGABYTE),
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MEGABYTE),
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"), 16 * _MEGABYTE),
    **dict.fromkeys(_DOCUMENTS, 100 * _MEGABYTE),
}


async def handed_in(graph: Graph, number: str, message: OutboundMessage) -> OutboundMessage:
    """The message, its files named by Meta's id of them where their bytes can be had here.

    Nothing is sent by that, so it may be tried again. Raises Refused, AccountFault or TryLater.
    """
    if not isinstance(message.content, Media):
        return message
    files = [await _handed_in(graph, number, message, file) for file in message.content.files]
    return replace(message, content=replace(message.content, files=tuple(files)))


async def _handed_in(graph: Graph, number: str, message: OutboundMessage, file: File) -> File:
    if (opened := message.open(file)) is None:
        return file
    fields = {"messaging_product": "whatsapp", "type": file.media_type}
    try:
        async with asyncio.timeout(_UPLOAD_SECONDS):
            taken = await graph.upload(f"{number}/media", fields, file.title or _NAME, opened)
    except (GraphError, NoAnswer) as error:
        failure = outcome(error)
        raise (TryLater(str(failure)) if isinstance(failure, Uncertain) else failure) from None
    except TimeoutError:
        raise TryLater(f"Meta did not take the file within {_UPLOAD_SECONDS:g} s.", _AGAIN_AFTER) from None
    if not _ID.fullmatch(id := str(taken.get("id", ""))):
        raise TryLater("Meta's answer names no file.", _AGAIN_AFTER)
    return replace(file, ref=id, name=file.title)


async def read(graph: Graph, id: str) -> AsyncIterator[bytes]:
    """The bytes as they come; raises TryLater at the end if they are not those that Meta announced.

    The address that Meta gives lives five minutes, so each call asks for a new one. Raises Refused for
    a file that is gone.
    """
    address, announced = await _locate(graph, id)
    seen = hashlib.sha256()
    # Not packed: what is counted and what is checked are the file's own bytes.
    headers = graph.authorization() | {"Accept-Encoding": "identity"}
    async with graph.http.stream("GET", address, headers=headers, follow_redirects=False) as answer:
        if answer.status_code != httpx2.codes.OK:
            raise TryLater(f"Meta answered {answer.status_code} instead of the file.", _AGAIN_AFTER)
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise TryLater("Meta sends the file compressed, which was not asked for.", _AGAIN_AFTER)
        async for chunk in answer.aiter_bytes():
            seen.update(chunk)
            yield chunk
    if announced not in ("", seen.hexdigest(), base64.b64encode(seen.digest()).decode()):
        raise TryLater("The file is not the one that Meta announced.", _AGAIN_AFTER)


async def _locate(graph: Graph, id: str) -> tuple[httpx2.URL, str]:
    """Where the file is for now, and its SHA-256."""
    if not _ID.fullmatch(id):
        raise Refused("The file's id is not Meta's.")
    try:
        found = await graph.get(id)  # Meta refuses phone_number_id for what a contact sent
    except GraphError as error:
        if _is_gone(error):
            raise Refused("Meta no longer has the file.") from None
        raise TryLater(str(error), error.wait or _AGAIN_AFTER) from None
    except NoAnswer as error:
        raise TryLater(str(error), _AGAIN_AFTER) from None
    try:
        address = httpx2.URL(str(found.get("url", "")))
    except httpx2.InvalidURL:
        address = httpx2.URL("")
    if not _is_metas(address, httpx2.URL(graph.url)):
        raise Refused("The file's address is not Meta's, so the access token is not shown there.")
    return address, str(found.get("sha256") or "")


def _is_gone(error: GraphError) -> bool:
    not_found = error.status == httpx2.codes.NOT_FOUND and not error.wait
    return not_found or error.code == _GONE or (error.code, error.subcode) == _NO_SUCH_OBJECT


def _is_metas(address: httpx2.URL, graph: httpx2.URL) -> bool:
    """Whether the access token may go there."""
    if (address.scheme, address.host, address.port) == (graph.scheme, graph.host, graph.port):
        return True
    plain = address.scheme == "https" and address.port is None and not address.userinfo
    return plain and address.host.endswith(_HOSTS)
