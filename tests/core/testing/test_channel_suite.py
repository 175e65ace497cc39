"""The suite of channels finds mistakes, and says nothing of a channel without."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx2
import pytest
from mistakes import Mistake, failing, mistakes, module

from conserje import Webhook
from conserje.testing import ProviderChannelContract

MISTAKES = [*mistakes("channel_posts"), *mistakes("channel_sends")]
URL = "https://tienda.bot.example/bot/acme/webhook"


def suite(made: Any) -> type[ProviderChannelContract]:
    class TestAcme(ProviderChannelContract):
        channel = made.Acme
        address = "4000111"
        sender = "56922222222"
        credentials: ClassVar = {"token": "ficha-de-tienda", "secret": "secreto-1", "shop": "comercio-1"}
        other_credentials: ClassVar = {
            "token": "ficha-de-tienda",
            "secret": "secreto-2",
            "shop": "comercio-2",
        }

        def good_answer(self, request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(201, json={"id": "m-1", "state": {"queued": True}})

        def report(self, provider_id: str, status: str) -> Webhook:
            item = {"type": "status", "message": provider_id, "status": status, "error": "blocked"}
            hook: Webhook = made.posted(self._account(), URL, item)
            return hook

    return TestAcme


def test_a_sound_channel_passes() -> None:
    assert failing(suite(module("sound_channel"))) == {}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.name)
def test_a_mistake_is_found(mistake: Mistake) -> None:
    found = failing(suite(module("sound_channel", mistake)), only=mistake.found_by)
    assert mistake.found_by in found
    assert found[mistake.found_by].strip(), "It does not say what to do."


def test_there_are_as_many_as_are_asked_for() -> None:
    assert len(MISTAKES) >= 40 and len({each.name for each in MISTAKES}) == len(MISTAKES)
