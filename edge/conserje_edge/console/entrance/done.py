"""What was done, in words."""

from __future__ import annotations

from conserje_edge.console.languages import N_

DONE = {
    "account.change": N_("An account was changed"),
    "account.check": N_("An account was tried"),
    "assistant.change": N_("The assistant was changed"),
    "assistant.try": N_("The assistant was tried"),
    "backup.make": N_("A backup was made"),
    "bound.change": N_("A bound was changed"),
    "contact.change": N_("A contact was changed"),
    "contact.export": N_("A contact was handed out"),
    "contact.forget": N_("A contact was forgotten"),
    "conversation.give": N_("A conversation was given back"),
    "conversation.note": N_("A note was written"),
    "conversation.read": N_("A conversation was read"),
    "conversation.say": N_("A contact was written to"),
    "conversation.suggest": N_("The assistant was asked for words"),
    "conversation.take": N_("A conversation was taken"),
    "held.change": N_("Something held was retried or dropped"),
    "key.change": N_("An API key was made or revoked"),
    "knowledge.change": N_("Knowledge was changed"),
    "lead.change": N_("A lead was changed"),
    "login.change": N_("Logins were changed"),
    "me.change": N_("One's own page was changed"),
    "me.secure": N_("One's own password or passkeys were changed"),
    "people.change": N_("People were changed"),
    "plugin.resume": N_("A plugin was resumed"),
    "prepared.change": N_("A prepared answer was changed"),
    "product.change": N_("Products were changed"),
    "subscription.change": N_("A subscription was changed"),
    "tenant.add": N_("A tenant was added"),
    "tenant.change": N_("The business was changed"),
    "tenant.suspend": N_("A tenant was suspended or resumed"),
}
"""By the act, whoever did it."""
