"""The machines: which processes live, what waits in the queue, and which versions are there."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from conserje.conversations import backlog
from conserje.storage import queue
from conserje.storage.schema import migrations, schema_version
from conserje.telemetry import heartbeat, metrics
from conserje.telemetry.heartbeat import Living
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, Seen, view

KINDS = {"edge": N_("Takes messages"), "work": N_("Answers")}


@view("installation.read", transaction="core")
async def nodes(asked: Asked) -> Seen:
    connection = asked.connection
    living = await heartbeat.living(connection)
    values = {
        "processes": [_shown(each) for each in living],
        "idle": {kind: not any(each.kind == kind for each in living) for kind in KINDS},
        "load": await queue.load(connection),
        "uncertain": await backlog.uncertain(connection),
        "waiting": sum(each.messages for each in await backlog.waiting(connection)),
        "version": version("conserje"),
        "schema": (await schema_version(connection), migrations()[-1].version),
    }
    return Seen("operator/nodes.html", values)


def _shown(process: Living) -> dict[str, Any]:
    machine, _, number = process.process.rpartition(":")
    return {
        "machine": machine,
        "number": number,
        "kind": KINDS[process.kind],
        "megabytes": metrics.resident_bytes(process.counted) // 2**20,
    }


PLACES = (Place("/o/nodes", nodes),)
