"""The list of conversations: in each line who has it, who wrote last, how long it waits."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.conversations import desk, reads, search
from conserje.conversations.desk import COUNTED, Author, Line, Tab
from conserje.conversations.paging import LAST_ID
from conserje.operations import first_steps
from conserje_edge.console.asked import Asked
from conserje_edge.console.desk import words
from conserje_edge.console.desk.question import Id, Question, question, written
from conserje_edge.console.languages import N_
from conserje_edge.console.place import SIGNED_IN, Place, See, Seen, deed, view

ROWS = 50
PEOPLE = 10  # of a search, before the messages
MOST_UNREAD = 9
LONGEST_NAME = 60
TABS: dict[Tab, str] = {
    "waiting": N_("Waiting for a person"),
    "mine": N_("Yours"),
    "assistant": N_("The assistant's"),
    "all": N_("Every conversation"),
    "held": N_("On hold"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation as the list shows it."""

    line: Line
    name: str
    by: str  # who wrote last; the contact: ''
    words: str
    kind: str  # of the badge
    who: str  # has it
    cause: str  # why it is held
    unread: str

    @property
    def rev(self) -> str:
        """What is another when something has happened that one should look at."""
        line = self.line
        return f"{line.last_id}.{line.state}.{line.login_id}.{line.person}"


@view("conversation.read", transaction="tenant")
async def conversations(asked: Asked) -> Seen:
    asks = question(asked)
    return await (_found(asked, asks) if asks.text else _listed(asked, asks))


async def _listed(asked: Asked, asks: Question) -> Seen:
    assert asked.entry is not None
    place = (asked.connection, asked.tenant.id, asked.person.login_id)
    counts = await desk.counts(*place)
    part = await desk.find(*place, asks.tab, ROWS, wanted=asks.wanted, after=asks.after)
    values = {
        "asks": asks,
        "tabs": [(tab, asked._(label), _count(counts[tab])) for tab, label in TABS.items()],
        "rows": [row(asked, line) for line in part.lines],
        "next": written(part.next),
        "accounts": asked.entry.accounts,
        "waiting": _count(counts["waiting"]),
        "is_new": not counts["all"],
        "left": await _left(asked, asks),
    }
    return Seen("desk/conversations.html", values)


async def _left(asked: Asked, asks: Question) -> int:
    """How many first steps its owner has before them; an open page does not ask again."""
    if asks.after or "x-live" in asked.request.headers or not asked.may("account.change"):
        return 0
    steps = await first_steps.read(asked.context, asked.connection, asked.tenant)
    return sum(each.state != "ok" for each in steps)


async def _found(asked: Asked, asks: Question) -> Seen:
    """By name and number the newest, then by words, part by part."""
    place = (asked.connection, asked.tenant.id)
    people = search.People([], None)
    if asks.before is None:
        people = await search.people(*place, asks.text, PEOPLE, asks.after)
    said, before = search.Sayings([], None)
    if asks.after is None:
        said, before = await search.said(*place, asks.text, ROWS, asks.before or LAST_ID)
    newest = {each.conversation_id: each for each in reversed(said)}
    ids = [*people.conversations, *reversed(newest)]
    lines = {line.id: line for line in await desk.lines(*place, asked.person.login_id, ids)}
    values = {
        "asks": asks,
        "people": [row(asked, lines[id]) for id in people.conversations],
        "said": [
            (row(asked, lines[id]), each.at, words.around(asked, each.content, asks.text))
            for id, each in reversed(newest.items())
        ],
        "next": written(people.next),
        "before": before,
    }
    return Seen("desk/found.html", values)


def row(asked: Asked, line: Line) -> Row:
    """What the list says of a conversation."""
    kind, who = _owner(asked, line)
    name = line.name or line.contact.partition(":")[2] or line.contact or asked._("Forgotten")
    return Row(
        line,
        name=name[:LONGEST_NAME],
        by=_author(asked, line) if line.last else "",
        words=words.line(asked, line.last) if line.last else "",
        kind=kind,
        who=who[:LONGEST_NAME],
        cause=(line.cause or "")[: words.LONGEST] if line.state == "held" else "",
        unread=f"{MOST_UNREAD}+" if line.unread > MOST_UNREAD else str(line.unread or ""),
    )


def _owner(asked: Asked, line: Line) -> tuple[str, str]:
    if line.state == "held":
        return "bad", asked._("Is held")
    if line.state == "open":
        return "calm", asked._("Assistant")
    if line.person is None:
        return "warn", asked._("Nobody yet")
    mine = line.login_id == asked.person.login_id
    return "good", asked._("You") if mine else line.person or asked._("Somebody")


def _author(asked: Asked, line: Line) -> str:
    by: dict[Author, str] = {
        "contact": "",
        "assistant": asked._("Assistant"),
        "person": line.signed or asked._("Somebody"),
        "business": asked._("Sent by the shop"),
    }
    return by[line.author]


def _count(number: int) -> str:
    return f"{COUNTED - 1}+" if number >= COUNTED else str(number or "")


@deed(SIGNED_IN, transaction="tenant")
async def mark_unread(asked: Asked, conversation: Id) -> See:
    """Nothing that the audit keeps: it changes what this login is shown, and nothing else."""
    await reads.mark_unread(asked.connection, asked.tenant.id, asked.person.login_id, conversation)
    return See(asked.to("desk"))


PLACES = (
    Place("/t/{slug}/desk", conversations),
    Place("/t/{slug}/desk/{conversation}/unread", post=mark_unread),
)
