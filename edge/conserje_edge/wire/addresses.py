"""Where a server listens: what a setting says, and whether it is free."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from conserje.net.listen import host_and_port
from conserje.settings import SettingsError

LISTEN, OPERATOR_LISTEN = "CONSERJE_LISTEN", "CONSERJE_OPERATOR_LISTEN"
CONSOLE_LISTEN = "CONSERJE_CONSOLE_LISTEN"
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - to notice it


@dataclass(frozen=True)
class Address:
    """A host and a port, or a unix socket."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"http://{host}:{self.port}"

    def meets(self, other: Address) -> bool:
        """Whether a server here would take some of what is for the other."""
        if self.path or other.path:
            return self.path == other.path
        return self.port == other.port and (
            self.host == other.host or not EVERYWHERE.isdisjoint({self.host, other.host})
        )


def address(listen: str, setting: str = LISTEN) -> Address:
    """The meaning of a setting. Raises SettingsError."""
    if "/" in listen:
        return Address(path=Path(listen).absolute())
    if not (place := host_and_port(listen)):
        raise SettingsError(f"{setting}: {listen!r} is neither host:port nor the path of a socket.")
    try:
        found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(
            f"{setting}: {place[0]} cannot be found ({error.strerror}): write its address."
        ) from None
    return Address(host=str(found[0][4][0]), port=place[1])


def require_free(where: Address, setting: str = LISTEN) -> None:
    """Raises SettingsError where nobody can listen; removes a socket that nobody listens on."""
    try:
        if where.path:
            _require_free_path(where.path, setting)
        else:
            family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
            socket.create_server((where.host, where.port), family=family).close()
    except OSError as error:
        raise SettingsError(
            f"{setting}: {where} cannot be listened on ({error.strerror or error}): "
            "stop who does, or choose another address."
        ) from None


def _require_free_path(path: Path, setting: str) -> None:
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise SettingsError(f"{setting}: {path} is no socket: remove it, or choose another path.")
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fspath(path))
        except FileNotFoundError:
            path.parent.stat()
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise SettingsError(f"{setting}: {path} is another server's: stop that first.")
