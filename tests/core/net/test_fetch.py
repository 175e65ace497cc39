"""fetch: what a stranger may make us ask, and what not; how much, and for how long."""

from __future__ import annotations

import ast
import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conserje import FetchFailed, FetchRefused, fetch
from conserje.net.fetch import Fetcher, allow, is_public, resolve
from conserje.settings import SettingsError, read

LOOPBACK = (ip_network("127.0.0.0/8"),)
ROOT = Path(__file__).parents[3]
Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Host:
    """A server on this machine that says what the test says, and keeps what it was asked."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/", name: str = "shop.test", scheme: str = "http") -> str:
        return f"{scheme}://{name}:{self.port}{path}"


@asynccontextmanager
async def host(
    answer: bytes | Handler, tls: ssl.SSLContext | None = None, at: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Host]:
    there = Host()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await reader.readuntil(b"\r\n\r\n")
            there.asked.append(asked)
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(asked, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, at, port, ssl=tls)
    there.port = server.sockets[0].getsockname()[1]
    async with server:
        yield there


def names(**places: Sequence[str] | str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that knows these hosts, written with _ for the dot."""

    async def look(host: str, port: int) -> Sequence[str]:
        found = places[host.replace(".", "_")]
        return [found] if isinstance(found, str) else found

    return look


def local(**places: Sequence[str] | str) -> Fetcher:
    return Fetcher(LOOPBACK, names(**{"shop_test": "127.0.0.1", **places}))


