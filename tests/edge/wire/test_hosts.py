"""Hosts: which name a Host header asks the directory for."""

from __future__ import annotations

import random
import string
import subprocess
import sys

import pytest
from waiting import LIMIT

from conserje.settings import SettingsError
from conserje.storage.database import Connection
from conserje_edge.wire.hosts import SLUG, Hosts

HOSTS = Hosts(["bots.example.cl", "localhost", "Example.COM.", "eu.example.com"])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("acme.bots.example.cl", ("slug", "acme")),
        ("ACME.Bots.Example.CL", ("slug", "acme")),
        ("acme.bots.example.cl.", ("slug", "acme")),
        ("acme.bots.example.cl.:443", ("slug", "acme")),
        ("acme.bots.example.cl:8443", ("slug", "acme")),
        ("acme.bots.example.cl:", ("slug", "acme")),
        ("acme.localhost:8080", ("slug", "acme")),
        ("a.localhost", ("slug", "a")),
        ("a" * 40 + ".localhost", ("slug", "a" * 40)),
        ("nueva-tienda-2.localhost", ("slug", "nueva-tienda-2")),
        ("a--b.localhost", ("slug", "a--b")),
        ("acme.eu.example.com", ("slug", "acme")),  # the longest base wins
        ("acme.example.com", ("slug", "acme")),
        ("chat.acme.cl", ("domain", "chat.acme.cl")),
        ("CHAT.acme.cl.:443", ("domain", "chat.acme.cl")),
        ("example.cl", ("domain", "example.cl")),
        ("xbots.example.cl", ("domain", "xbots.example.cl")),
        ("xn--bcher-kva.cl", ("domain", "xn--bcher-kva.cl")),
        ("eu.example.com", None),  # a base, though also a label below another one
        ("bots.example.cl", None),
        ("localhost", None),
        ("localhost:8080", None),
        ("a.b.localhost", None),
        ("a.b.example.com", None),
        ("a.eu.x.example.com", None),
        (".localhost", None),
        ("..localhost", None),
        ("acme..localhost", None),
        ("acme.localhost..", None),
        ("-acme.localhost", None),
        ("acme-.localhost", None),
        ("xn--acme.localhost", None),  # no -- at 3
        ("a" * 41 + ".localhost", None),
        ("ac_me.localhost", None),
        ("acmé.localhost", None),
        ("acme.localhost\n", None),
        ("acme.localhost:8080\n", None),
        (" acme.localhost", None),
        ("acme.localhost:x", None),
        ("acme.localhost:65536", None),
        ("acme.localhost:123456", None),
        ("acme.localhost:80:80", None),
        ("acme.localhost@evil.com", None),
        ("acme.localhost/x", None),
        ("user@acme.localhost", None),
        ("acme%2elocalhost", None),
        ("acme\u3002localhost", None),
        ("\u212ayoto.localhost", None),  # lower() would make it a k
        ("[::1]", None),
        ("[::1]:8080", None),
        ("::1", None),
        ("127.0.0.1", None),
        ("127.0.0.1:8080", None),
        ("10.0.0.10", None),
        ("acme", None),
        ("-chat.acme.cl", None),
        ("chat." + "a" * 64 + ".cl", None),
        ("a." * 127 + "cl", None),
        ("", None),
        (".", None),
        (":80", None),
    ],
)
def test_a_host_names_one_tenant_or_none(header: str, name: tuple[str, str] | None) -> None:
    assert HOSTS.name(header) == name


async def test_a_slug_is_what_the_database_takes(connection: Connection) -> None:
    chance = random.Random(1)
    shapes = ["".join(chance.choices("ab-9", k=chance.randint(0, 6))) for _ in range(300)]
    shapes += [letter + "a" for letter in string.printable + "ñ\u0131"] + ["a" * 40, "a" * 41, "a\n", "\na"]
    rule = await connection.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'tenants_slug_form'"
    )
    pattern = rule.split("'")[1]
    taken = await connection.fetch(
        "SELECT shape, shape ~ $2 AS good FROM unnest($1::text[]) AS shape",
        [shape for shape in shapes if "\x00" not in shape],
        pattern,
    )
    assert {row["shape"]: row["good"] for row in taken} == {
        row["shape"]: SLUG.match(row["shape"]) is not None for row in taken
    }


@pytest.mark.parametrize("domain", ["com", "cl", "co.uk", "github.io", "kawasaki.jp", "vercel.app"])
def test_a_public_suffix_is_no_base(domain: str) -> None:
    with pytest.raises(SettingsError, match=f"CONSERJE_DOMAINS: {domain} is a public suffix"):
        Hosts(["bots.example.cl", domain])


@pytest.mark.parametrize(
    "domain", ["", "a b.cl", "-x.cl", "*.example.com", "https://x.cl", "127.0.0.1", "x..cl"]
)
def test_what_is_no_domain_is_no_base(domain: str) -> None:
    with pytest.raises(SettingsError, match="CONSERJE_DOMAINS"):
        Hosts([domain])


def test_there_must_be_a_base() -> None:
    with pytest.raises(SettingsError, match="names no domain"):
        Hosts([])


def test_names_outside_the_public_suffix_list_may_be_bases() -> None:
    assert Hosts(["localhost", "test", "bots.internal"]).name("acme.test") == ("slug", "acme")


def test_the_check_of_bases_needs_no_network_and_writes_nothing() -> None:
    script = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    writing = event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+')\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'os.mkdir') or writing:\n"
        "        raise SystemExit(f'{event} {args}')\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(refuse)\n"
        "from conserje_edge.wire.hosts import Hosts\n"
        "Hosts(['bots.example.cl'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
