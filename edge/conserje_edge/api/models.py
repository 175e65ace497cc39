"""What requests and answers are made of: strict models, bounded and documented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

LARGEST = 2**63 - 1  # that Postgres counts to
LONGEST = 10_000  # characters of a text, where nothing else is said


class Given(BaseModel):
    """What is asked for: a query or a body. An unknown field is a mistake of who asks."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=LONGEST, allow_inf_nan=False)


class Shown(BaseModel):
    """What is answered; no credential is ever among it."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _of_these_ages(time: datetime) -> datetime:
    """What is far from it cannot be counted with."""
    if not 1970 <= time.year < 9000:
        raise ValueError("It is of the years 1970 to 8999")
    return time


Moment = Annotated[AwareDatetime, AfterValidator(_of_these_ages)]
Slug = Annotated[str, Field(min_length=1, max_length=40, examples=["acme"])]
Id = Annotated[int, Field(ge=1, le=LARGEST)]
Time = Annotated[
    datetime,
    PlainSerializer(_written, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}, description="In UTC."),
]
