"""The real server, over real sockets: what it passes on, and how it starts, ends and survives."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import signal
import socket
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import asyncpg
import pytest
from processes import Serving, alive, bare_environment, free_port, run_to_end, running, serving
from signed import sign
from terminal import Terminal
from twilio.request_validator import RequestValidator
from waiting import LIMIT, until

from conserje.settings import SettingsError
from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje.tenants.vault import Vault
from conserje_edge.server.serve import goes_on
from conserje_edge.server.supervisor import ENDING
from conserje_edge.wire.addresses import Address, address, require_free

SECRET = "s3cret-of-acme"
HERE = Path(__file__).parents[2]


async def post(server: Serving, number: int = 1, **headers: str) -> int:
    return await server.status(message(number, **headers))


def message(number: int = 1, url: str = "http://acme.localhost/bot/signed/webhook", **headers: str) -> bytes:
    """A signed request of one message."""
    body = f"to=%2B1&from=ana&id={number}&text=n{number}".encode()
    host, _, target = url.partition("://")[2].partition("/")
    lines = {
        "Host": host,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
        "X-Signature": sign(SECRET, url, body),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /{target} HTTP/1.1\r\n{head}\r\n".encode() + body


@pytest.fixture
def environment(tmp_path: Path, database_url: str, keyring: Path) -> dict[str, str]:
    """An installation that has the channel `signed`, as an installed plugin."""
    plugin = tmp_path / "plugin" / "signed-1.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: signed\nVersion: 1\n")
    (plugin / "entry_points.txt").write_text("[conserje.channels]\nsigned = signed:Signed\n")
    return {
        **bare_environment(),
        "PYTHONPATH": f"{plugin.parent}{os.pathsep}{HERE}",
        "CONSERJE_DATABASE_URL": database_url,
        "CONSERJE_MASTER_KEYS_FILE": str(keyring),
        "CONSERJE_DATA_DIR": str(tmp_path),
        "CONSERJE_LISTEN": f"127.0.0.1:{free_port()}",
        "CONSERJE_OPERATOR_LISTEN": str(tmp_path / "operator.sock"),
        "CONSERJE_CONSOLE_LISTEN": str(tmp_path / "console.sock"),
    }


@pytest.fixture
async def acme(pool: Pool, keyring: Path) -> None:
    """The tenant acme and its account `+1`."""
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, "acme", "Acme")
        plain = json.dumps({"secret": SECRET}).encode()
        sealed = await accounts.seal_credentials(
            connection, Vault.read(keyring), tenant.id, "signed", "+1", plain
        )
        await accounts.add(connection, tenant.id, "signed", "+1", credentials=sealed)


async def texts(pool: Pool) -> set[str]:
    return {json.loads(row["content"])["text"] for row in await pool.fetch("SELECT content FROM messages")}


HEAD = b"Host: acme.localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
TARGET = b"POST /bot/signed/webhook HTTP/1.1\r\n"


@pytest.mark.usefixtures("acme")
async def test_raw_requests(environment: dict[str, str], pool: Pool) -> None:
    """One server, since starting it costs a second; each line is a case of its own."""
    async with serving(environment) as server:
        status = server.status
        assert await post(server, 1) == 200

        # Hosts.
        assert await status(b"GET / HTTP/1.1\r\nHost: acme.localhost\r\nHost: bravo.localhost\r\n\r\n") == 400
        assert await status(b"GET / HTTP/1.1\r\nHost: acme.localhost\r\nHost: acme.localhost\r\n\r\n") == 400
        assert await status(b"GET / HTTP/1.1\r\n\r\n") == 400
        assert await status(b"GET / HTTP/1.0\r\n\r\n") == 400
        assert await status(b"GET / HTTP/1.1\r\nHost:\r\n\r\n") == 400
        assert await status(b"GET / HTTP/1.1\r\nHost: acme.localhost\xe9\r\n\r\n") == 404

        # Of an absolute target only path and query count: tenant and signed URL are Host's.
        absolute = message(2).replace(b"POST /", b"POST http://bravo.localhost/", 1)
        assert await status(absolute) == 200

        # Targets come raw.
        assert await status(b"POST /bot/../bot/signed/webhook HTTP/1.1\r\n" + HEAD + b"\r\n") == 404
        assert await status(b"POST /bot/signed/%77ebhook HTTP/1.1\r\n" + HEAD + b"\r\n") == 404
        assert await status(b"POST //bot/signed/webhook HTTP/1.1\r\n" + HEAD + b"\r\n") == 404
        assert await status(b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n") == 404
        awkward = "http://acme.localhost:8443/bot/signed/webhook?a=%20+b&c=%C3%B1%c3&d=a%2Fb//../&d=&e"
        assert await status(message(3, awkward)) == 200
        assert await status(message(5).replace(b"/webhook ", b"/webhook? ", 1)) == 200  # is not seen

        # Sizes.
        assert await status(TARGET + HEAD + b"Content-Length: 5001\r\n\r\n" + b"x" * 5001) == 413
        assert await status(TARGET + HEAD + b"Content-Length: 99999999999999\r\n\r\nx") == 413
        expecting = TARGET + HEAD + b"Content-Length: 5001\r\nExpect: 100-continue\r\n\r\n"
        assert await status(expecting) == 413
        chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        chunked = TARGET + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        assert await status(chunked + chunk * 6) == 413
        assert await status(TARGET + HEAD + b"Content-Length: 10\r\n\r\nto=1", half_close=True) == 400
        assert await status(TARGET + HEAD + b"Content-Length: -1\r\n\r\n") == 400
        assert await status(TARGET + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx") == 400

        # A chunked body within the limit is as good as any.
        head, _, body = message(4).partition(b"\r\n\r\n")
        head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
        assert await status(head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)) == 200

        # No second protocol.
        upgrade = (
            b"GET /bot/signed/webhook HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        )
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        assert await status(upgrade + key) == 403
    assert await texts(pool) == {"n1", "n2", "n3", "n4", "n5"}
    assert "Traceback" not in server.log.read_text()


def test_twilio_does_not_sign_a_bare_question_mark() -> None:
    plain = "http://acme.localhost/bot/signed/webhook"
    validator = RequestValidator("12345")  # type: ignore[no-untyped-call]
    signature = validator.compute_signature(plain, {})  # type: ignore[no-untyped-call]
    assert validator.validate(plain + "?", {}, signature)  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("acme")
async def test_a_unix_socket_is_for_its_group_and_its_peer_is_believed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "run.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    environment = {**environment, "CONSERJE_LISTEN": str(path), "CONSERJE_TRUSTED_PROXIES": "203.0.113.1"}
    async with serving(environment) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        https = message(1, "https://acme.localhost/bot/signed/webhook", **{"X-Forwarded-Proto": "https"})
        assert await server.status(https) == 200
        assert await server.status(b"GET / HTTP/1.1\r\nX-Request-Id: id-of-the-proxy\r\n\r\n") == 400
        second = await refused(environment)
        assert second == (1, f"conserje: CONSERJE_LISTEN: {path} is another server's: stop that first.\n")
        assert await post(server, 2) == 200
    assert not path.exists()


@pytest.mark.usefixtures("acme")
async def test_sigterm_lets_requests_in_hand_finish(environment: dict[str, str], database_url: str) -> None:
    async with serving(environment) as server:
        blocker = await asyncpg.connect(database_url)
        _, idle = await server.connect()  # as a proxy keeps them
        try:
            transaction = blocker.transaction()
            await transaction.start()
            await blocker.execute("SET LOCAL ROLE conserje_owner; LOCK messages IN ACCESS EXCLUSIVE MODE")
            in_hand = asyncio.create_task(post(server, 1))
            await _until_blocked(blocker)
            server.process.terminate()
            await _until_refused(server)
            for worker in server.workers:
                for number in ENDING:  # as a terminal tells all, and who stops a service
                    os.kill(worker, number)
            assert not in_hand.done()
            await transaction.rollback()
            assert await in_hand == 200
        finally:
            await blocker.close()
            idle.close()
        assert await asyncio.wait_for(server.process.wait(), LIMIT) == 0


# Other tests' processes wait in other databases of the same server.
BLOCKED = """
SELECT count(*) > 0 FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE NOT granted AND datname = current_database()
"""


async def _until_blocked(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(LIMIT):
        while not await connection.fetchval(BLOCKED):
            await asyncio.sleep(0.01)


async def _until_refused(server: Serving) -> None:
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                _, writer = await server.connect()
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_everything_quietly(environment: dict[str, str], number: int) -> None:
    async with serving(environment) as server:
        workers = server.workers
        assert len(workers) == 2
        server.process.send_signal(number)
        assert await asyncio.wait_for(server.process.wait(), LIMIT) == 0
    assert not [worker for worker in workers if alive(worker)]
    said = server.log.read_text()
    assert said.startswith(f"Listening on http://{server.listen}\n")
    assert "Traceback" not in said


@pytest.mark.parametrize("moment", [0, 0.5, 1.0])
async def test_a_signal_is_heard_while_workers_start(environment: dict[str, str], moment: float) -> None:
    log = Path(environment["CONSERJE_DATA_DIR"]) / "serve.log"
    async with running(environment, "serve", log=log) as started:
        await until(lambda: "Listening" in started.said)
        await asyncio.sleep(moment)  # any is good
        started.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(started.process.wait(), 60) == 0
    assert "Killing" not in started.said  # as granian says of a worker that went on


def test_a_worker_whose_end_another_thread_has_seen_has_ended() -> None:
    process = multiprocessing.get_context("fork").Process(target=signal.pause, daemon=True)
    process.start()
    worker: Any = SimpleNamespace(inner=process)
    assert goes_on(worker)
    process.kill()
    os.waitpid(process.pid or 0, 0)  # as that thread does, which notes it later
    assert process.is_alive()  # it says
    assert not goes_on(worker)


@pytest.mark.usefixtures("acme")
async def test_a_killed_worker_is_replaced_again_and_again(environment: dict[str, str], pool: Pool) -> None:
    async with serving(environment) as server:
        for number in range(1, 4):
            victim = server.workers[0]
            os.kill(victim, signal.SIGKILL)
            await until(partial(replaced, server, victim))
            await until_posted(server, number)
        for worker in server.workers:
            os.kill(worker, signal.SIGKILL)
        await until_posted(server, 4)
    assert await texts(pool) == {"n1", "n2", "n3", "n4"}


def replaced(server: Serving, victim: int) -> bool:
    return len(server.workers) == 2 and victim not in server.workers


@pytest.mark.new_database
@pytest.mark.usefixtures("acme")
async def test_a_worker_that_cannot_start_is_tried_until_it_can(
    environment: dict[str, str], database_url: str
) -> None:
    name = urlsplit(database_url).path.removeprefix("/")
    postgres = await asyncpg.connect(database_url, database="postgres")
    try:
        async with serving(environment) as edge:
            await postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            for worker in edge.workers:
                os.kill(worker, signal.SIGKILL)
            await until(lambda: edge.log.read_text().count("A worker cannot start: Postgres") >= 3)
            await postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await until_posted(edge, 1)
        assert "Traceback" not in edge.log.read_text()
    finally:
        await postgres.close()


async def test_what_twilio_signs_is_taken(environment: dict[str, str], pool: Pool, keyring: Path) -> None:
    """The provider's own library signs, over the public URL that a proxy ends TLS for."""
    token = "0" * 32
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, "bravo", "Bravo")
        plain = json.dumps({"account_sid": "AC" + "1" * 32, "auth_token": token}).encode()
        account = (tenant.id, "twilio", "whatsapp:+56911111111")
        sealed = await accounts.seal_credentials(connection, Vault.read(keyring), *account, plain)
        await accounts.add(connection, *account, credentials=sealed)
    form = {
        "AccountSid": "AC" + "1" * 32,
        "MessageSid": "SM" + "2" * 32,
        "From": "whatsapp:+56922222222",
        "To": "whatsapp:+56911111111",
        "Body": "¿Tienes pan & café?",
        "NumMedia": "0",
        "FromCity": "",
    }
    url = "https://bravo.localhost/bot/twilio/webhook?a=%20+b&c=%C3%B1&d=a%2Fb&e="
    signature = RequestValidator(token).compute_signature(url, form)  # type: ignore[no-untyped-call]
    async with serving(environment) as server:
        for given, status in ((signature, 200), (signature[::-1], 403)):
            body = urlencode(form)
            head = (
                f"POST {url.removeprefix('https://bravo.localhost')} HTTP/1.1\r\nHost: bravo.localhost\r\n"
                f"X-Forwarded-Proto: https\r\nX-Twilio-Signature: {given}\r\nContent-Length: {len(body)}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            )
            assert await server.status((head + body).encode()) == status
    assert await texts(pool) == {"¿Tienes pan & café?"}


async def until_posted(server: Serving, number: int) -> None:
    """As a provider does: again until it is acknowledged."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                if await post(server, number) == 200:
                    return
            except (OSError, IndexError):
                await asyncio.sleep(0.02)


async def refused(environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and errors of a server that does not start, and says nothing else."""
    code, output, errors = await run_to_end(environment, "serve")
    assert output == ""
    return code, errors


async def test_a_postgres_that_is_not_there_is_said_in_one_line(environment: dict[str, str]) -> None:
    elsewhere = {"CONSERJE_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}
    code, output = await refused({**environment, **elsewhere})
    assert code == 1
    assert (
        output.startswith("conserje: Postgres at 127.0.0.1:1 cannot be reached") and output.count("\n") == 1
    )
    assert "hunter2" not in output


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("MASTER_KEYS_FILE", "/nowhere/master.json", "CONSERJE_MASTER_KEYS_FILE"),
        ("DOMAINS", "localhost,co.uk", "CONSERJE_DOMAINS: co.uk is a public suffix"),
        ("TRUSTED_PROXIES", "127.0.0.1,nginx", "CONSERJE_TRUSTED_PROXIES: 'nginx' is neither"),
        ("LISTEN", "8080", "CONSERJE_LISTEN: write host:port, such as"),
        (
            "LISTEN",
            "/nowhere/at/all.sock",
            "CONSERJE_LISTEN: unix:/nowhere/at/all.sock cannot be listened on",
        ),
        ("LISTEN", "203.0.113.7:80", "CONSERJE_LISTEN: http://203.0.113.7:80 cannot be listened on"),
        ("WORKERS", "0", "CONSERJE_WORKERS"),
        ("LISTENS", "x", "the nearest is CONSERJE_LISTEN."),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    environment: dict[str, str], terminal: Terminal, setting: str, value: str, said: str
) -> None:
    terminal.environment |= environment
    output = (await terminal.type("serve", code=1, **{setting: value})).output
    assert output.startswith("conserje: ") and output.count("\n") == 1
    assert said in output


async def test_a_taken_port_is_said_in_one_line(environment: dict[str, str]) -> None:
    host, _, port = environment["CONSERJE_LISTEN"].rpartition(":")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((host, int(port)))
        other.listen()
        code, output = await refused(environment)
    assert code == 1
    assert re.fullmatch(r"conserje: CONSERJE_LISTEN: http://\S+ cannot be listened on .*\n", output)


@pytest.mark.parametrize(
    ("listen", "meaning"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:1", Address("0.0.0.0", 1)),
        ("[::1]:8080", Address("::1", 8080)),
        ("/run/conserje.sock", Address(path=Path("/run/conserje.sock"))),
    ],
)
def test_where_to_listen(listen: str, meaning: Address) -> None:
    assert address(listen) == meaning


@pytest.mark.parametrize(
    "listen", ["", "8080", ":8080", "x:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:²"]
)
def test_where_nobody_can_listen(listen: str) -> None:
    with pytest.raises(SettingsError, match="CONSERJE_LISTEN"):
        address(listen)


def test_a_file_is_no_stale_socket(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    with pytest.raises(SettingsError, match="is no socket"):
        require_free(address(str(tmp_path / "precious")))
    assert (tmp_path / "precious").read_text() == "keep me"
