"""A certificate authority and the DNS that it asks: pebble and bind9, on free ports of loopback."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from debian import require
from processes import bare_environment, free_port
from waiting import LIMIT

from conserje_nginx.authority import Authority

BASES = ("bots.example.test", "shop.test")
CLIENT = "chat.client.test"  # a tenant's own domain

OPTIONS = """
key "certbot." {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ }};
options {{
  directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; allow-query {{ 127.0.0.1; }};
  allow-transfer {{ none; }}; notify no; dnssec-validation no; empty-zones-enable no;
  recursion yes; allow-recursion {{ 127.0.0.1; }}; forward only; forwarders {{ 127.0.0.1 port 9; }};
}};
"""
ZONE = 'zone "{name}" {{ type primary; file "{name}.zone"; {policy} }};\n'
POLICY = "update-policy {{ grant certbot. name {name}. TXT; }};"  # this key may do this one thing
HEAD = "$TTL 60\n@ SOA ns.{base}. nobody.{base}. 1 60 60 60 60\n@ NS ns.{base}.\n"
ADDRESSES = "@ A 127.0.0.1\n* A 127.0.0.1\n_acme-challenge NS ns.{base}.\n"


@dataclass(frozen=True)
class Nameserver:
    """A running named, in which one key may write the challenges of the base domains."""

    port: int
    secret: str

    def credentials(self, file: Path, **changes: str | None) -> Path:
        """Write a file that lets certbot write there, or one that is wrong in some way."""
        values: Mapping[str, str | None] = {
            "server": "127.0.0.1",
            "port": str(self.port),
            "name": "certbot.",
            "secret": self.secret,
            "algorithm": "HMAC-SHA256",
        } | changes
        file.write_text("".join(f"dns_rfc2136_{name} = {value}\n" for name, value in values.items() if value))
        file.chmod(0o600)
        return file


@dataclass(frozen=True)
class Pebble:
    """A running authority; `ca` is what its own address is trusted by."""

    server: str
    ca: Path


@contextmanager
def nameserver(folder: Path) -> Iterator[Nameserver]:
    """bind9 with the zones of BASES, and CLIENT as an alias of a host below the first."""
    program = require("named", "bind9")
    port, secret = free_port(), base64.b64encode(secrets.token_bytes(32)).decode()
    config = OPTIONS.format(secret=secret, folder=folder, port=port)
    for base in BASES:
        challenge = f"_acme-challenge.{base}"
        config += ZONE.format(name=base, policy="")
        config += ZONE.format(name=challenge, policy=POLICY.format(name=challenge))
        (folder / f"{base}.zone").write_text((HEAD + ADDRESSES).format(base=base))
        (folder / f"{challenge}.zone").write_text(HEAD.format(base=base))
    config += ZONE.format(name="client.test", policy="")
    (folder / "client.test.zone").write_text((HEAD + "* CNAME edge.{base}.\n").format(base=BASES[0]))
    (folder / "named.conf").write_text(config)
    question = dns.message.make_query(BASES[0], "SOA")

    def answers() -> bool:
        try:
            return bool(dns.query.udp(question, "127.0.0.1", 0.2, port).answer)
        except (OSError, dns.exception.DNSException):
            return False

    with _running(
        [program, "-c", str(folder / "named.conf"), "-n", "1", "-g"], folder / "named.log", answers
    ):
        yield Nameserver(port, secret)


@contextmanager
def pebble(folder: Path, resolver: Nameserver, http_port: int = 9, days: float = 90) -> Iterator[Pebble]:
    """An authority that asks `resolver`, and fetches http-01 challenges at `http_port`."""
    program = require("pebble", "pebble")
    authority, port = Authority(folder / "authority"), free_port()
    authority.issue(["localhost"], folder / "pebble.pem")
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{free_port()}",
        "certificate": str(folder / "pebble.pem"),
        "privateKey": str(folder / "pebble.pem"),
        "httpPort": http_port,
        "tlsPort": 9,
        "certificateValidityPeriod": int(days * 86_400),
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    arguments = ["-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{resolver.port}"]
    # It sleeps and refuses nonces at random, so that clients learn patience.
    patience = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with _running([program, *arguments, "-strict=false"], folder / "pebble.log", listens, patience):
        yield Pebble(f"https://localhost:{port}/dir", authority.certificate_file)


@contextmanager
def _running(
    command: list[str], log: Path, ready: Callable[[], bool], more: Mapping[str, str] | None = None
) -> Iterator[None]:
    """The program, from when it is ready until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**bare_environment(), **(more or {})}, stdout=output, stderr=output
        )
    try:
        end = time.monotonic() + LIMIT
        while not ready():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(LIMIT)
