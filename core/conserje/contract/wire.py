"""What goes to a model and comes back from it, whoever's model it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from conserje.contract.assistant import NoAnswer, Offer, Picture, Result

_TOKENS_OF_PICTURE = 1400  # of one with 1,024 by 1,024 points


class VendorFailed(NoAnswer):
    """The model's server did not do its part; after some of these in a row it is left alone for a while.

    `of_key`: what failed is the tenant's key, or its share, and nobody else's. `after`: the seconds that the
    server wants to be left alone.
    """

    def __init__(self, text: str, *, of_key: bool = False, after: float = 0.0) -> None:
        super().__init__(text)
        self.of_key = of_key
        self.after = after


class ModelCredentials(BaseModel):
    """The key that pays for a tenant's answers."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr = Field(min_length=1, description="An API key of the model's server.")


class ModelSettings(BaseModel):
    """How a tenant's assistant thinks and speaks."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, description="The model's name, as the API knows it.")
    instructions: str = Field(default="", max_length=20_000, description="What else the assistant is told.")
    max_output_tokens: int = Field(default=400, ge=16, le=16_000, description="Longest answer, in tokens.")
    history_limit: int = Field(default=30, ge=0, le=200, description="Earlier messages that the model reads.")
    sees: bool = Field(
        default=False,
        description="Whether the model is shown customers' pictures, which then go to its vendor.",
    )


class ModelOperator(BaseModel):
    """What the operator decides for all tenants."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = Field(description="The API's address.")
    api_key: SecretStr | None = Field(default=None, description="For tenants that have no key of their own.")
    timeout: float = Field(
        default=20.0, gt=0, description="Seconds for an answer, rounds of tools and second tries included."
    )

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("write an absolute address, like https://api.openai.com/v1")
        if "@" in urlsplit(url).netloc:  # causes and logs name the address
            raise ValueError("write no user and password into it: the key has its own setting, ..._API_KEY")
        return url.rstrip("/")


def retry_after(headers: Mapping[str, str]) -> float:
    """For how many seconds the server wants to be left alone; 0: it does not say, or not in seconds."""
    try:
        after = float(headers.get("retry-after", ""))
    except ValueError:
        return 0.0
    return after if math.isfinite(after) and after > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call of a tool that the model wants; the arguments are JSON, as far as the model can write it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the model gave in one round: words, or calls of tools. `raw` is for its own wire alone.

    `usage` has the keys that `Budget.spend` takes. `fault`: why this is no answer, though it has cost
    something; a sentence that quotes nothing.
    """

    text: str
    calls: Sequence[Wanted] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    raw: Any = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One round that ended with calls of tools, and what came of them, in the same order."""

    spoken: Spoken
    results: Sequence[Result]


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the conversation, in words; those of the assistant may also be a person's.

    Pictures are a customer's, and go along with the words.
    """

    role: Literal["user", "assistant"]
    text: str
    pictures: Sequence[Picture] = ()


def _joined(lines: Sequence[Line]) -> Line:
    """Those of one side, as one."""
    pictures = tuple(chain.from_iterable(line.pictures for line in lines))
    return Line(lines[0].role, "\n".join(line.text for line in lines), pictures)


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model is given in one round."""

    stable: str  # the instructions' part that is the same in a tenant's next turn, and may be cached
    changing: str
    said: Sequence[Line]
    contact: str  # a name for the vendor that says nothing about the contact
    offers: Sequence[Offer] = ()
    steps: Sequence[Step] = ()
    may_call: bool = True  # False: the model must answer now, whatever tools are offered

    @property
    def instructions(self) -> str:
        return f"{self.stable}\n\n{self.changing}"

    @property
    def estimated_tokens(self) -> int:
        """How many tokens a model reads of it, at a guess: one for four characters, more for a picture."""
        told = [self.instructions, *(line.text for line in self.said)]
        told += (f"{offer.name} {offer.description} {offer.parameters}" for offer in self.offers)
        for step in self.steps:
            told += (step.spoken.text, *(call.arguments for call in step.spoken.calls))
            told += (result.text for result in step.results)
        pictures = sum(len(line.pictures) for line in self.said)
        return sum(map(len, told)) // 4 + 1 + pictures * _TOKENS_OF_PICTURE

    def alternating(self) -> list[Line]:
        """The lines for servers that want a customer's first, and then the two in turn."""
        joined = [_joined(list(lines)) for _, lines in groupby(self.said, lambda line: line.role)]
        return [Line("user", "…"), *joined] if joined and joined[0].role == "assistant" else joined
