"""nginx on this machine, for `conserje up --edge`: an authority of its own, and what to start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conserje.net.listen import dialled, host_and_port
from conserje.settings import Settings, SettingsError
from conserje_nginx.authority import Authority
from conserje_nginx.render import Edge, Version, render


@dataclass(frozen=True, kw_only=True)
class Local:
    """What `conserje up --edge` is told, as JSON."""

    command: list[str]
    listens: list[str]
    environment: dict[str, str]
    authority: str


def prepare(settings: Settings, http_listen: str, https_listen: str, body_limits: str) -> Local:
    """Write certificates and configuration into the data directory. Raises SettingsError."""
    program, folder = find_nginx(), settings.data_dir.absolute() / "edge"
    domains = _domains(settings.domains)
    _port(http_listen, "CONSERJE_HTTP_LISTEN")
    port = _port(https_listen, "CONSERJE_HTTPS_LISTEN")
    edge = Edge(
        domains=domains,
        upstream=_upstream(settings.listen),
        operator_upstream=_upstream(settings.operator_listen),
        console_upstream=_upstream(settings.console_listen),
        body_limits=body_limits,
        certificates=str(folder / "certificates"),
        acme_root=str(folder / "acme"),
        http_listen=http_listen,
        https_listen=https_listen,
        https_port=port,
        access_log=str(folder / "access.log"),
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Authority(folder / "authority")
    authority.issue(names(domains), folder / "certificates" / "wildcard.pem")
    render(edge, folder, version(program))
    return Local(
        command=command(program, folder),
        listens=[http_listen, https_listen],
        environment={
            "CONSERJE_DOMAINS": ",".join(dict.fromkeys([*domains, *settings.domains])),
            "CONSERJE_PUBLIC_URL": settings.public_url or f"https://{{slug}}.{domains[0]}:{port}",
        },
        authority=str(authority.certificate_file),
    )


def find_nginx() -> str:
    """Where nginx is. Raises SettingsError."""
    if found := shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
        return found
    raise SettingsError("nginx is not installed: on Debian, `apt install nginx`.")


def version(program: str) -> Version:
    """Of an nginx, as it says itself. Raises SettingsError."""
    said = subprocess.run([program, "-v"], capture_output=True, text=True).stderr
    if found := re.search(r"nginx/([0-9]+(?:\.[0-9]+)+)", said):
        return tuple(map(int, found[1].split(".")))
    raise SettingsError(f"{program} does not say its version by -v.")


def command(program: str, prefix: Path, *more: str) -> list[str]:
    """The command by which nginx stays a child of ours. As root its workers are root too: they must reach
    the data directory, which nobody else may enter."""
    user = " user root;" if os.geteuid() == 0 else ""
    return [program, "-p", str(prefix), "-c", "nginx.conf", "-e", "stderr", "-g", f"daemon off;{user}", *more]


def names(domains: Sequence[str]) -> list[str]:
    """What one certificate has to be for."""
    return [name for domain in domains for name in (domain, f"*.{domain}")]


def _domains(given: Sequence[str]) -> tuple[str, ...]:
    """No client takes a wildcard of a whole top-level domain, so below localhost another label is needed."""
    return tuple(domain if "." in domain else f"conserje.{domain}" for domain in given)


def _port(listen: str, setting: str) -> int:
    if "," in listen or not (place := host_and_port(listen)):
        raise SettingsError(f"{setting}: {listen!r} is no address:port, such as 127.0.0.1:8443.")
    return place[1]


def _upstream(listen: str) -> str:
    place = host_and_port(listen)
    return dialled(*place) if place else f"unix:{Path(listen).absolute()}"
