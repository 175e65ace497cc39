"""The plugins that are installed, and those that stand behind a fence."""

from __future__ import annotations

import os

from conserje.plugins import fences, running
from conserje.storage.scope import acting_for_all
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, deed, view

PATH = "/o/plugins"
KINDS = {"channel": N_("Channel"), "assistant": N_("Assistant"), "tool": N_("Tool")}


@view("installation.read", transaction="core")
async def installed(asked: Asked) -> Seen:
    """What is installed where the console runs, what is wrong with it, and who has it."""
    context, living = asked.context, await running.processes(asked.connection)
    values = {
        "rows": running.described(
            os.environ, context.plugins, (), living
        ),  # fences are told of by themselves
        "kinds": KINDS,
        "standing": fences.of_node(context.settings.data_dir).standing(),
    }
    return Seen("operator/plugins.html", values)


@deed("plugin.resume")
async def resume(asked: Asked, name: str) -> See:
    """Let it be called again on this machine, for one tenant or for all."""
    slug = asked.given("tenant") or None
    fences.of_node(asked.context.settings.data_dir).strikes.resume(name, slug)
    asked.of = f"plugin {name}"
    async with acting_for_all(asked.context.pool) as scope:
        await asked.audit(scope.connection)
    asked.flash(asked._("%(name)s is called again.", name=name))
    return See(PATH)


PLACES = (Place(PATH, installed), Place(PATH + "/{name}/resume", post=resume))
