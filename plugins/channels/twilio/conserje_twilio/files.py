"""Files: which ones Twilio takes; those of contacts it has in a store, to which it sends whoever may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2

from conserje import FetchFailed, FetchRefused, File, Limits, Refused, TryLater, fetch
from conserje_twilio import api
from conserje_twilio.errors import NOT_ACCEPTED, explain

_GONE = (httpx2.codes.NOT_FOUND, httpx2.codes.GONE)
_HOUR = 3600.0

_MEGABYTE = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument."
# By WhatsApp; a message has 16 MB at most.
TAKES = dict.fromkeys(
    (
        "video/mp4", "video/3gpp",
        "audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg",
        "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
        f"{_OFFICE}wordprocessingml.document", f"{_OFFICE}spreadsheetml.sheet",
        f"{_OFFICE}presentationml.presentation", "text/vcard",
    ),
    16 * _MEGABYTE,
) | dict.fromkeys(("image/jpeg", "image/png"), 5 * _MEGABYTE)  # fmt: skip


async def read(line: api.Line, file: File, limits: Limits) -> AsyncIterator[bytes]:
    """The file's bytes; the auth token goes to Twilio's own address alone. Raises Refused or TryLater."""
    if not _is_below(file.ref, line.base_url):
        raise Refused("The file is not at Twilio's address, so the auth token is not shown there.")
    async with AsyncExitStack() as stack:
        answer = await _ask(stack, line, file.ref)
        if answer.is_redirect:
            stored = str(answer.url.join(answer.headers.get("location", "")))
            await stack.aclose()
            async for part in _fetched(stored, limits):
                yield part
            return
        _check(answer)
        async for part in answer.aiter_bytes():
            yield part


def _is_below(ref: str, base_url: str) -> bool:
    try:
        asked, base = httpx2.URL(ref), httpx2.URL(base_url)
    except httpx2.InvalidURL:
        return False
    own = (base.scheme, base.host, base.port)
    return (asked.scheme, asked.host, asked.port) == own and not asked.userinfo


async def _ask(stack: AsyncExitStack, line: api.Line, url: str) -> httpx2.Response:
    for auth in line.credentials():
        request = line.http.stream(
            "GET", url, auth=auth, headers={"accept-encoding": "identity"}, follow_redirects=False
        )
        answer = await stack.enter_async_context(request)
        if answer.status_code != httpx2.codes.UNAUTHORIZED:
            break
    return answer


def _check(answer: httpx2.Response) -> None:
    if answer.status_code in _GONE:
        raise Refused("Twilio no longer has the file.")
    if answer.status_code == httpx2.codes.UNAUTHORIZED:
        raise TryLater(f"{explain(NOT_ACCEPTED)}.", _HOUR)
    if answer.status_code != httpx2.codes.OK:
        raise TryLater(f"Twilio answered {answer.status_code} for the file.")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Refused("Twilio sends the file compressed, which was not asked for.")


async def _fetched(url: str, limits: Limits) -> AsyncIterator[bytes]:
    """What is elsewhere than at Twilio's address, as a stranger's is fetched."""
    try:
        async with fetch(url, most=limits.file_bytes, limit=limits.file_seconds) as answer:
            if answer.status in _GONE:
                raise Refused("Twilio's store no longer has the file.")
            if answer.status != httpx2.codes.OK:
                raise TryLater(f"Twilio's store answered {answer.status} for the file.")
            async for part in answer:
                yield part
    except FetchRefused as error:
        raise Refused(f"Twilio's store: {error}") from None
    except FetchFailed as error:
        raise TryLater(f"Twilio's store: {error}") from None
