"""`conserje certificate renew` and `check`, behind a real nginx that is never told."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from certificates import Shop, leaf, names
from cryptography import x509
from nginx.gate import Gate, nginx
from pebble import BASES, CLIENT, Nameserver, pebble
from waiting import LIMIT, until

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POST = "POST /bot/twilio/webhook HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n\r\nBody"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A core that acknowledges everything."""
    try:
        while await reader.readuntil(b"Body"):
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest_asyncio.fixture
async def gate(shop: Shop, tmp_path: Path) -> AsyncIterator[Gate]:
    """nginx, with the shop's certificates."""
    shop.acme_root.mkdir()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as core:
        upstream = f"127.0.0.1:{core.sockets[0].getsockname()[1]}"
        async with nginx(
            tmp_path / "nginx", upstream, upstream, shop.certificates, domains=BASES, acme_root=shop.acme_root
        ) as running:
            yield running


async def command(shop: Shop, gate: Gate, *words: str) -> tuple[int, str, str]:
    """While the gate goes on."""
    return await asyncio.to_thread(shop.run, *words, CONSERJE_CERTBOT_CONNECT=f"127.0.0.1:{gate.https_port}")


class Customer:
    """Posts as long as it is let, and counts what came of it."""

    def __init__(self, gate: Gate, host: str) -> None:
        self.gate, self.host = gate, host
        self.outcomes: Counter[str] = Counter()
        self.serials: Counter[int] = Counter()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.gate.https_port, ssl=context, server_hostname=self.host
        )
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.serials[x509.load_der_x509_certificate(shown).serial_number] += 1
        return reader, writer

    async def post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(POST.format(host=self.host).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        self.outcomes[head.split(b" ", 2)[1].decode()] += 1

    async def keep(self) -> None:
        """Everything on one connection, which nobody opens again."""
        reader, writer = await self.connect()
        while True:
            await self.post(reader, writer)

    async def come_and_go(self) -> None:
        """A connection, and so a handshake, for each post."""
        while True:
            reader, writer = await self.connect()
            await self.post(reader, writer)
            writer.close()


async def test_a_renewal_under_load_fails_no_request_and_needs_no_reload(shop: Shop, gate: Gate) -> None:
    customers = [Customer(gate, f"acme.{base}") for base in BASES]
    before = leaf(shop.wildcard).serial_number
    shop.age(61)
    async with asyncio.TaskGroup() as tasks:  # one that fails ends it
        loads = [tasks.create_task(customer.keep()) for customer in customers]
        loads += [tasks.create_task(customer.come_and_go()) for customer in customers]
        code, output, errors = await command(shop, gate, "renew")
        after = leaf(shop.wildcard).serial_number
        await until(lambda: all(customer.serials[after] for customer in customers))
        for load in loads:
            load.cancel()
    assert (code, errors) == (0, "")
    assert f"{after:x}" in output
    for customer in customers:
        assert set(customer.outcomes) == {"200"}
        assert customer.outcomes["200"] > 50
        assert set(customer.serials) == {before, after}


async def test_what_has_lived_less_than_two_thirds_of_its_life_is_left_alone(shop: Shop, gate: Gate) -> None:
    shop.age(59)
    aged = shop.live()
    code, _, errors = await command(shop, gate, "renew")
    assert code == 0, errors
    assert shop.live() == aged
    assert leaf(shop.wildcard) == aged, "given to nginx, although no hook ran"


async def test_two_runs_at_once_renew_once(shop: Shop, gate: Gate) -> None:
    shop.age(61)
    runs = await asyncio.gather(command(shop, gate, "renew"), command(shop, gate, "renew"))
    assert [code for code, _, _ in runs] == [0, 0], runs
    assert sum("Waiting for another run to end." in errors for _, _, errors in runs) == 1
    assert len(list((shop.config / "archive" / "wildcard").glob("cert*.pem"))) == 2
    assert leaf(shop.wildcard) == shop.live()


async def test_a_hook_that_fails_is_loud(shop: Shop, gate: Gate) -> None:
    """Certbot itself ends with 0 then."""
    hook = shop.config / "renewal-hooks" / "deploy" / "operators-own"
    hook.write_text("#!/bin/sh\necho no room >&2\nexit 7\n")
    hook.chmod(0o755)
    shop.age(61)
    code, _, errors = await command(shop, gate, "renew")
    assert code == 1
    assert "certbot renew failed:" in errors
    assert "reported error code 7" in errors
    assert "no room" in errors
    assert leaf(shop.wildcard) == shop.live(), "ours ran nevertheless"


async def test_what_nginx_cannot_be_given_is_loud_and_given_by_the_next_run(shop: Shop, gate: Gate) -> None:
    shop.age(59)
    there = shop.wildcard.rename(shop.folder / "away")
    shop.wildcard.mkdir()  # root may write into every folder
    code, _, errors = await command(shop, gate, "renew")
    assert code == 1
    assert f"conserje: {shop.wildcard} cannot be written: Is a directory." in errors
    shop.wildcard.rmdir()
    there.rename(shop.wildcard)
    code, _, errors = await command(shop, gate, "check")
    assert code == 1
    assert f"instead of {shop.live().serial_number:x}, the newest" in errors
    code, _, errors = await command(shop, gate, "renew")
    assert code == 0, errors
    assert leaf(shop.wildcard) == shop.live()


async def test_what_is_served_and_what_is_stored_are_compared(shop: Shop, gate: Gate) -> None:
    old = leaf(shop.wildcard).serial_number
    shop.age(1)
    new = shop.live().serial_number
    code, output, errors = await command(shop, gate, "check", "--json")
    found = json.loads(output)
    assert code == 1
    assert {entry["name"] for entry in found} == {name for base in BASES for name in (base, f"*.{base}")}
    for entry in found:
        assert (entry["served"], entry["stored"]) == (f"{old:x}", f"{new:x}")
        assert entry["fault"] in errors


async def test_a_renewal_that_is_long_overdue_is_loud(shop: Shop, gate: Gate) -> None:
    shop.age(76)
    code, _, errors = await command(shop, gate, "deploy", str(shop.config / "live" / "wildcard"))
    assert code == 0, errors
    code, _, errors = await command(shop, gate, "check")
    assert code == 1
    assert "is not renewed: see what" in errors


async def test_a_base_domain_that_came_later_is_missed_and_keeps_no_other_waiting(
    shop: Shop, gate: Gate
) -> None:
    shop.age(59)
    code, _, errors = await command(shop, gate, "renew", "--domain", ",".join([*BASES, "new.test"]))
    assert code == 1
    assert errors.count("lacks new.test, *.new.test: issue it again.") == 1
    assert leaf(shop.wildcard) == shop.live()


async def test_nobody_listens(shop: Shop) -> None:
    code, output, errors = await asyncio.to_thread(shop.run, "check", "--connect", "127.0.0.1:9")
    assert code == 1
    assert f"127.0.0.1:9 gives {BASES[0]} no TLS: Connection refused." in errors
    assert f"{BASES[0]}    fault  -  until " in output


async def test_nothing_was_issued(shop: Shop, tmp_path: Path) -> None:
    code, _, errors = await asyncio.to_thread(shop.run, "check", "--certbot-dir", str(tmp_path / "none"))
    assert code == 1
    assert f"none has no certificate for {', '.join(BASES)}: run `conserje certificate issue`." in errors


async def test_one_that_cannot_be_renewed_keeps_no_other_from_it(shop: Shop, gate: Gate) -> None:
    (shop.config / "renewal" / "a.broken.conf").write_text("nothing")
    shop.age(61)
    code, _, errors = await command(shop, gate, "renew")
    assert code == 1
    assert "1 parse failure(s)" in errors
    assert leaf(shop.wildcard) == shop.live()
    assert len(list((shop.config / "archive" / "wildcard").glob("cert*.pem"))) == 2


async def test_a_tenants_own_domain_from_the_question_by_http_until_it_is_taken_off(
    shop: Shop, gate: Gate, resolver: Nameserver, tmp_path: Path
) -> None:
    with pebble(tmp_path, resolver, gate.http_port) as authority:
        own = ["issue", "--host", CLIENT.upper(), "--server", authority.server]
        code, _, errors = await asyncio.to_thread(shop.run, *own, REQUESTS_CA_BUNDLE=str(authority.ca))
    assert code == 0, errors
    customer = Customer(gate, CLIENT)
    await customer.post(*await customer.connect())
    assert customer.outcomes == {"200": 1}
    custom = shop.certificates / "custom" / f"{CLIENT}.pem"
    assert list(customer.serials) == [leaf(custom).serial_number]
    assert names(leaf(custom)) == [CLIENT]

    code, output, errors = await command(shop, gate, "check")
    assert (code, errors) == (0, "")
    assert CLIENT in output

    code, _, errors = await command(shop, gate, "remove", CLIENT)
    assert code == 0, errors
    with pytest.raises(ssl.SSLError):
        await customer.connect()
    code, output, errors = await command(shop, gate, "check")
    assert (code, errors) == (0, "")
    assert CLIENT not in output


async def test_again_and_again_until_it_is_stopped(shop: Shop, tmp_path: Path) -> None:
    """As in a container: no failure ends it, and SIGTERM does."""
    words = ("renew", "--every", "0.00001", "--certbot-dir", str(tmp_path / "none"))
    process = await asyncio.to_thread(shop.start, *words)
    assert process.stderr
    try:
        for _ in range(2):
            line = await asyncio.wait_for(asyncio.to_thread(process.stderr.readline), LIMIT)
            assert "run `conserje certificate issue`" in line
    finally:
        process.terminate()
    await asyncio.to_thread(process.communicate, timeout=LIMIT)
    assert process.returncode == 0
