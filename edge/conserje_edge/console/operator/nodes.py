"""The machines: which processes live, what waits in the queue, and which versions are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        "spools": _spools(living),
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
        "megabytes": metrics.of_process(process.counted, metrics.RESIDENT) // 2**20,
    }


def _spools(living: Sequence[Living]) -> dict[str, float]:
    """The megabytes that wait on machines' disks; all processes of one write to the same file."""
    found: dict[str, float] = {}
    for each in living:
        machine = each.process.rpartition(":")[0]
        if size := metrics.of_process(each.counted, metrics.SPOOL):
            found[machine] = max(found.get(machine, 0), math.ceil(size / 2**20 * 10) / 10)
    return found


PLACES = (Place("/o/nodes", nodes),)
