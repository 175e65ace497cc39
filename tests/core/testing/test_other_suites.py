"""The suites of assistants and tools find mistakes, and say nothing of what is without."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx2
import pytest
from mistakes import Mistake, failing, mistakes, module

from conserje.testing import ProviderAssistantContract, ToolContract

OF_ASSISTANTS, OF_TOOLS = mistakes("assistant"), mistakes("tool")


def of_assistant(made: Any) -> type[ProviderAssistantContract]:
    class TestSage(ProviderAssistantContract):
        assistant = made.Sage
        credentials: ClassVar = {"api_key": "clave-de-tienda"}
        answer = httpx2.Response(200, json={"text": "Hola", "tokens": 7})

    return TestSage


def of_tool(made: Any) -> type[ToolContract]:
    class TestBooks(ToolContract):
        tool = made.Books
        arguments: ClassVar = {"day": "el lunes", "people": 2}
        credentials: ClassVar = {"api_key": "clave-de-tienda"}

        def good_answer(self, request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(201, json={"id": "v-1"})

    return TestBooks


def test_what_is_sound_passes() -> None:
    assert failing(of_assistant(module("sound_assistant"))) == {}
    assert failing(of_tool(module("sound_tool"))) == {}


@pytest.mark.parametrize("mistake", OF_ASSISTANTS, ids=lambda each: each.name)
def test_a_mistake_in_an_assistant_is_found(mistake: Mistake) -> None:
    assert mistake.found_by in failing(of_assistant(module("sound_assistant", mistake)), mistake.found_by)


@pytest.mark.parametrize("mistake", OF_TOOLS, ids=lambda each: each.name)
def test_a_mistake_in_a_tool_is_found(mistake: Mistake) -> None:
    assert mistake.found_by in failing(of_tool(module("sound_tool", mistake)), mistake.found_by)


def test_there_are_as_many_as_are_asked_for() -> None:
    assert min(len(OF_ASSISTANTS), len(OF_TOOLS)) >= 12
