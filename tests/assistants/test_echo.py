"""The echo assistant."""

from __future__ import annotations

from conserje import Text
from conserje.testing import AssistantContract
from conserje_echo import Echo


class TestEcho(AssistantContract):
    assistant = Echo

    async def test_says_back_what_was_written(self) -> None:
        reply = await self.reply(self.turn("¿Hola?"))
        assert reply.messages == (Text("¿Hola?"),)

    async def test_is_silent_where_nothing_was_written(self) -> None:
        assert (await self.reply(self.turn(" "))).messages == ()
