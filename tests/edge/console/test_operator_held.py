"""What is held is seen by its cause; all of one cause is tried again, or dropped, and nothing beside it."""

from __future__ import annotations

from people import House
from trouble import TROUBLE

STATES = "SELECT count(*) FROM rejects WHERE dropped_at IS NULL"
CAUSE = "/o/held?kind=r&cause=It+is+of+another+kind"


async def test_a_cause_is_a_line_over_all_tenants(console: House) -> None:
    for slug in ("acme", "bravo"):
        await console.pool.execute(TROUBLE, await console.tenant(slug))
    operator = await console.as_operator("reader")
    page = await operator.get("/o/held")
    assert page.links["It is of another kind"] == CAUSE
    matching = await operator.get(CAUSE)
    assert "2 held" in matching.text
    assert "acme" in matching.links
    assert "Drop" not in matching.text  # a reader looks on


async def test_all_of_a_cause_are_dropped_at_one_tenant(console: House) -> None:
    for slug in ("acme", "bravo"):
        await console.pool.execute(TROUBLE, await console.tenant(slug))
    operator = await console.as_operator("operator")
    done = await operator.post("/o/held/drop", cause="of another kind", tenant="acme", kind="r")
    assert "1 is dropped." in (await operator.follow(done)).text
    assert await console.pool.fetchval(STATES) == 1
    [line] = await console.pool.fetch("SELECT act, after FROM audit")
    assert line["act"] == "held.change"


async def test_without_a_cause_nothing_is_dropped(console: House) -> None:
    await console.pool.execute(TROUBLE, await console.tenant("acme"))
    operator = await console.as_operator("operator")
    await operator.post("/o/held/drop")
    await operator.post("/o/held/drop", kind="r")
    assert await console.pool.fetchval(STATES) == 1


async def test_what_cannot_be_read_is_not_tried_again(console: House) -> None:
    await console.pool.execute(TROUBLE, await console.tenant("acme"))
    operator = await console.as_operator("operator")
    done = await operator.post("/o/held/retry", cause="kind")
    assert "0 are tried again." in (await operator.follow(done)).text
    assert await console.pool.fetchval(STATES) == 1
