"""Why a message was said, or answered so: the assistant, what it called, what it did."""

from __future__ import annotations

from conserje.access import audit
from conserje.conversations import effects, listing
from conserje.conversations.handling import no_conversation
from conserje.costs import ledger
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Seen, view

EFFECTS = {
    "queued": N_("to be done"),
    "doing": N_("being done"),
    "done": N_("done"),
    "failed": N_("failed"),
    "uncertain": N_("not known whether it was done"),
    "dropped": N_("given up"),
}


@view("conversation.read", transaction="tenant")
async def why(asked: Asked, conversation: int, message: int) -> Seen:
    connection, tenant_id = asked.connection, asked.tenant.id
    found = await listing.explained(connection, tenant_id, message)
    if found is None or found.message.conversation_id != conversation:
        raise no_conversation(asked.tenant, conversation)
    await audit.reading(
        connection,
        asked.person,
        tenant_id,
        conversation,
        address=asked.address,
        request_id=asked.request_id,
    )
    done, cost = [], None
    if found.turn:
        done = await effects.of_turn(connection, tenant_id, conversation, found.turn.id)
        lines = await ledger.of_turn(connection, tenant_id, conversation, found.turn.id, message)
        cost = sum(line.usd for line in lines if line.usd) or None
    values = {"why": found, "effects": done, "effect_states": EFFECTS, "cost": cost}
    return Seen("talk/why.html", {**values, "conversation": conversation})