def said(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def onward(to: str) -> bytes:
    return said(b"", f"location: {to}", status="302 Found")


async def got(fetcher: Fetcher, url: str, most: int = 1000, limit: float = 5.0) -> bytes:
    async with fetcher.fetch(url, most=most, limit=limit) as answer:
        return await answer.read()


async def test_an_answer_is_read_as_it_comes() -> None:
    async with (
        host(said(b"hola", "content-type: text/plain")) as shop,
        local().fetch(shop.url("/a?b=%20c#d"), most=4) as answer,
    ):
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
        assert [part async for part in answer] == [b"hola"]
    lines = shop.asked[0].decode().lower().split("\r\n")
    assert lines[0] == "get /a?b=%20c http/1.1"
    assert f"host: shop.test:{shop.port}" in lines
    assert "accept-encoding: identity" in lines


async def test_a_status_that_is_no_success_is_an_answer() -> None:
    async with (
        host(said(b"no", status="404 Not Found")) as shop,
        local().fetch(shop.url(), most=100) as answer,
    ):
        assert answer.status == 404


async def test_something_can_be_posted_and_is_not_posted_elsewhere() -> None:
    async with host(onward("/elsewhere")) as shop:
        url, body = shop.url(), b'{"a":1}'
        async with local().fetch(url, most=100, method="POST", headers={"x-a": "b"}, content=body) as answer:
            assert answer.status == 302
    assert len(shop.asked) == 1
    assert shop.asked[0].startswith(b"POST / ")
    assert b"x-a: b\r\n" in shop.asked[0]
    assert b"content-length: 7\r\n" in shop.asked[0].lower()


NOT_PUBLIC = """
0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.1 192.0.0.8 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8
::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808
64:ff9b:1::a00:1 100::1 2001::7f00:1 2001:0:4136:e378::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1::1 2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%lo fec0::1
ff02::1 ff0e::1 2606:4700::1111%lo
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_what_is_not_the_open_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1",
                                     "2606:4700::1111", "2800:3f0:4003:c00::5e", "2a00:1450::1"])  # fmt: skip
def test_what_is_the_open_internet(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0",
             "127。0。0。1", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
)  # fmt: skip
async def test_this_machine_is_refused_however_it_is_written(name: str) -> None:
    async with host(said(b"secret")) as shop:
        with pytest.raises(FetchRefused, match=r"public internet|malformed"):
            await got(Fetcher(resolve=resolve), shop.url(name=name))
    assert not shop.asked


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://shop.test/", "gopher://shop.test/", "shop.test", "//shop.test/", "",
            "http:///x", "https://", "http://ana@shop.test/", "http://ana:pw@shop.test/", "http://:pw@shop.test/",
            "javascript:1", "http://[::1", "http://shop.test:port/", "http://shop.test:99999/",
            "http://shop.test:65536/", "http://shop.test:0/"]
)  # fmt: skip
async def test_an_address_of_another_form_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(FetchRefused, match=r"\.$") as refused:
        await got(local(), url)
    assert "pw" not in str(refused.value)


async def test_a_host_that_is_not_there_is_no_refusal() -> None:
    async def none(host: str, port: int) -> Sequence[str]:
        raise OSError

    with pytest.raises(FetchFailed, match=r"shop\.test cannot be found"):
        await got(Fetcher(resolve=none), "http://shop.test/")
    async with host(said(b"")) as shop:
        closed = shop.url()
    with pytest.raises(FetchFailed, match="ConnectError"):
        await got(local(), closed)


async def test_the_checked_address_is_connected_to_whatever_the_name_says_next() -> None:
    """DNS rebinding: an address that may be asked at first, another when the name is looked up again."""
    answers = iter(["127.0.0.2", "127.0.0.1"])

    async def rebinding(name: str, port: int) -> Sequence[str]:
        return [next(answers)]

    fetcher = Fetcher((ip_network("127.0.0.2/32"),), rebinding)
    async with host(said(b"secret")) as inside, host(said(b"open"), at="127.0.0.2", port=inside.port):
        assert await got(fetcher, inside.url()) == b"open"
        with pytest.raises(FetchRefused, match="public internet"):
            await got(fetcher, inside.url())
    assert not inside.asked


async def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    async with host(said(b"hola")) as shop:
        fetcher = local(shop_test=["127.0.0.9", "10.0.0.1", "127.0.0.1"])
        assert await got(fetcher, shop.url()) == b"hola"


async def test_each_redirect_is_checked_again() -> None:
    for target in ("http://169.254.169.254/latest/meta-data/", "http://inside.test/", "file:///etc/passwd",
                   "http://ana:pw@shop.test/"):  # fmt: skip
        async with host(onward(target)) as shop:
            places = {"169_254_169_254": "169.254.169.254", "inside_test": "10.0.0.1"}
            with pytest.raises(FetchRefused):
                await got(local(**places), shop.url())


async def test_five_redirects_are_followed_and_no_more() -> None:
    async def count_down(asked: bytes, writer: asyncio.StreamWriter) -> None:
        left = int(asked.split(b" ")[1].strip(b"/"))
        writer.write(onward(f"/{left - 1}") if left else said(b"there"))

    async with host(count_down) as shop:
        async with local().fetch(shop.url("/5"), most=10) as answer:
            assert (await answer.read(), answer.url) == (b"there", shop.url("/0"))
        with pytest.raises(FetchRefused, match="more than 5 times"):
            await got(local(), shop.url("/6"))


async def test_what_authorizes_stays_with_the_host_that_it_is_for() -> None:
    key = {"Authorization": "Bearer s3cret"}
    async with host(said(b"file", "set-cookie: a=b")) as store:
        async with host(onward(store.url(name="store.test"))) as shop:
            fetcher = local(store_test="127.0.0.1")
            async with fetcher.fetch(shop.url(), most=10, headers=key) as answer:
                assert await answer.read() == b"file"
        assert b"s3cret" in shop.asked[0]
        assert b"s3cret" not in store.asked[0]
        await got(fetcher, store.url(name="store.test"))
        assert b"cookie" not in store.asked[1].lower()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_a_bomb_is_not_unpacked(coding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000)) if "gzip" in coding else zlib.compress(bytes(1_000_000))
    async with host(said(bomb, f"content-encoding: {coding}")) as shop:
        with pytest.raises(FetchRefused, match="compressed"):
            await got(local(), shop.url(), most=10_000_000)


async def test_a_body_is_counted_while_it_comes() -> None:
    async def endless(asked: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + bytes(1024) + b"\r\n")
            await writer.drain()

    async with host(endless) as shop:
        seen = 0
        with pytest.raises(FetchRefused, match=r"larger than 100,000 bytes"):
            async with local().fetch(shop.url(), most=100_000) as answer:
                async for part in answer:
                    seen += len(part)
        assert 0 < seen <= 100_000


async def test_a_declared_length_is_neither_believed_nor_ignored() -> None:
    async with host(said(b"hola", length=2_000_000_000)) as shop:
        with pytest.raises(FetchRefused, match="larger"):
            await got(local(), shop.url())
    async with host(said(b"hola", length=400)) as shop:
        with pytest.raises(FetchFailed, match="RemoteProtocolError"):
            await got(local(), shop.url())
    async with host(said(b"hola y adios", length=4)) as shop:
        assert await got(local(), shop.url()) == b"hola"


async def test_the_whole_has_one_time_limit() -> None:
    async def silent(asked: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def slow(asked: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def unknown(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    for answer in (silent, slow):
        async with host(answer) as shop:
            with pytest.raises(FetchFailed, match="in time"):
                await got(local(), shop.url(), most=10_000, limit=0.3)
    with pytest.raises(FetchFailed, match="in time"):
        await got(Fetcher(resolve=unknown), "http://shop.test/", limit=0.1)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """The certificate that is trusted, and a server that has one of it for shop.test."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.test")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    pem = tmp_path / "shop.pem"
    pem.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return pem, context


