"""Who asks nginx: names one host in the handshake, and perhaps another in the request."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from debian import require
from nginx.gate import BASE, Gate
from waiting import LIMIT


@dataclass
class Caller:
    """A client of one gate."""

    gate: Gate
    _clients: dict[tuple[bool, str | None], httpx2.AsyncClient] = field(default_factory=dict)

    @property
    def authority(self) -> str:
        """The file of its certificate."""
        return f"{self.gate.edge.certificates}/authority/ca.pem"

    def trust(self) -> ssl.SSLContext:
        """A new one each time: clients write into it which HTTP they speak."""
        return ssl.create_default_context(cafile=self.authority)

    async def ask(
        self,
        host: str,
        path: str = "/",
        *,
        sni: str | None = None,
        http2: bool = False,
        source: str | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx2.Response:
        """The answer to a request for `host`; the handshake names it too, unless `sni` is another."""
        url = httpx2.URL(
            scheme="https", host="127.0.0.1", port=self.gate.https_port, raw_path=path.encode("latin-1")
        )
        name = sni if sni is not None else host.partition(":")[0].lower().rstrip(".")
        return await self.client(name, http2, source).request(
            method,
            url,
            headers={"host": host, **(headers or {})},
            content=content,
            extensions={"sni_hostname": name},
        )

    async def of(self, slug: str, path: str = "/", **given: Any) -> httpx2.Response:
        return await self.ask(f"{slug}.{BASE}", path, **given)

    def client(self, name: str, http2: bool, source: str | None) -> httpx2.AsyncClient:
        key = (http2, f"{name} {source}")
        if key not in self._clients:
            transport = httpx2.AsyncHTTPTransport(
                verify=self.trust(),
                http1=not http2,
                http2=http2,
                local_address=source,
                limits=httpx2.Limits(max_connections=100),
                trust_env=False,
            )
            self._clients[key] = httpx2.AsyncClient(transport=transport, timeout=LIMIT)
        return self._clients[key]

    async def close(self) -> None:
        """Leave, with all connections."""
        while self._clients:
            await self._clients.popitem()[1].aclose()

    async def connect(self, sni: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of HTTP/1.1, with the handshake done."""
        return await asyncio.open_connection(
            "127.0.0.1", self.gate.https_port, ssl=self.trust(), server_hostname=sni
        )

    async def raw(self, request: bytes, sni: str, until: bytes = b"\0") -> bytes:
        """What is answered, until nginx closes or resets the connection, or has said `until`."""
        reader, writer = await self.connect(sni)
        writer.write(request)
        answer = b""
        with contextlib.closing(writer), contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(LIMIT):
                while until not in answer and (part := await reader.read(65536)):
                    answer += part
        return answer

    async def curl(self, host: str, path: str, *options: str) -> str:
        """The head of an answer to curl; httpx2 does not read one that comes before its body is sent."""
        process = await asyncio.create_subprocess_exec(
            *(require("curl", "curl"), "-sS", "-i", "--max-time", str(LIMIT), "--cacert", self.authority),
            *("--connect-to", f"::127.0.0.1:{self.gate.https_port}", *options),
            f"https://{host}{path}",
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return output.decode()

    async def plain(self, host: str, path: str = "/") -> httpx2.Response:
        """The answer on the port of HTTP."""
        async with httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as client:
            url = f"http://127.0.0.1:{self.gate.http_port}{path}"
            return await client.get(url, headers={"host": host})
