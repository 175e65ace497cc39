"""A file that a person of the tenant sends from disk, through the real processes: by Twilio, on the page."""

from __future__ import annotations

from pathlib import Path

import httpx2
from installation import Installation, until_taken
from processes import Serving, run_to_end
from waiting import LIMIT, until

ANA = "whatsapp:+56911111111"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3000


async def send(installation: Installation, slug: str, path: Path) -> str:
    """Ana's conversation is taken over, and a file is sent in it; what its message says to an operator."""
    [conversation] = await installation.read("conversation", "list", slug)
    id = str(conversation["id"])
    code, _, errors = await run_to_end(installation.environment, "conversation", "take", slug, id)
    assert code == 0, errors
    sent = await installation.read("message", "send", slug, id, "Tu boleta", "--file", str(path))
    assert {each["state"] for each in sent} <= {"sent", "delivered"}, sent
    return id


async def test_twilio_fetches_it_from_the_tenant_s_host_and_delivers_it(
    house: tuple[Installation, Serving], tmp_path: Path
) -> None:
    installation, server = house
    await installation.add("boletas")
    await until_taken(server, installation.message("boletas", ANA, "hola"))
    await installation.until_settled()
    (tmp_path / "boleta.pdf").write_bytes(PDF)
    await send(installation, "boletas", tmp_path / "boleta.pdf")
    message, words = [each for each in installation.twilio.messages if each.to == ANA][-2:]
    assert words.body == "Tu boleta"  # Twilio drops words that come with a document
    await until(lambda: message.status == "delivered")  # it looks at type, size and bytes
    [address] = message.media
    async with httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        host = {"host": address.partition("//")[2].partition("/")[0]}
        got = await http.get(address.replace("boletas.localhost", "127.0.0.1"), headers=host)
    assert got.content == PDF and "boleta.pdf" in got.headers["content-disposition"]


async def test_a_text_is_no_file_that_whatsapp_shows_by_twilio(
    house: tuple[Installation, Serving], tmp_path: Path
) -> None:
    installation, server = house
    await installation.add("textos")
    await until_taken(server, installation.message("textos", ANA, "hola"))
    await installation.until_settled()
    (tmp_path / "nota.txt").write_text("hola")
    [conversation] = await installation.read("conversation", "list", "textos")
    id = str(conversation["id"])
    await run_to_end(installation.environment, "conversation", "take", "textos", id)
    words = ("message", "send", "textos", id, "--file", str(tmp_path / "nota.txt"))
    code, _, errors = await run_to_end(installation.environment, *words)
    assert code == 1 and "nota.txt cannot be sent: it is text/plain, and the channel takes " in errors


async def test_on_the_page_it_is_in_the_feed(house: tuple[Installation, Serving], tmp_path: Path) -> None:
    installation, _ = house
    code, _, errors = await run_to_end(installation.environment, "tenant", "add", "pagina", "--name", "P")
    assert code == 0, errors
    code, _, errors = await run_to_end(installation.environment, "say", "pagina", "hola", "--channel", "web")
    assert code == 0, errors
    (tmp_path / "boleta.pdf").write_bytes(PDF)
    id = await send(installation, "pagina", tmp_path / "boleta.pdf")
    shown = await installation.read("conversation", "show", "pagina", id)
    assert "[application/pdf boleta.pdf] Tu boleta" in [item.get("content") for item in shown["said"]]
