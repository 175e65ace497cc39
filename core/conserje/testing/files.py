"""Files that contacts send: the tests of `media`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, ClassVar

import httpx2
import pytest

from conserje.contract.account import NotOffered
from conserje.contract.channel import Refused
from conserje.contract.message import File, Media
from conserje.testing.provider import Handler, answering, places, raising, unlimited
from conserje.testing.secrecy import check_error, discreet, leaked
from conserje.testing.sending import Desk, Sending, is_offered
from conserje.testing.watch import breathing

_PART, _PARTS = b"\x00\xffpart of a file" * 4096, 48


class Parts(httpx2.AsyncByteStream):
    """A file as it comes; `given` is how much of it was asked for."""

    def __init__(self) -> None:
        self.given = 0
        self.is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(_PARTS):
            self.given += 1
            yield _PART


class Files(Sending):
    """How a channel hands on the bytes of a file."""

    file: ClassVar[File | None] = None  # that a contact sent; None: as the request of `hook` is read

    def file_answer(self, request: httpx2.Request, parts: httpx2.AsyncByteStream) -> httpx2.Response:
        """What the provider answers where a file is asked for; override where its address is asked first."""
        return httpx2.Response(200, stream=parts)

    def gone_answer(self, request: httpx2.Request) -> httpx2.Response:
        """What it answers where a file is asked for that it has no more."""
        return httpx2.Response(404, json={})

    async def test_hands_on_a_file_as_it_comes(self) -> None:
        if not is_offered(self.channel, "media"):
            return
        parts = Parts()
        async with self._desk(lambda request: self.file_answer(request, parts)) as desk:
            stream = self._stream(desk)
            first = await breathing(anext(stream))
            assert isinstance(first, bytes), f"`media` gives {type(first).__name__}: it gives bytes."
            assert parts.given < _PARTS, (
                "`media` reads a file to its end before it gives any of it: `async with http.stream(...)`, "
                "and `yield` each part of `aiter_bytes()`, so that core counts them and a large one fills "
                "no memory."
            )
            rest = await breathing(_read(stream))
            assert first + rest == _PART * _PARTS, "The bytes are not those that the provider has."

    async def test_a_file_that_nobody_wants_any_more_is_read_no_further(self) -> None:
        if not is_offered(self.channel, "media"):
            return
        parts = Parts()
        async with self._desk(lambda request: self.file_answer(request, parts)) as desk:
            async with aclosing(self._stream(desk)) as stream:
                await breathing(anext(stream))
            assert parts.given < _PARTS, "A file is read on though core has stopped: read as it is asked for."
            assert parts.is_closed, (
                "A file that is left alone keeps its connection: `async with http.stream(...)`."
            )

    async def test_a_file_that_is_gone_is_refused(self) -> None:
        error = await self._media_error(self.gone_answer)
        assert error is None or isinstance(error, Refused), (
            f"A file that the provider has no more ends as {type(error).__name__}: it is Refused, and "
            "nobody asks again. Where that is told otherwise than by a 404, override `gone_answer`."
        )

    async def test_a_file_that_cannot_be_had_now_is_not_given_up(self) -> None:
        for status in (429, 500, 503):
            error = await self._media_error(answering(status, "{}"))
            assert not isinstance(error, Refused), f"A {status} gives a file up: raise TryLater."
        for failed in (httpx2.ConnectError, httpx2.ReadTimeout):
            error = await self._media_error(raising(failed))
            assert not isinstance(error, Refused), f"{failed.__name__} gives a file up: raise TryLater."

    async def test_what_is_answered_in_a_file_s_place_is_no_file(self) -> None:
        for status in (301, 302, 401, 403, 500):
            headers = {"location": "/elsewhere"} if status < 400 else {}
            await self._media_error(answering(status, "no file", headers))

    async def _media_error(self, answer: Handler) -> Exception | None:
        """What `media` raises, which says nothing private; None: it is not offered."""
        if not is_offered(self.channel, "media"):
            return None
        private = self._private()
        async with self._desk(answer) as desk:
            with discreet(private):
                try:
                    given = await breathing(_read(self._stream(desk)))
                except Exception as error:
                    check_error(error, private)
                    return error
        pytest.fail(f"The channel takes this for a file: {given[:40]!r}")

    async def test_a_file_is_asked_for_within_time_limits(self) -> None:
        if is_offered(self.channel, "media"):
            parts = Parts()
            async with self._desk(lambda request: self.file_answer(request, parts)) as desk:
                await _read(self._stream(desk))
                assert not any(map(unlimited, desk.provider.requests)), "A file may take for ever to come."

    async def test_shows_its_secrets_to_where_files_are_alone(self) -> None:
        if is_offered(self.channel, "media"):
            elsewhere = answering(302, "", {"location": "https://elsewhere.example/"})
            async with self._desk(elsewhere) as desk:
                with suppress(Exception):
                    await _read(self._stream(desk))
                told = [each for each in desk.provider.requests if each.url.host == "elsewhere.example"]
                shown = "\n".join(value for each in told for value in places(each).values())
                assert not leaked(shown, self._private()), (
                    "A redirect is followed, and the secrets go with it."
                )

    def _stream(self, desk: Desk) -> Any:
        stream = desk.channel.media(self._sent_file(), self._account())
        assert hasattr(stream, "__anext__"), (
            "`media` is awaited by `async for`: `async def media` that yields."
        )
        return stream

    def _sent_file(self) -> File:
        if self.file is not None:
            return self.file
        with suppress(NotOffered):
            content = self._message(self.hook(self._said("media"))).content
            if isinstance(content, Media):
                return content.files[0]
        pytest.fail("The channel offers `media`: say a `file` as a contact has sent it.")


async def _read(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in stream])
