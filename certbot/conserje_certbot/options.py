"""Options that several commands have; each may stand in the environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from conserje_certbot import names
from conserje_certbot.client import Client
from conserje_certbot.store import Store

Folder = click.Path(file_okay=False, path_type=Path)


def _bases(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> list[str]:
    found = [names.written(name) for value in given for name in value.split(",") if name.strip()]
    if not found:
        raise click.MissingParameter(ctx=context, param=parameter)
    return list(dict.fromkeys(found))


def absolute(context: click.Context, parameter: click.Parameter, given: Path | None) -> Path | None:
    """The timer that renews starts elsewhere."""
    return given.absolute() if given else None


def _address(context: click.Context, parameter: click.Parameter, given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter(f"{given!r} is no host:port such as 127.0.0.1:443.")
    return host.strip("[]"), int(port)


domains_option = click.option(
    "--domain",
    "domains",
    multiple=True,
    envvar="CONSERJE_DOMAINS",
    callback=_bases,
    metavar="DOMAIN",
    show_envvar=True,
    help="A base domain; repeatable, or with commas between.",
)
certificates_option = click.option(
    "--certificates",
    type=Folder,
    envvar="CONSERJE_CERTIFICATES",
    default="/etc/conserje/certificates",
    show_default=True,
    callback=absolute,
    show_envvar=True,
    help="The folder that nginx reads certificates from.",
)
group_option = click.option(
    "--group",
    envvar="CONSERJE_CERTBOT_GROUP",
    show_envvar=True,
    help="The group of nginx's workers; that of the folder, if not given.",
)
folder_option = click.option(
    "--certbot-dir",
    type=Folder,
    envvar="CONSERJE_CERTBOT_DIR",
    default="/var/lib/conserje/certbot",
    show_default=True,
    callback=absolute,
    show_envvar=True,
    help="The folder of certbot's account and keys.",
)
connect_option = click.option(
    "--connect",
    envvar="CONSERJE_CERTBOT_CONNECT",
    default="127.0.0.1:443",
    show_default=True,
    callback=_address,
    metavar="HOST:PORT",
    show_envvar=True,
    help="The address at which nginx listens for TLS.",
)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def with_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the command nginx's folder as `store`."""

    @domains_option
    @certificates_option
    @group_option
    @wraps(command)
    def with_one(domains: list[str], certificates: Path, group: str | None, **others: Any) -> Any:
        return command(store=Store(certificates, group, domains), **others)

    return with_one


def with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the command certbot as `client`."""

    @folder_option
    @wraps(command)
    def with_one(certbot_dir: Path, **others: Any) -> Any:
        return command(client=Client(certbot_dir), **others)

    return with_one
