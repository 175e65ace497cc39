"""The only way to an address that a stranger gave: checked before it is connected to, and bounded."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

from conserje.contract.channel import FetchFailed, FetchRefused
from conserje.net.trust import trusted

CONNECT_SECONDS = 5.0  # for each address of a host
ADDRESSES = 4  # of a host that are tried
REDIRECTS = 5
_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}

_GLOBAL_V6 = ip_network("2000::/3")
# What `is_global` calls global in one release of Python or another, and is no machine of the open internet:
# documentation, relays, and networks whose addresses have one of the fourth version inside (6to4, Teredo).
_NOT_GLOBAL = tuple(
    ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer whose body is read as it comes, once; `url` is the address behind the redirects."""

    status: int
    headers: httpx2.Headers
    url: str
    body: AsyncIterator[bytes] = field(repr=False)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises FetchRefused for a body that is too large, FetchFailed for one that does not come whole."""
        return self.body

    async def read(self) -> bytes:
        """The whole body. Raises what reading it part by part raises."""
        return b"".join([part async for part in self.body])


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the machine's resolver names, the best first. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def is_public(address: Address) -> bool:
    """Whether it is a machine of the open internet: global unicast, with no other address hidden in it."""
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GLOBAL_V6):
        return False
    special = address.is_multicast or address.is_reserved or any(address in each for each in _NOT_GLOBAL)
    return address.is_global and not special


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes | None

    def at(self, url: httpx2.URL) -> _Question:
        """The same question after a redirect; what it is authorized by is for the first host alone."""
        same = (url.scheme, url.host, url.port) == (self.url.scheme, self.url.host, self.url.port)
        return replace(self, url=url, headers=self.headers if same else {})


@dataclass
class Fetcher:
    """Asks addresses; `allowed` are networks that are asked although they are not public."""

    allowed: Sequence[Network] = ()
    resolve: Resolve = resolve
    trust: ssl.SSLContext | None = None  # None: the certificates that this machine trusts

    @asynccontextmanager
    async def fetch(
        self,
        url: str,
        *,
        most: int,
        limit: float = 30.0,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        cut: bool = False,
    ) -> AsyncIterator[Fetched]:
        """Ask `url`, which a stranger may have given; at most `most` bytes are taken, in `limit` seconds.
        With 0 nothing is read, and no answer is refused for its body; nor is one that is to be `cut` there.

        At most five redirects of a GET are followed, each checked like the first address; `headers` go to the
        first host alone. Raises FetchRefused or FetchFailed; a status that is no success is an answer.
        """
        deadline = asyncio.get_running_loop().time() + limit
        async with AsyncExitStack() as stack:
            with _failures():
                async with asyncio.timeout_at(deadline):
                    question = _Question(method, httpx2.URL(url), headers or {}, content)
                    answer, asked = await self._follow(stack, question)
            if most and not cut:
                _refuse_body(answer, most)
            body = _body(answer, most, deadline, cut=cut)
            yield Fetched(answer.status_code, answer.headers, str(asked), body)

    async def _follow(self, stack: AsyncExitStack, question: _Question) -> tuple[httpx2.Response, httpx2.URL]:
        for _ in range(REDIRECTS + 1):
            answer = await self._ask(stack, question)
            if question.method != "GET" or answer.status_code not in _FOLLOWED:
                return answer, question.url
            onward = question.url.join(answer.headers.get("location", ""))
            if question.url.scheme == "https" and onward.scheme == "http":
                raise FetchRefused("The address redirects from https to http.")
            question = question.at(onward)
        raise FetchRefused(f"The address redirects more than {REDIRECTS} times.")

    async def _ask(self, stack: AsyncExitStack, question: _Question) -> httpx2.Response:
        """The answer of the first of the host's addresses that takes a connection."""
        *others, last = await self._addresses(question.url)
        # A client for one question: no connection is used again for another name at the same address.
        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                verify=self.trust or trusted(),
                timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                trust_env=False,
            )
        )
        for address in others:
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await _send(stack, client, question, address)
        return await _send(stack, client, question, last)

    async def _addresses(self, url: httpx2.URL) -> list[Address]:
        """Where the host is, checked: these are connected to, and the name is not asked for again."""
        if url.scheme not in _PORTS or not url.host:
            raise FetchRefused("The address does not begin with http:// or https:// and a host.")
        if url.port is not None and not 0 < url.port < 65536:
            raise FetchRefused("The address names a port that there is not.")
        if url.userinfo:
            raise FetchRefused("The address names a user or a password.")
        try:
            found = await self.resolve(url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])
        except (OSError, UnicodeError, OverflowError):
            raise FetchFailed(f"The host {url.host} cannot be found.") from None
        taken = [each for each in map(ip_address, dict.fromkeys(found)) if self._takes(each)]
        if not taken:
            raise FetchRefused(
                f"The host {url.host} is not in the public internet:"
                " name its network in CONSERJE_FETCH_ALLOW."
            )
        return taken[:ADDRESSES]

    def _takes(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in self.allowed)


async def _send(
    stack: AsyncExitStack, client: httpx2.AsyncClient, question: _Question, address: Address
) -> httpx2.Response:
    """The answer at `address`, whose certificate is checked for the host's name."""
    url = question.url
    request = client.build_request(
        question.method,
        url.copy_with(host=str(address), fragment=None),
        headers={**question.headers, "host": url.netloc.decode("ascii"), "accept-encoding": "identity"},
        content=question.content,
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )
    answer = await client.send(request, stream=True)
    stack.push_async_callback(answer.aclose)
    return answer


@contextmanager
def _failures() -> Iterator[None]:
    """What the client raises, as FetchFailed or FetchRefused, without what was sent or received."""
    try:
        yield
    except TimeoutError:
        raise FetchFailed("The answer did not come in time.") from None
    except httpx2.InvalidURL:
        raise FetchRefused("The address is malformed.") from None
    except httpx2.RequestError as error:
        raise FetchFailed(f"The address could not be asked ({type(error).__name__}).") from None


def _refuse_body(answer: httpx2.Response, most: int) -> None:
    """Raises FetchRefused for what would grow when unpacked, and for what says that it is too large."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchRefused("The answer is compressed, which was not asked for.")
    declared = answer.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)


def _too_large(most: int) -> FetchRefused:
    return FetchRefused(f"The answer is larger than {most:,} bytes.")


async def _body(answer: httpx2.Response, most: int, deadline: float, *, cut: bool) -> AsyncIterator[bytes]:
    parts, left = answer.aiter_raw(), most
    while True:
        with _failures():
            async with asyncio.timeout_at(deadline):
                part = await anext(parts, None)
        if part is None:
            return
        left -= len(part)
        if left < 0 and not cut:
            raise _too_large(most)
        yield part[: left or None] if left < 0 else part
        if left <= 0 and cut:
            return


_fetcher = Fetcher()
fetch = _fetcher.fetch


def allow(networks: Sequence[Network]) -> None:
    """From now on this process asks addresses in `networks` too: the operator's word."""
    _fetcher.allowed = tuple(networks)
