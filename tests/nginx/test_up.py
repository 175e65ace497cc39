"""`conserje up --demo --edge`: the demo behind nginx, with certificates by an authority of this machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from debian import require
from processes import Running, alive, bare_environment, family, free_port, new_folder, run_to_end, running
from system.test_up import BANNER_ENDS, free_ports
from terminal import Terminal
from waiting import LIMIT, until

from conserje.settings import Settings, SettingsError
from conserje_nginx.local import prepare

pytestmark = pytest.mark.timeout(300)  # many processes start and end


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    require("nginx", "nginx")
    with new_folder() as folder:
        yield bare_environment() | {
            "CONSERJE_DATA_DIR": str(folder),
            "CONSERJE_LISTEN": f"127.0.0.1:{free_ports()}",
            "CONSERJE_OPERATOR_LISTEN": f"{folder}/operator.sock",
            "CONSERJE_CONSOLE_LISTEN": f"{folder}/console.sock",
            "CONSERJE_WORKERS": "1",
            "CONSERJE_HTTP_LISTEN": f"127.0.0.1:{free_port()}",
            "CONSERJE_HTTPS_LISTEN": f"127.0.0.1:{free_port()}",
            "EDGE": "1",
        }


@asynccontextmanager
async def up(environment: dict[str, str]) -> AsyncIterator[Running]:
    """Everything, until Ctrl-C; nothing of it stays."""
    log = Path(environment["CONSERJE_DATA_DIR"], "up.log")
    async with running(environment, "up", "--demo", log=log) as started:
        await until(lambda: BANNER_ENDS in started.said or started.process.returncode is not None)
        assert BANNER_ENDS in started.said, started.said
        members = family(started.pid)
        yield started
        os.killpg(started.pid, signal.SIGINT)
        assert await started.process.wait() == 0
        assert not [member for member in members if alive(member)]
        assert "Traceback" not in started.said
    log.unlink()


def authority(started: Running) -> Path:
    """The file that the banner names."""
    found = re.search(r"Its authority: (.+\.pem),", started.said)
    assert found, started.said
    return Path(found[1])


@pytest.mark.long
async def test_the_demo_is_reached_by_tls_and_twilio_s_stand_in_reaches_it(
    environment: dict[str, str],
) -> None:
    port = int(environment["CONSERJE_LISTEN"].rpartition(":")[2])
    https = environment["CONSERJE_HTTPS_LISTEN"].rpartition(":")[2]
    host, folder = f"acme.conserje.localhost:{https}", Path(environment["CONSERJE_DATA_DIR"])
    async with up(environment) as started:
        assert f"https://{host}\n" in started.said.replace("  ", "\n")
        trust = ssl.create_default_context(cafile=str(authority(started)))
        async with httpx2.AsyncClient(verify=trust, timeout=LIMIT, trust_env=False) as client:
            page = await client.get(
                f"https://127.0.0.1:{https}/",
                headers={"host": host},
                extensions={"sni_hostname": "acme.conserje.localhost"},
            )
            assert page.status_code == 200 and "<html" in page.text
            stand_in = f"http://127.0.0.1:{port + 10}/_stand-in"
            [sid, *_] = re.findall(r"AC[0-9a-f]{32}", (folder / "demo-twilio-accounts.json").read_text())
            form = {
                "AccountSid": sid,
                "From": "whatsapp:+56911111111",
                "To": "whatsapp:+56900000101",
                "Body": "wena loco",
            }
            form |= {"MessageSid": "SM" + "1" * 32, "NumMedia": "0"}
            order = {"url": f"https://{host}/bot/twilio/webhook", "form": form}
            told = (await client.post(f"{stand_in}/deliver", json=order)).json()
            assert (told["status"], told["attempts"]) == (200, 1), told
        # What it says by itself, and reports of what it sent, come by the edge as well.
        code, _, errors = await run_to_end(environment, "say", "acme", "que vaporizador tienes")
        assert code == 0, errors
        log = folder / "edge" / "access.log"
        await until(lambda: '"path":"/bot/twilio/status"' in log.read_text())
        assert not re.search(r'"path":"/bot/[^}]*"status":[45]', log.read_text())


async def test_the_authority_is_made_once_and_its_key_is_for_nobody_else(terminal: Terminal) -> None:
    require("nginx", "nginx")
    first = await terminal.read("edge", "prepare")
    certificate = Path(first["authority"])
    before = certificate.read_bytes()
    again = await terminal.read("edge", "prepare")
    assert again == first and certificate.read_bytes() == before
    keys = [certificate.with_name("ca.key"), certificate.parents[1] / "certificates" / "wildcard.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys} == {0o600}


async def test_a_taken_port_is_said_before_anything_is_started(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment["CONSERJE_HTTPS_LISTEN"] = f"127.0.0.1:{taken.getsockname()[1]}"
        code, output, errors = await run_to_end(environment, "up", "--demo")
    assert (code, output) == (1, "")
    assert "or set CONSERJE_HTTPS_LISTEN" in errors
    assert not (Path(environment["CONSERJE_DATA_DIR"]) / "postgres").exists()


async def test_variables_of_the_edge_are_settings_like_others(terminal: Terminal) -> None:
    require("nginx", "nginx")
    said = await terminal.type("edge", "prepare", HTTPS_LISTEN="8443", code=1)
    assert "CONSERJE_HTTPS_LISTEN: '8443' is no address:port" in said.stderr
    said = await terminal.type("tenant", "list", UPSTREAMS="x", code=1)
    assert "CONSERJE_UPSTREAMS is no setting of Conserje or of a plugin: the nearest is" in said.stderr


def test_where_nginx_is_not_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(SettingsError, match="apt install nginx"):
        prepare(Settings(data_dir=tmp_path), "127.0.0.1:8081", "127.0.0.1:8443", "meta=3m")
