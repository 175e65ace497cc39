"""The first steps as a page: what is done, what is left, and where it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from conserje.operations import first_steps
from conserje.operations.first_steps import Step
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Seen, view
from conserje_edge.console.start.business import NO_MAIL
from conserje_edge.console.start.findings import words
from conserje_edge.console.start.standing import SAID


@dataclass(frozen=True, slots=True)
class Told:
    """What a step is called, what is left to do, and the page on which it is done."""

    title: str
    todo: str
    page: str
    label: str


TOLD: Mapping[str, Told] = {
    "look": Told(
        N_("A picture of your shop"),
        N_("Give your chat page your picture and your colour, so that customers know where they are."),
        "page",
        N_("Choose a picture"),
    ),
    "hours": Told(
        N_("Opening hours"),
        N_("Say when you are open: customers ask for it most, and nobody promises them a person at night."),
        "start/hours",
        N_("Write your hours"),
    ),
    "products": Told(
        N_("Products"),
        N_("Add what you sell, one by one or as a list: the assistant names no price that is not there."),
        "products",
        N_("Add products"),
    ),
    "knowledge": Told(
        N_("What you tell customers"),
        N_("Say how you deliver, how one pays and where you are: the assistant answers with your words."),
        "knowledge?tab=facts",
        N_("Write it down"),
    ),
    "account": Told(
        N_("A number that works"),
        N_("Connect the number to which your customers write."),
        "accounts/new",
        N_("Connect a number"),
    ),
    "page": Told(
        N_("Your chat page"),
        N_("Open your page and write something, as a customer would: you see at once how it answers."),
        "page",
        N_("Look at the page"),
    ),
    "people": Told(
        N_("Somebody who is told"),
        N_("Name who is told when a customer waits for a person: by mail, or your own system."),
        "people",
        N_("Name somebody"),
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A step as the page shows it."""

    step: Step
    title: str
    text: str
    href: str
    label: str


@view("tenant.read")
async def steps(asked: Asked) -> Seen:
    async with asked.context.pool.acquire() as connection:
        found = await first_steps.read(asked.context, connection, asked.tenant)
    shown = [_shown(asked, each) for each in found]
    done = sum(each.state == "ok" for each in found)
    return Seen("start/steps.html", {"shown": shown, "done": done, "words": partial(words, asked)})


def _shown(asked: Asked, step: Step) -> Shown:
    told = TOLD[step.name]
    text, page, label = told.todo, told.page, told.label
    if step.name == "account" and step.account_id is not None:
        text, page, label = SAID[step.why].text, f"accounts/{step.account_id}", N_("Look at it")
    if step.why == "no-mail":
        text, page, label = NO_MAIL, "start/business", N_("Look at it")
    path, mark, query = page.partition("?")
    href = asked.to(*path.split("/")) + mark + query
    return Shown(step, asked._(told.title), asked._(text) if text else "", href, asked._(label))
