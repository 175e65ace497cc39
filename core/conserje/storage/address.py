"""The database's address: which URL names one, what of it is passed on, how errors name the server."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

# What asyncpg takes for itself.
PARAMETERS = frozenset({
    "host", "port", "user", "password", "passfile", "dbname", "database", "service", "sslmode", "sslcert",
    "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation", "ssl_min_protocol_version",
    "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib",
})  # fmt: skip
# What libpq or another program takes for itself: asyncpg would hand it to the server, which knows none.
DROPPED = frozenset({
    "application_name", "fallback_application_name", "client_encoding", "connect_timeout", "channel_binding",
    "gssencmode", "gssdelegation", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
    "tcp_user_timeout", "load_balance_hosts", "sslcompression", "sslsni", "sslcertmode", "pgbouncer",
    "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size", "schema", "supa",
})  # fmt: skip
_HOST_AND_PORT = re.compile(r"(\[[0-9a-f:.%]+\]|[^:\[\]]*)(:[0-9]{1,5})?", re.IGNORECASE)
_ENCODED = re.compile(r"(?:[^%]|%(?!00)[0-9a-f]{2})*+", re.IGNORECASE)
_SUPABASE_TRANSACTIONS = re.compile(r"\.supabase\.(?:com|co)\.?:6543\Z", re.IGNORECASE)


def checked(url: str) -> str:
    """`url` without what is another driver's. Raises ValueError, with a text that shows nothing of it."""
    if not _names_database(url):
        raise ValueError(
            "write postgresql://user:password@host/database, and in user and password"
            " / ? # [ ] @ : % as %2F %3F %23 %5B %5D %40 %3A %25"
        )
    if any(_SUPABASE_TRANSACTIONS.search(host) for host in _hosts(url)):
        raise ValueError(
            "Supabase's port 6543 gives each transaction another connection, which loses roles and"
            " notifications: write its port 5432"
        )
    before, _, query = url.partition("?")
    given = [part for part in query.split("&") if _name(part) not in DROPPED]
    if strangers := sorted({_name(part) for part in given if part} - PARAMETERS):
        raise ValueError(
            f"{strangers[0]} is no parameter that Conserje passes on: take it out, and set what is the"
            " server's by ALTER ROLE ... SET"
        )
    return "?".join(filter(None, (before, "&".join(given))))


def place(url: str) -> str:
    """The server's hosts with their ports, or the folder of its socket."""
    return ", ".join(_hosts(url)) or "its local socket"


def each_host(url: str) -> list[str]:
    """`url` once for each of the hosts that it names."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=user + at + host).geturl() for host in hosts.split(",")]


def _names_database(url: str) -> bool:
    """Whether `url` names a database, and no part of its password can be taken for another part."""
    try:
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        return False
    user, _, hosts = parts.netloc.rpartition("@")
    return (
        parts.scheme in ("postgresql", "postgres")
        and not parts.fragment
        and "@" not in user + parts.path + parts.query
        and _ENCODED.fullmatch(user) is not None
        and all(_good_host(host) for host in hosts.split(","))
    )


def _good_host(host: str) -> bool:
    match = _HOST_AND_PORT.fullmatch(host)
    return match is not None and (match[2] is None or 0 < int(match[2][1:]) < 65536)


def _hosts(url: str) -> list[str]:
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    named = unquote(parts.netloc.rpartition("@")[2]) or query.get("host", "")
    return [_with_port(host, query.get("port", "5432")) for host in named.split(",") if host]


def _with_port(host: str, port: str) -> str:
    match = _HOST_AND_PORT.fullmatch(host)
    return host if host.startswith("/") or (match and match[2]) else f"{host}:{port}"


def _name(parameter: str) -> str:
    return unquote(parameter.partition("=")[0])
