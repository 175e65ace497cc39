"""Core's own tool by which an assistant keeps that a contact wants something of a person."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from conserje.contract.assistant import Result
from conserje.contract.channel import Nothing
from conserje.contract.tool import Call, Lead, Tool


class Wish(BaseModel):
    """What a contact wants, as they said it."""

    model_config = ConfigDict(extra="forbid")

    wanted: str = Field(
        min_length=1, max_length=500, description="What the contact wants, with the product's name."
    )
    name: str = Field("", max_length=100, description="The contact's name, only if they said it.")
    phone: str = Field("", max_length=40, description="The phone to call, only if they said it.")
    when: str = Field("", max_length=100, description="When to call or tell, in the contact's words.")


class OpenLead(Tool[Wish, Nothing, Nothing, Nothing]):
    """Keeps a lead, which is given to a person of the tenant."""

    name = "lead"
    description = (
        "Keeps for a person of the business that the contact wants something later: to be told when a product"
        " arrives, to be called, a quotation, a visit. The person is told, with how to reach the contact."
    )
    effect = repeatable = True
    Parameters = Wish
    Credentials = Settings = Operator = Nothing

    async def run(self, call: Call[Wish, Nothing, Nothing]) -> Result:
        said = call.arguments
        lead = Lead(said.wanted, said.name, said.phone, said.when)
        if not await call.leads.open(lead):
            return Result("It says nothing, or the contact has too many open leads.", failed=True)
        return Result("Kept.", shown=said.wanted)
