"""Where a process listens, as settings say it: host:port, or the path of a socket."""

from __future__ import annotations

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where one listens, not where one connects


def host_and_port(listen: str) -> tuple[str, int] | None:
    """The host, without the brackets of IPv6, and the port; None for whatever else, like a socket's path."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:9]) < 65536:
        return None
    return host.strip("[]"), int(port)


def dialled(host: str, port: int) -> str:
    """What a client on this machine writes into a URL for a server that listens there."""
    host = _ANYWHERE.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
