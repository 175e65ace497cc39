"""What a provider's bad answers mean: the tests of what `send`, `find` and the others raise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

import httpx2
import pytest

from conserje.contract.channel import AccountFault, CannotTell, Receipt, Refused, TryLater
from conserje.plugins import given
from conserje.plugins.guard import MAY_RAISE
from conserje.testing import bodies
from conserje.testing.provider import Handler, answering, places, raising, says
from conserje.testing.samples import TEXT
from conserje.testing.secrecy import check_error, discreet, leaked
from conserje.testing.sending import Sending, is_offered
from conserje.testing.watch import breathing

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_CUT = (
    httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError,
    httpx2.DecodingError,
)  # fmt: skip
_ELSEWHERE = "https://elsewhere.example/"
_SHAPELESS = ("<html>hola</html>", "", "[]", "null", "7", '"hola"', "{", "\ufeff")
_FAILED = (500, 501, 502, 503, 504, 599)
_WRONG = (400, 402, 403, 404, 405, 409, 410, 413, 415, 422, 451)
_SECONDS = 17


class Outcomes(Sending):
    """What becomes of a message that the provider did not simply take."""

    def refusing_answer(self, request: httpx2.Request) -> httpx2.Response:
        """What the provider answers to a message that it will not take, now or later."""
        return httpx2.Response(400, json={})

    def denying_answer(self, request: httpx2.Request) -> httpx2.Response:
        """What it answers where the account's token is wrong."""
        return httpx2.Response(401, json={})

    def busy_answer(self, request: httpx2.Request, seconds: int) -> httpx2.Response:
        """What it answers where it is asked too often, and wants to be left alone for so long."""
        return httpx2.Response(429, headers={"retry-after": str(seconds)}, json={})

    async def test_a_message_that_it_will_not_take_is_refused(self) -> None:
        error = await self._failure(self.refusing_answer, once=True)
        assert isinstance(error, Refused | AccountFault), (
            f"A message that the provider refuses ends as {_named(error)}: it is Refused, with the cause. "
            "Where its refusals look otherwise than a 400, override `refusing_answer`."
        )
        assert str(error).strip(), "Refused has no text: it is the cause that people are shown."

    async def test_a_wrong_token_is_the_account_s_fault(self) -> None:
        error = await self._failure(self.denying_answer)
        assert isinstance(error, AccountFault), (
            f"A wrong token ends as {_named(error)}: it is an AccountFault, so that messages wait until it "
            "is mended. Where it is told otherwise than by a 401, override `denying_answer`."
        )

    async def test_a_busy_provider_is_tried_later(self) -> None:
        error = await self._failure(lambda request: self.busy_answer(request, _SECONDS), once=True)
        assert isinstance(error, TryLater), (
            f"A 429 ends as {_named(error)}: it is TryLater, since nothing was taken."
        )
        assert _SECONDS <= error.after <= 20 * _SECONDS, (
            f"The provider wants to be left alone for {_SECONDS} s, and TryLater says after={error.after}."
        )

    @pytest.mark.parametrize(
        "after", ["", "soon", "-5", "nan", "inf", "1e999", "Wed, 21 Oct 2026 07:28:00 GMT"]
    )
    async def test_a_busy_provider_that_names_no_seconds_is_tried_later(self, after: str) -> None:
        headers = {"retry-after": after} if after else {}
        error = await self._failure(answering(429, "{}", headers))
        assert isinstance(error, TryLater), (
            f"A 429 with Retry-After: {after!r} ends as {_named(error)}: it is TryLater."
        )
        assert isfinite(error.after) and 0 < error.after <= 86_400, f"TryLater says after={error.after}."

    @pytest.mark.parametrize("failed", _NOT_SENT)
    async def test_a_provider_out_of_reach_took_nothing(self, failed: type[httpx2.TransportError]) -> None:
        error = await self._failure(raising(failed))
        assert isinstance(error, TryLater), (
            f"{failed.__name__} ends as {_named(error)}: nothing was sent, so TryLater."
        )
        assert error.after > 0

    @pytest.mark.parametrize("cut", _CUT)
    async def test_an_answer_that_did_not_come_proves_nothing(self, cut: type[httpx2.RequestError]) -> None:
        _check_unproven(await self._failure(raising(cut), once=True), cut.__name__)

    @pytest.mark.parametrize("status", _FAILED)
    async def test_a_failure_of_the_provider_proves_nothing(self, status: int) -> None:
        for text in ("{}", "<html>", ""):
            error = await self._failure(answering(status, text), once=True)
            _check_unproven(error, f"A {status}")

    async def test_an_answer_that_is_not_the_provider_s_proves_nothing(self) -> None:
        for text in _SHAPELESS:
            _check_unproven(await self._failure(answering(200, text)), f"{text!r}")
        for status in (301, 302, 307, 308):
            error = await self._failure(answering(status, "", {"location": _ELSEWHERE}))
            _check_unproven(error, f"A {status}")

    @pytest.mark.parametrize("status", _WRONG)
    async def test_what_the_provider_does_not_take_is_not_sent_for_ever(self, status: int) -> None:
        for text in ("{}", "<html>", ""):
            error = await self._failure(answering(status, text))
            assert not isinstance(error, TryLater), (
                f"A {status} is answered again and again, and ends as TryLater: it is Refused, or an "
                "AccountFault, or Uncertain where it is not the provider's own."
            )

    async def test_a_receipt_has_the_provider_s_own_id(self) -> None:
        """Each field of a good answer is missing, null, of another type: an id is read, or none is known."""
        for place, what, text in bodies.odd_documents(await self._answered()):
            error = await self._failure(answering(200, text), may_be_sent=True)
            odd = f"An answer whose {place} is {what}"
            assert not isinstance(error, TryLater), (
                f"{odd} ends as TryLater, and the message may be sent twice."
            )
            if place == "whole":
                _check_unproven(error, odd)

    async def test_an_error_quotes_nothing_private(self) -> None:
        private = [*self._private(), TEXT]
        for status in (400, 401, 403, 404, 422, 429, 500):
            for quoted in private:
                body = {"error": {"message": quoted, "code": 1}, "message": quoted, "description": quoted}
                await self._failure(answering(status, json.dumps(body)))

    async def test_a_provider_that_cannot_be_asked_did_not_say_no(self) -> None:
        for name in ("find", "fetch"):
            if is_offered(self.channel, name):
                for what, answer in _unhelpful():
                    error = await self._offered(name, answer)
                    if isinstance(error, CannotTell) or (name == "fetch" and error is None):
                        continue
                    pytest.fail(
                        f"Where the provider answers {what}, `{name}` ends as {_named(error)}: it raises "
                        "CannotTell. A None of `find` has the message sent again."
                    )

    async def test_what_else_it_offers_raises_what_the_contract_names(self) -> None:
        for name in ("examine", "configure"):
            if is_offered(self.channel, name):
                for what, answer in _unhelpful():
                    error = await self._offered(name, answer)
                    assert error is None or isinstance(error, MAY_RAISE[name]), (
                        f"Where the provider answers {what}, `{name}` raises {_named(error)}: it may raise "
                        f"{', '.join(each.__name__ for each in MAY_RAISE[name])}."
                    )

    async def test_shows_its_secrets_to_its_provider_alone(self) -> None:
        async with self._desk(answering(302, "", {"location": _ELSEWHERE})) as desk:
            for name in ("send", "find", "fetch", "attend", "examine"):
                try:
                    if name == "send":
                        await desk.channel.send(self._outbound(), self._account())
                    elif is_offered(self.channel, name):
                        await self._call(desk.channel, name)
                except Exception:  # noqa: S112 - what it raises is asked elsewhere
                    continue
            asked = {request.url.host for request in desk.provider.requests}
            assert "elsewhere.example" not in asked, (
                "A redirect is followed, and the secrets go with it: do not."
            )

    async def _failure(
        self, answer: Handler, *, once: bool = False, may_be_sent: bool = False
    ) -> Exception | None:
        """What `send` raises when the provider answers so; it quotes neither secrets nor the text.

        `once`: whoever does not know whether it was taken asks no second time. None: it was sent.
        """
        private = [*self._private(), TEXT]
        async with self._desk(answer) as desk:
            with discreet(private):
                try:
                    taken: Any = await breathing(desk.channel.send(self._outbound(), self._account()))
                except Exception as error:
                    check_error(error, private)
                    assert not once or self._asked(desk) <= 1, (
                        "A message is sent again inside `send`: raise it."
                    )
                    return error
        if not may_be_sent:
            pytest.fail(f"The channel takes this for an answer: {taken}")
        _check_receipt(taken)
        return None

    def _asked(self, desk: Any) -> int:
        """How often the provider was asked to send the message."""
        return sum(says(list(places(request).values()), TEXT) for request in desk.provider.requests)

    async def _answered(self) -> str:
        """What the provider answers at last when it takes a message."""
        answers: list[httpx2.Response] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            answers.append(self.good_answer(request))
            return answers[-1]

        async with self._desk(answer) as desk:
            await desk.channel.send(self._outbound(), self._account())
        return answers[-1].text


def _check_unproven(error: Exception | None, what: str) -> None:
    assert not isinstance(error, Refused | TryLater | AccountFault), (
        f"{what} ends as {_named(error)}, and does not say whether the message was taken: it is Uncertain."
    )


def _check_receipt(taken: Any) -> None:
    known: Receipt = given.receipt(taken)
    assert known.provider_id and not leaked(known.provider_id, ("None", "{", "[", "True")), (
        f"{known.provider_id!r} is taken for the provider's id of a message: what is none is Uncertain."
    )


def _unhelpful() -> Iterator[tuple[str, Handler]]:
    """Answers that tell nothing of what was asked."""
    for status in (*_FAILED, 302, 401, 403, 429):
        yield f"{status}", answering(status, "{}")
    for text in ("<html>hola</html>", "null", "7"):
        yield f"{text!r}", answering(200, text)
    for error in (*_NOT_SENT, *_CUT):
        yield error.__name__, raising(error)


def _named(error: Exception | None) -> str:
    return type(error).__name__ if error else "done"
