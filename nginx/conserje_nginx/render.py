"""Writes nginx's configuration, from the templates that the official image renders."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from conserje.settings import PREFIX, SettingsError
from conserje.tenants.base_domains import base_domains

PACKAGE = files("conserje_nginx")
PARTS = ("acme", "closed", "headers", "proxy", "server", "tenant", "tls", "webhook")
TEMPLATES = ("conserje.conf", *(f"conserje/{part}.conf" for part in PARTS))
_PLAIN = re.compile(r"[A-Za-z0-9._:/,=\[\]-]+")  # anything else could end a directive
_SERVER = re.compile(r"unix:/[^,\[\]:]+|(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_LISTEN = re.compile(r"(?:(?:[0-9.]+|\[[0-9A-Fa-f:.]+\]):)?[0-9]{1,5}")
_BODY_LIMIT = re.compile(r"[a-z0-9-]+=[1-9][0-9]*[km]?")
_PATH = re.compile(r"/[^,:\[\]]*")

Version = tuple[int, ...]
OLDEST: Version = (1, 22)
_HTTP2_DIRECTIVE: Version = (1, 25, 1)  # from then on a word of `listen` is a warning


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What the templates are told; each field is the variable CONSERJE_<FIELD>.

    Raises SettingsError for what nginx, or the core, would not take.
    """

    domains: tuple[str, ...]
    upstream: str = "127.0.0.1:8080"
    operator_upstream: str = "127.0.0.1:9001"
    console_upstream: str = "127.0.0.1:9101"
    body_limits: str = "meta=3m"
    certificates: str = "/etc/conserje/certificates"
    acme_root: str = "/var/lib/conserje/acme"
    http_listen: str = "80,[::]:80"
    https_listen: str = "443,[::]:443"
    https_port: int = 443
    access_log: str = "/dev/stdout"

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", tuple(base_domains(self.domains)))
        for name, value in self.given().items():
            if not _PLAIN.fullmatch(value):
                raise SettingsError(f"{name}: {value!r} may have letters, digits and ._:/,=[]- only.")
        for name in ("upstream", "operator_upstream", "console_upstream"):
            self._check(name, _SERVER, "neither host:port nor unix:/path")
        for name in ("http_listen", "https_listen"):
            self._check(name, _LISTEN, "neither a port nor address:port, such as 443 or [::]:443")
        self._check("body_limits", _BODY_LIMIT, "no channel with its limit, such as meta=3m")
        for name in ("certificates", "acme_root", "access_log"):
            self._check(name, _PATH, "no absolute path")
        if not 0 < self.https_port < 65536:
            raise SettingsError(f"{PREFIX}HTTPS_PORT: {self.https_port} is no port from 1 to 65535.")

    def _check(self, field: str, form: re.Pattern[str], what: str) -> None:
        for part in str(getattr(self, field)).split(","):
            if not form.fullmatch(part):
                raise SettingsError(f"{PREFIX}{field.upper()}: {part!r} is {what}.")

    def given(self) -> dict[str, str]:
        """The variables that an operator sets."""
        values = {PREFIX + field.name.upper(): getattr(self, field.name) for field in fields(self)}
        return {
            name: ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
        }

    def variables(self, nginx: Version) -> dict[str, str]:
        """Those and the ones made of them, as entrypoint/16-conserje.envsh makes them for this nginx."""
        listens, http2 = ("ssl", "http2 on;") if nginx >= _HTTP2_DIRECTIVE else ("ssl http2", "")
        made = {
            "BASE_NAMES": " ".join(self.domains),
            "CONSOLE_NAMES": " ".join(f"console.{domain}" for domain in self.domains),
            "BASE_EXPRESSION": "|".join(domain.replace(".", r"\.") for domain in self.domains),
            "UPSTREAM_SERVERS": _each(self.upstream, "server {} max_fails=0;"),
            "OPERATOR_UPSTREAM_SERVERS": _each(self.operator_upstream, "server {} max_fails=0;"),
            "CONSOLE_UPSTREAM_SERVERS": _each(self.console_upstream, "server {} max_fails=0;"),
            "LARGE_WEBHOOKS": self._large("~ ^/bot/{}/(?:webhook|status)$"),
            "LARGE_SHARED_WEBHOOKS": self._large("= /webhook/{}"),
            "HTTP_LISTENS": _each(self.http_listen, "listen {};"),
            "HTTP_LISTENS_DEFAULT": _each(self.http_listen, "listen {} default_server;"),
            "HTTPS_LISTENS": _each(self.https_listen, f"listen {{}} {listens};"),
            "HTTPS_LISTENS_DEFAULT": _each(self.https_listen, f"listen {{}} {listens} default_server;"),
            "HTTP2": http2,
            "HTTPS_SUFFIX": "" if self.https_port == 443 else f":{self.https_port}",
        }
        return self.given() | {PREFIX + name: value for name, value in made.items()}

    def _large(self, place: str) -> str:
        """A location for every channel with a limit of its own."""
        limits = [part.partition("=") for part in self.body_limits.split(",")]
        return " ".join(
            f"location {place.format(channel)} "
            f"{{ client_max_body_size {limit}; include conf.d/conserje/webhook.conf; }}"
            for channel, _, limit in limits
        )


def render(edge: Edge, folder: Path, nginx: Version) -> None:
    """Write the configuration that `nginx -p FOLDER -c nginx.conf` of this version starts from."""
    _write(folder / "nginx.conf", PACKAGE.joinpath("nginx.conf").read_text("utf-8"))
    variables = edge.variables(nginx)
    for name in TEMPLATES:
        template = PACKAGE.joinpath("templates", f"{name}.template").read_text("utf-8")
        _write(folder / "conf.d" / name, substitute(template, variables))


def substitute(template: str, variables: dict[str, str]) -> str:
    """As envsubst does that is told the variables' names; others are nginx's own."""
    return re.sub(r"\$\{(\w+)\}", lambda found: variables.get(found[1], found[0]), template)


def _each(listed: str, text: str) -> str:
    return " ".join(text.format(part) for part in listed.split(","))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
