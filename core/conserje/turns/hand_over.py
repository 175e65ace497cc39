"""Core's own tool by which an assistant hands the conversation over to a person, and says why."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from conserje.contract.assistant import Result
from conserje.contract.channel import Nothing
from conserje.contract.tool import Call, Tool


class Reason(BaseModel):
    """Why a person is needed."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        min_length=1, max_length=200, description="Why, in a few words that the business's people read."
    )


class HandOver(Tool[Reason, Nothing, Nothing, Nothing]):
    """Lets a person answer from here on."""

    name = "hand_over"
    description = (
        "Hands the conversation over to a person of the business, who reads the reason: where the contact"
        " asks for one, complains, or wants what only a person can do. Your reply is still sent; then you are"
        " silent."
    )
    Parameters = Reason
    Credentials = Settings = Operator = Nothing

    async def run(self, call: Call[Reason, Nothing, Nothing]) -> Result:
        reason = " ".join(call.arguments.reason.split())
        return Result("A person will answer: say so.", shown=reason, hand_over=reason)