async def test_the_certificate_is_the_names_though_the_address_is_connected_to(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    pem, context = authority
    heard = []
    context.sni_callback = lambda _, name, __: heard.append(name)
    trusting = local(other_test="127.0.0.1")
    trusting.trust = ssl.create_default_context(cafile=str(pem))
    async with host(said(b"hola"), context) as shop:
        assert await got(trusting, shop.url(scheme="https")) == b"hola"
        assert heard == ["shop.test"]
        with pytest.raises(FetchFailed, match="ConnectError"):
            await got(trusting, shop.url(scheme="https", name="other.test"))
        with pytest.raises(FetchFailed, match="ConnectError"):
            await got(local(), shop.url(scheme="https"))  # the machine does not know this authority
    assert len(shop.asked) == 1


async def test_https_does_not_lead_to_http(authority: tuple[Path, ssl.SSLContext]) -> None:
    pem, context = authority
    fetcher = local()
    fetcher.trust = ssl.create_default_context(cafile=str(pem))
    async with host(said(b"open")) as plain, host(onward(plain.url()), context) as shop:
        with pytest.raises(FetchRefused, match="from https to http"):
            await got(fetcher, shop.url(scheme="https"))
        assert not plain.asked


async def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with host(said(b"proxied")) as proxy, host(said(b"hola")) as shop:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await got(local(), shop.url()) == b"hola"
        assert not proxy.asked


async def test_the_operator_names_networks_that_are_asked_all_the_same() -> None:
    async with host(said(b"hola")) as shop:
        url = shop.url(name="127.0.0.1")
        allow(read({"CONSERJE_FETCH_ALLOW": "10.0.0.0/8, 127.0.0.1/32"}).fetch_allow)
        try:
            async with fetch(url, most=10) as answer:
                assert await answer.read() == b"hola"
        finally:
            allow(())
        with pytest.raises(FetchRefused, match="CONSERJE_FETCH_ALLOW"):
            async with fetch(url, most=10):
                pass
    with pytest.raises(SettingsError, match="CONSERJE_FETCH_ALLOW"):
        read({"CONSERJE_FETCH_ALLOW": "my house"})


CALLS = {
    "httpx2.AsyncClient", "httpx2.Client", "httpx2.AsyncHTTPTransport", "httpx2.HTTPTransport", "httpx2.get",
    "httpx2.post", "httpx2.put", "httpx2.patch", "httpx2.delete", "httpx2.head", "httpx2.options",
    "httpx2.request", "httpx2.stream",
}  # fmt: skip
LIBRARIES = {"requests", "aiohttp", "urllib3", "httpx", "httpcore2", "urllib.request", "http.client"}
MAKERS = {
    "core/conserje/net/client.py",  # for addresses that an operator or a provider's manual gives
    "core/conserje/net/fetch.py",
    "core/conserje/net/resting.py",  # for client.py
    "core/conserje/cli/say.py",  # to the installation's own listener
    "core/conserje/testing/provider.py",  # to nobody
}


def asks_by_itself(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=func):
            return ast.unparse(func) in CALLS
        case ast.ClassDef(bases=bases):
            return any(ast.unparse(base) in CALLS for base in bases)
        case ast.Import(names=names):
            return any(name.name in LIBRARIES for name in names)
        case ast.ImportFrom(module=module, names=names):
            inside = {f"{module}.{name.name}" for name in names}
            return module in LIBRARIES or not inside.isdisjoint(LIBRARIES | CALLS)
    return False


def test_nobody_else_asks_addresses() -> None:
    found = set()
    for package in ("core", "edge", "nginx", "certbot", "plugins"):
        for path in (ROOT / package).rglob("*.py"):
            if any(asks_by_itself(node) for node in ast.walk(ast.parse(path.read_text()))):
                found.add(str(path.relative_to(ROOT)))
    assert found == MAKERS
