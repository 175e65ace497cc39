"""`conserje edge`: the configuration of nginx in front of Conserje."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from conserje.installation import read_settings
from conserje.settings import PREFIX, SettingsError
from conserje_nginx import local
from conserje_nginx.render import OLDEST, Edge, Version, render


@click.group()
def edge() -> None:
    """The edge: nginx in front of Conserje."""


def _setting(
    name: str, meaning: str, default: object = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option for a field of Edge, which is also the variable CONSERJE_<FIELD>."""
    field = name.removeprefix("--").replace("-", "_")
    return click.option(
        name,
        envvar=PREFIX + field.upper(),
        default=default or getattr(Edge, field),
        show_default=True,
        show_envvar=True,
        help=meaning,
    )


@edge.command("render")
@click.option(
    "--domain", "domains", multiple=True, help="A base domain; repeatable. [default: CONSERJE_DOMAINS]"
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder.")
@_setting("--upstream", "The addresses of `serve`: host:port or unix:/path, with commas between.")
@_setting("--operator-upstream", "The address of `serve` for the operator.")
@_setting("--console-upstream", "The address of `serve` for the console and the API.")
@_setting("--body-limits", "The largest webhook body of a channel, with commas between; 64k for all others.")
@_setting("--certificates", "The folder of wildcard.pem and custom/<domain>.pem.")
@_setting("--acme-root", "The folder below which answers to http-01 challenges are put.")
@_setting("--http-listen", "The ports for HTTP, or address:port, with commas between.")
@_setting("--https-listen", "The same for TLS.")
@_setting("--https-port", "The port that the world sees, to which HTTP is sent.")
@_setting("--access-log", "The file of requests, as JSON lines.")
def render_(domains: tuple[str, ...], out: Path, **given: Any) -> None:
    """Write nginx's configuration into a folder.

    What is not given is read from the variable CONSERJE_<OPTION>, else it has its default. The folder is a
    prefix of nginx, in which it also keeps its temporary files.

    \b
    Example:
      conserje edge render --domain bots.example.com --out edge
      nginx -t -p edge -c nginx.conf
    """
    listed = domains or tuple(
        part.strip() for part in os.environ.get(f"{PREFIX}DOMAINS", "").split(",") if part.strip()
    )
    render(Edge(domains=listed, **given), out, _version_here())
    folder = out.absolute()
    click.echo(f"Wrote {folder}/nginx.conf. Check it: `nginx -t -p {folder} -c nginx.conf`.")


def _version_here() -> Version:
    """Of the nginx of this machine; without one, the oldest that we know: its form is taken by all."""
    try:
        program = local.find_nginx()
    except SettingsError:
        return OLDEST
    return local.version(program)


@edge.command()
@_setting("--http-listen", "The address:port at which nginx listens.", default="127.0.0.1:8081")
@_setting("--https-listen", "The same for TLS.", default="127.0.0.1:8443")
@_setting("--body-limits", "The largest webhook body of a channel, with commas between; 64k for all others.")
def prepare(http_listen: str, https_listen: str, body_limits: str) -> None:
    """Write what `conserje up --edge` needs into the data directory; print what to start, as JSON.

    The certificates are of an authority that is made there the first time.

    \b
    Example:
      conserje edge prepare
    """
    click.echo(json.dumps(asdict(local.prepare(read_settings(), http_listen, https_listen, body_limits))))
