"""Tools keep their contract: core's own, and one as a third party writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import httpx2
import pytest
from packages import install
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from conserje import Call, Nothing, Result, Tool
from conserje.leads.tool import OpenLead
from conserje.shop.tools import SearchKnowledge, SearchProducts
from conserje.testing import ToolContract
from conserje.turns.hand_over import HandOver


class TestSearchProducts(ToolContract):
    tool = SearchProducts
    arguments: ClassVar = {"text": "café"}

    async def test_says_price_and_stock(self) -> None:
        result = await self.run()
        assert result.text == "Café | $4.990 | stock: 3 | Bebidas"


class TestSearchKnowledge(ToolContract):
    tool = SearchKnowledge
    arguments: ClassVar = {"text": "¿tienen wifi?"}


class TestHandOver(ToolContract):
    tool = HandOver
    arguments: ClassVar = {"reason": "quiere factura"}

    async def test_gives_the_reason(self) -> None:
        assert (await self.run()).hand_over == "quiere factura"


class TestOpenLead(ToolContract):
    tool = OpenLead
    arguments: ClassVar = {"wanted": "pan sin gluten", "when": "mañana"}


class Day(BaseModel):
    """When the visit is to be."""

    model_config = ConfigDict(extra="forbid")

    day: str = Field(max_length=40, description="The day, in the contact's words.")


class Key(BaseModel):
    """What the calendar asks for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr


class Book(Tool[Day, Key, Nothing, Nothing]):
    """A tool as a third party writes it."""

    name = "book"
    description = "Books a visit for a day. Call it once the contact has said which."
    effect = True
    Parameters = Day
    Credentials = Key
    Settings = Operator = Nothing

    async def run(self, call: Call[Day, Key, Nothing]) -> Result:
        answer = await self.http.post(
            "https://books.example/visits",
            json={"day": call.arguments.day},
            headers={
                "Authorization": f"Bearer {call.credentials.api_key.get_secret_value()}",
                "Idempotency-Key": call.key,
            },
        )
        if answer.status_code == 409:
            return Result("That day is full.", failed=True)
        answer.raise_for_status()
        return Result("Booked.", shown=call.arguments.day)


class TestBook(ToolContract):
    tool = Book
    arguments: ClassVar = {"day": "lunes"}
    credentials: ClassVar = {"api_key": "not-a-secret-1"}

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install(tmp_path, "calendar_of_books", "", {"book": "conserje.tools"})
        monkeypatch.syspath_prepend(tmp_path)
        module = ModuleType("calendar_of_books")
        module.Book = Book  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "calendar_of_books", module)

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(201, json={})

    async def test_a_full_day_is_a_failed_result(self) -> None:
        assert (await self.run(lambda _: httpx2.Response(409))).failed


class Careless(Tool[Any, Nothing, Nothing, Nothing]):
    """A tool whose author forgot what the contract asks for."""

    name = "careless"
    description = " "
    Credentials = Settings = Operator = Nothing

    class Parameters(BaseModel):
        """Unbounded, undescribed, open."""

        text: str

    async def run(self, call: Call[Any, Nothing, Nothing]) -> Result:
        raise KeyError(call.arguments.text)


@pytest.mark.parametrize(
    "name",
    [
        "test_is_installed_under_its_own_name",
        "test_refuses_fields_that_it_does_not_know",
        "test_says_to_a_model_how_it_is_called",
        "test_bounds_the_words_that_a_model_may_write",
        "test_gives_a_result_of_a_good_answer",
    ],
)
async def test_the_contract_finds_mistakes(name: str) -> None:
    class Suite(ToolContract):
        tool = Careless
        arguments: ClassVar = {"text": "x"}

    with pytest.raises((AssertionError, KeyError, ValueError)):
        found = getattr(Suite(), name)()
        if found is not None:
            await found
