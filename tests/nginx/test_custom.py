"""A tenant's own domain: a row and a file, and no reload."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest
from nginx.conftest import CUSTOM, standing
from nginx.gate import BASE

from conserje_nginx.authority import Authority


async def test_a_domain_is_served_as_soon_as_its_certificate_is_there(tmp_path: Path) -> None:
    async with standing(tmp_path) as (caller, _):
        with pytest.raises((ssl.SSLError, httpx2.ConnectError)):
            await caller.ask("new.client.test")
        with pytest.raises(httpx2.TransportError):
            await caller.plain("new.client.test")
        folder = Path(caller.gate.edge.certificates)
        authority = Authority(folder / "authority")
        authority.issue(["new.client.test"], folder / "custom" / "new.client.test.pem")
        answer = await caller.ask("new.client.test", "/bot/twilio/webhook")
        assert answer.json()["headers"]["host"] == ["new.client.test"]
        assert (await caller.plain("new.client.test")).status_code == 308
        assert (await caller.ask(CUSTOM)).status_code == 200


async def test_a_new_certificate_is_served_without_a_reload(tmp_path: Path) -> None:
    async with standing(tmp_path) as (caller, _):
        folder = Path(caller.gate.edge.certificates)
        for host, file in ((f"acme.{BASE}", "wildcard.pem"), (CUSTOM, f"custom/{CUSTOM}.pem")):
            before = await served(caller.gate.https_port, host)
            Authority(folder / "authority").issue([host], folder / file)
            assert await served(caller.gate.https_port, host) != before


async def served(port: int, host: str) -> bytes:
    """The certificate that a new connection is shown."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=unchecked, server_hostname=host)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


@pytest.mark.parametrize("name", ["../wildcard", "..", "a/b.test", ".client.test", "x..client.test"])
async def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    async with standing(tmp_path) as (caller, _):
        request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        answer = await caller.raw(request.encode(), CUSTOM)
        assert answer.split(b" ")[1] in (b"400", b"421")
        assert "No such file" not in caller.gate.errors
