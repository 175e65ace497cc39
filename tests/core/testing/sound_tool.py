"""A tool as a third party writes it, and without a mistake; those beside it are put in by a test."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from conserje import Account, Call, CannotTell, Finding, Result, Tool

log = logging.getLogger(__name__)


class Visit(BaseModel):
    """What is booked."""

    model_config = ConfigDict(extra="forbid")

    day: str = Field(max_length=40, description="The day, in the contact's words.")
    people: int = Field(default=1, ge=1, le=20, description="How many come.")


class BooksCredentials(BaseModel):
    """What the calendar asks for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr = Field(min_length=1)


class BooksSettings(BaseModel):
    """Where the visits are."""

    model_config = ConfigDict(extra="forbid")

    room: str = "any"


class BooksOperator(BaseModel):
    """Where the calendar is."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = "https://books.example"


BooksCall = Call[Visit, BooksCredentials, BooksSettings]


class Books(Tool[Visit, BooksCredentials, BooksSettings, BooksOperator]):
    """Books visits in a calendar that knows each by its key."""

    name = "books"
    description = "Books a visit for a day. Call it once the contact has said which."
    effect = True
    repeatable = True
    Parameters = Visit
    Credentials = BooksCredentials
    Settings = BooksSettings
    Operator = BooksOperator

    def __init__(self, operator: BooksOperator, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self.kept: dict[Any, Any] = {}

    async def run(self, call: BooksCall) -> Result:
        asked = {"day": call.arguments.day, "people": call.arguments.people, "for": call.contact.name}
        headers = {
            "authorization": f"Bearer {call.credentials.api_key.get_secret_value()}",
            "idempotency-key": call.key,
        }
        try:
            answer = await self.http.post(f"{self.operator.base_url}/visits", json=asked, headers=headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return Result("The calendar cannot be reached; nothing is booked.", failed=True)
        except httpx2.RequestError as error:
            raise RuntimeError(f"Nobody knows ({type(error).__name__}).") from None
        if 400 <= answer.status_code < 500:
            return Result(f"The calendar does not take it ({answer.status_code}).", failed=True)
        if answer.status_code != 201:
            raise RuntimeError(f"The calendar answered {answer.status_code}.")
        return Result("Booked.", shown=f"{call.contact.name}: {call.arguments.day}")

    async def examine(self, account: Account[BooksCredentials, BooksSettings]) -> Sequence[Finding]:
        headers = {"authorization": f"Bearer {account.credentials.api_key.get_secret_value()}"}
        try:
            answer = await self.http.get(f"{self.operator.base_url}/account", headers=headers)
        except httpx2.RequestError as error:
            raise CannotTell(f"The calendar could not be asked ({type(error).__name__}).") from None
        if answer.status_code not in (200, 201):
            raise CannotTell(f"The calendar answered {answer.status_code}.")
        return [Finding("ok", "The key is good.")]
