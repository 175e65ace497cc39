"""The places of the talk: one conversation, its contact, and what people have prepared to say."""

from __future__ import annotations

from conserje_edge.console.place import Place
from conserje_edge.console.talk import contact, conversation, prepared, saying, suggesting, why

_CONVERSATION = "/t/{slug}/desk/{conversation}"
_CONTACT = "/t/{slug}/contacts/{contact}"
_PREPARED = "/t/{slug}/prepared"

PLACES: tuple[Place, ...] = (
    Place(_CONVERSATION, conversation.conversation),
    Place(f"{_CONVERSATION}/here", conversation.here),
    Place(f"{_CONVERSATION}/take", post=conversation.take),
    Place(f"{_CONVERSATION}/give", post=conversation.give),
    Place(f"{_CONVERSATION}/say", post=saying.say),
    Place(f"{_CONVERSATION}/suggest", post=suggesting.suggest),
    Place(f"{_CONVERSATION}/note", post=conversation.note),
    Place(f"{_CONVERSATION}/again", post=conversation.think_again),
    Place(f"{_CONVERSATION}/messages/{{message}}/again", post=conversation.again),
    Place(f"{_CONVERSATION}/why/{{message}}", why.why),
    Place(_CONTACT, contact.contact, contact.rename),
    Place(f"{_CONTACT}/consent/{{conversation}}", post=contact.decide),
    Place(f"{_CONTACT}/export", post=contact.export),
    Place(f"{_CONTACT}/forget", contact.forget_page, contact.forget),
    Place(_PREPARED, prepared.answers, prepared.add),
    Place(f"{_PREPARED}/{{answer}}", post=prepared.change),
    Place(f"{_PREPARED}/{{answer}}/remove", post=prepared.remove),
    Place(f"{_PREPARED}/{{answer}}/to/{{conversation}}", prepared.said_to),
)
