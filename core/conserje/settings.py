"""The operator's settings, read from CONSERJE_* variables."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from conserje.errors import OperatorError
from conserje.storage import address

PREFIX = "CONSERJE_"
HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*")


_NAMED = re.compile(rf"\b{PREFIX}[A-Z0-9_]+")
KEEP = re.compile(r"(?=.*[1-9])(?:([0-9]{1,3})d)?(?:([0-9]{1,3})w)?(?:([0-9]{1,3})m)?")  # days, weeks, months
_CHOICE = re.compile(r"[\w.-]++=[\w.-]++")
_PORT = re.compile(r"[^/\s]+:([0-9]{1,5})", re.ASCII)
_MAILBOX = re.compile(r"[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+")
_QUOTES = "\"'\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"

_WORDS = {  # by pydantic's name of the fault, with what the model wants
    "bool_parsing": "write true or false",
    "decimal_parsing": "write a number",
    "finite_number": "write a number",
    "float_parsing": "write a number",
    "greater_than": "write more than {gt:g}",
    "greater_than_equal": "write {ge:g} or more",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "ip_v4_network": "write networks such as 192.168.7.0/24, with commas between them",
    "ip_v6_network": "write networks such as 192.168.7.0/24, with commas between them",
    "less_than_equal": "write {le:g} or less",
    "literal_error": "write {expected}",
}


_OF_ITSELF, _LEAST_DIRECTORY = 128, 8  # megabytes of a process


class SettingsError(OperatorError):
    """A setting is wrong; the text names it first and says what to write instead."""

    def __init__(self, text: str) -> None:
        named = _NAMED.search(text)
        super().__init__(text, named[0] if named else "")


def default_data_dir() -> Path:
    if os.geteuid() == 0:  # the embedded Postgres's user cannot enter its home
        return Path("/var/lib/conserje")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(base) / "conserje"


class Settings(BaseModel):
    """What the operator of an installation decides; each field is CONSERJE_<FIELD>."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    database_url: str | None = Field(
        default=None,
        description="Postgres 15 or newer, as postgresql://user:password@host/database, with / ? # [ ] @ : %"
        " in user and password as %2F %3F %23 %5B %5D %40 %3A %25; behind a pooler in session mode only, like"
        " Supabase's port 5432. Parameters that other drivers take for themselves are dropped. None: the"
        " embedded server.",
    )
    domains: tuple[str, ...] = Field(
        default=("localhost",),
        description="Base domains, comma-separated; all of them name the same tenants.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="The folder of the embedded Postgres, the keyring and contacts' files. None:"
        " /var/lib/conserje for root, else ~/.local/share/conserje. Root's Postgres runs as the user"
        " pgserver, whom every folder on the way must let pass.",
    )
    master_keys_file: Path | None = Field(
        default=None, description="The keyring. None: keys/master.json in the data directory."
    )
    backups: Path | None = Field(
        default=None,
        description="The folder of backups, best of another machine's disk: `backup` writes there, `work`"
        " keeps the log there of what a restored one must not undo, and `/readyz` warns of their age. None:"
        " neither.",
    )
    backups_keep: str = Field(
        default="7d4w6m", description="Of how many days, weeks and months a backup is kept."
    )
    listen: str = Field(
        default="127.0.0.1:8080", description="The address of `serve`: host:port, or the path of a socket."
    )
    operator_listen: str = Field(
        default="127.0.0.1:9001",
        description="The address of `serve` for the operator: health, metrics, the predecessors' routes;"
        " host:port, or the path of a socket.",
    )
    console_listen: str = Field(
        default="127.0.0.1:9101",
        description="The address of `serve` for the console and the API; host:port, or the path of a socket.",
    )
    api_rate: int = Field(
        default=600, ge=1, description="The requests that one key may make in a minute at the API."
    )
    public_url: str | None = Field(
        default=None,
        description="A tenant's public address with {slug} in it. None: https://{slug}.<first"
        " domain>, or http and the port of `listen` under localhost.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=("127.0.0.1", "::1"),
        description="Peers whose X-Forwarded-Proto is believed, comma-separated; a unix socket's"
        " peer always is.",
    )
    workers: int = Field(default=2, ge=1, le=256, description="The number of `serve`'s processes.")
    slots: int = Field(
        default=40, ge=20, le=1000, description="The number of turns and deliveries at once in one `work`."
    )
    memory_limit: int = Field(
        default=1024,
        ge=128,
        description="The memory that each process of `serve` and `work` may hold, in megabytes; then it is"
        " ended, and another one started. Half of what it does not need itself is for tenants' rows,"
        " some 3 kB each.",
    )
    spool: Literal["on", "off"] = Field(
        default="on",
        description="Whether a file in the data directory takes events while Postgres cannot;"
        " off for a node without a lasting disk.",
    )
    spool_limit: int = Field(
        default=4096, ge=1, description="The largest size of that file, in megabytes; then nothing is taken."
    )
    body_limit: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        description="The largest body that the operator's own routes take, in bytes; a webhook's is its"
        " channel's.",
    )
    turn_limit: float = Field(default=30.0, gt=0, description="The seconds that an assistant may think.")
    send_limit: float = Field(
        default=20.0, gt=0, description="The seconds that a provider may take for one message."
    )
    files_of_contact: int = Field(
        default=100,
        ge=0,
        description="The megabytes that are kept of what one contact sends in a day; a file counts as 64 KB"
        " at least.",
    )
    files_of_tenant: int = Field(
        default=10_240, ge=0, description="The megabytes that are kept of what a tenant's contacts send."
    )
    tokens_of_contact: int = Field(
        default=500_000,
        ge=0,
        description="The tokens that models may read and write for one contact in a day, where the tenant"
        " says nothing else; 0: without bound. So the five below.",
    )
    usd_of_contact: Decimal = Field(
        default=Decimal(0), ge=0, le=1_000_000, description="What models may cost for one contact in a day."
    )
    tokens_of_day: int = Field(
        default=0, ge=0, description="The tokens that models may read and write for a tenant in a day."
    )
    usd_of_day: Decimal = Field(
        default=Decimal(0), ge=0, le=1_000_000, description="What models may cost a tenant in a day."
    )
    tokens_of_month: int = Field(
        default=0, ge=0, description="The tokens that models may read and write for a tenant in a month."
    )
    usd_of_month: Decimal = Field(
        default=Decimal(0),
        ge=0,
        le=1_000_000,
        description="What models and messages may cost a tenant in a month: at 80 and at 100 percent somebody"
        " is told, and then no model is called.",
    )
    fetch_every: float = Field(
        default=300.0,
        ge=0,
        description="The seconds until an account's provider is asked again for messages that it could not"
        " post, where the channel can; 0: never.",
    )
    fetch_allow: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="Networks outside the public internet in which addresses that a stranger gave are asked"
        " all the same, comma-separated, like 192.168.7.0/24; for hosts of one's own.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server for notices to tenants: smtp://user:password@host:587 with STARTTLS, or"
        " smtps://user:password@host:465. None: no notices by e-mail.",
    )
    mail_from: str | None = Field(
        default=None, description="The sender of these e-mails, like bot@example.com."
    )
    oidc_client_id: str | None = Field(
        default=None, description="What that issuer calls this installation: its client id."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="By which it knows this installation: its client secret."
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="Who vouches, by OpenID Connect, for people who come in at the console, letter by letter"
        " as it calls itself, like https://login.example.com. None: nobody does.",
    )
    passwords: Literal["on", "off"] = Field(
        default="on",
        description="Whether people come in at the console by a password, too; off: by passkeys, and as the"
        " issuer knows them.",
    )
    plugins: tuple[str, ...] = Field(
        default=(),
        description="Whose plugin is taken where two distributions have one of the same name, as"
        " name=distribution, comma-separated; without it neither is.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is logged."
    )

    @field_validator("domains", "trusted_proxies", "fetch_allow", "plugins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("domains")
    @classmethod
    def _check_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("write a domain, such as bots.example.com")
        for domain in value:
            if not HOST.fullmatch(domain.lower().removesuffix(".")):
                raise ValueError(f"{domain!r} is no domain such as bots.example.com")
        return tuple(domain.lower().removesuffix(".") for domain in value)

    @field_validator("backups_keep")
    @classmethod
    def _check_keep(cls, value: str) -> str:
        if not KEEP.fullmatch(value):
            raise ValueError("write days, weeks and months, such as 7d4w6m")
        return value

    @field_validator("listen", "operator_listen", "console_listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        port = _PORT.fullmatch(value)
        if "/" not in value and not (port and 0 < int(port[1]) < 65536):
            raise ValueError("write host:port, such as 127.0.0.1:8080, or the path of a socket")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and not _is_public_url(value):
            raise ValueError("write https://{slug}.example.com, with {slug} where a tenant's name stands")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for peer in value:
            try:
                ip_network(peer)
            except ValueError:
                raise ValueError(
                    f"{peer!r} is neither an address nor a network such as 10.0.0.0/24"
                ) from None
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, value: str | None) -> str | None:
        if value is not None and not _MAILBOX.fullmatch(value):
            raise ValueError("write an address such as bot@example.com, or Bots <bot@example.com>")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _check_issuer(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not _is_issuer(value):
            raise ValueError("write https://login.example.com, without ? and #")
        if not (info.data.get("oidc_client_id") and info.data.get("oidc_client_secret")):
            raise ValueError("write CONSERJE_OIDC_CLIENT_ID and CONSERJE_OIDC_CLIENT_SECRET, too")
        return value

    @field_validator("plugins")
    @classmethod
    def _check_choice(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_CHOICE.fullmatch(each) for each in value):
            raise ValueError("write name=distribution, and commas between several")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str | None) -> str | None:
        return None if value is None else address.checked(value)

    @field_validator("smtp_url")
    @classmethod
    def _check_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                parts = urlsplit(value.get_secret_value())
                good = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
            except ValueError:
                good = False
            if not good:
                raise ValueError("write smtp://user:password@host:587 or smtps://user:password@host:465")
        return value

    @property
    def keyring(self) -> Path:
        return self.master_keys_file or self.data_dir / "keys" / "master.json"

    @property
    def files(self) -> Path:
        """Where the files lie that contacts sent."""
        return self.data_dir / "files"

    @property
    def directory_memory(self) -> int:
        """The bytes that a process may take to remember tenants: half of what it does not need itself."""
        return max(_LEAST_DIRECTORY, (self.memory_limit - _OF_ITSELF) // 2) * 2**20

    def tenant_url(self, slug: str) -> str:
        """The tenant's public address, without a slash at the end."""
        if self.public_url:
            return self.public_url.format(slug=slug).rstrip("/")
        domain = self.domains[0]
        if domain == "localhost" and ":" in self.listen:
            return f"http://{slug}.{domain}:{self.listen.rpartition(':')[2]}"
        return f"https://{slug}.{domain}"

    @property
    def console_url(self) -> str:
        """The console's public address, without a slash at the end."""
        if not self.public_url and self.domains[0] == "localhost" and ":" in self.console_listen:
            return f"http://console.localhost:{self.console_listen.rpartition(':')[2]}"
        return self.tenant_url("console")

    @property
    def pushes(self) -> bool:
        """Whether browsers let the console push: to pages that came over https, or from the same machine."""
        parts = urlsplit(self.console_url)
        return parts.scheme == "https" or f".{parts.hostname}".endswith(".localhost")


def read(environment: Mapping[str, str], plugin_variables: Iterable[str] = ()) -> Settings:
    """The settings in `environment`. Raises SettingsError, also for a variable of nobody's."""
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    _refuse_small(environment)
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    strangers = sorted(set(ours) - set(known) - set(plugin_variables))
    if strangers:
        nearest = difflib.get_close_matches(strangers[0], [*known, *plugin_variables], 1)
        hint = f": the nearest is {nearest[0]}" if nearest else ""
        raise SettingsError(f"{strangers[0]} is no setting of Conserje or of a plugin{hint}.")
    for name, value in ours.items():
        _refuse_wrapped(name, value)
    try:
        return Settings.model_validate({known[k]: v for k, v in ours.items() if k in known and v})
    except ValidationError as error:
        raise wrong(error, "") from None


def _refuse_small(environment: Mapping[str, str]) -> None:
    """Raises SettingsError for a name that is not written in capitals, which nobody would hear."""
    for name in environment:
        if name.upper().startswith(PREFIX) and name != name.upper():
            raise SettingsError(f"{name} is not heard: write {name.upper()}.")


def _refuse_wrapped(name: str, value: str) -> None:
    """Raises SettingsError for what some tools keep of an environment's file: quotes, blanks, a CR."""
    if value != value.strip():
        raise SettingsError(f"{name} has blanks around its value: take them out.")
    if len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES:
        raise SettingsError(f"{name} has quotes around its value, which whoever set it kept: take them out.")


def wrong(error: ValidationError, plugin: str) -> SettingsError:
    """What is wrong with a setting of core's, or of a plugin's Operator model; never the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = "_".join(map(str, first["loc"])) if plugin else str(first["loc"][0])
    words = _WORDS.get(first["type"])
    why = words.format(**first.get("ctx", {})) if words else first["msg"].removeprefix("Value error, ")
    return SettingsError(f"{plugin_variable(plugin, place) if plugin else PREFIX + place.upper()}: {why}.")


def _is_public_url(url: str) -> bool:
    try:
        parts = urlsplit(url.format(slug="acme"))
        return (
            "{slug}" in url and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        )
    except (ValueError, KeyError, IndexError, AttributeError):
        return False


def _is_issuer(url: str) -> bool:
    """Over http only on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    near = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    open_ = parts.username or parts.query or parts.fragment or not url.isprintable() or " " in url
    return bool(host) and not open_ and parts.scheme in (("http", "https") if near else ("https",))


def plugin_choice(environment: Mapping[str, str]) -> dict[str, str]:
    """The distribution that the operator has chosen for a plugin's name. Raises SettingsError."""
    given = read({name: value for name, value in environment.items() if name == f"{PREFIX}PLUGINS"})
    return dict(each.split("=", 1) for each in given.plugins)


def plugin_variable(plugin: str, field: str) -> str:
    return f"{PREFIX}{plugin}_{field}".upper()


def plugin_values(environment: Mapping[str, str], plugin: str, operator: type[BaseModel]) -> dict[str, str]:
    """The operator's values for a plugin: CONSERJE_<PLUGIN>_<FIELD> of its Operator model."""
    names = {field: plugin_variable(plugin, field) for field in operator.model_fields}
    return {field: environment[name] for field, name in names.items() if environment.get(name)}
