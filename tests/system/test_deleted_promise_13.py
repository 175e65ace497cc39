"""Promise 13 through the real processes, at Meta: edited, deleted, or said by the business itself."""

from __future__ import annotations

from typing import Any

from installation import Installation
from waiting import until

from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.server import serving

OWN, SECRETS = "110000000000001", ("EAAficha", "s3creto")
EDITING, DELETING, TALKING, SEEING, ASKING = (f"5691111111{n}" for n in range(5))


def text(id: str, words: str) -> dict[str, Any]:
    return {"id": id, "type": "text", "text": {"body": words}}


def edit(id: str, of: str, words: str) -> dict[str, Any]:
    message = {"type": "text", "text": {"body": words}}
    return {"id": id, "type": "edit", "edit": {"original_message_id": of, "message": message}}


def revoke(id: str, of: str) -> dict[str, Any]:
    return {"id": id, "type": "revoke", "revoke": {"original_message_id": of}}


async def receive(meta: StandIn, contact: str, message: dict[str, Any]) -> None:
    _, taken = meta.receive(OWN, contact, message)
    await taken


async def echo(meta: StandIn, contact: str, message: dict[str, Any]) -> None:
    said = {"from": "15550000001", "to": contact, "timestamp": str(int(meta.now())), **message}
    await meta.tell(OWN, "smb_message_echoes", {"message_echoes": [said]})


async def test_what_was_edited_deleted_or_said_by_the_business_counts(installation: Installation) -> None:
    await installation.add_at_meta("acme", OWN, *SECRETS)
    port = installation.environment["CONSERJE_LISTEN"].rpartition(":")[2]
    own = f"http://acme.localhost:{port}/bot/meta/webhook"
    app = create([Number(OWN, *SECRETS, own)])
    meta: StandIn = app.state.stand_in
    await installation.pool.execute("UPDATE tenants SET assistant = 'echo'")
    async with serving(app) as url:
        installation.environment["CONSERJE_META_BASE_URL"] = url
        async with installation.serving(), installation.working():
            await receive(meta, EDITING, edit("w.x2", "w.x1", "tienes pan integral?"))
            await receive(meta, EDITING, text("w.x1", "tienes queso?"))
            await receive(meta, DELETING, text("w.r1", "mi clave es 1234"))
            await receive(meta, DELETING, revoke("w.r2", "w.r1"))
            await echo(meta, TALKING, text("w.E1", "Hola, yo te atiendo"))
            await receive(meta, TALKING, text("w.t1", "gracias"))
            picture = {"id": "9", "mime_type": "image/jpeg", "caption": "la carta"}
            await echo(meta, SEEING, {"id": "w.E2", "type": "image", "image": picture})
            await receive(meta, SEEING, text("w.s1", "qué rico"))
            await receive(meta, ASKING, text("w.a1", "hola"))
            await until(lambda: meta.sent(OWN, EDITING) and meta.sent(OWN, ASKING))
            await installation.until_settled()
            listed = await installation.read("message", "list", "acme")
    assert meta.sent(OWN, EDITING) == ["tienes pan integral?"]
    assert [meta.sent(OWN, contact) for contact in (DELETING, TALKING, SEEING)] == [[], [], []]
    assert "1234" not in str(listed)
    said = [
        (each["contact"], each["state"], each["content"]) for each in listed if each.get("direction") == "out"
    ]
    assert (TALKING, "sent", "Hola, yo te atiendo") in said
    assert (SEEING, "sent", "[image/jpeg] la carta") in said
