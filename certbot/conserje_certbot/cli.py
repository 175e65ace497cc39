"""`conserje certificate`, with what it does after the first issue."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from conserje_certbot import names, served
from conserje_certbot.client import Client, deploy_hook
from conserje_certbot.failure import CertificateError, attempt
from conserje_certbot.issue import issue
from conserje_certbot.options import Folder, connect_option, json_option, with_client, with_store
from conserje_certbot.served import Finding
from conserje_certbot.store import WILDCARD, Store


@click.group()
def certificate() -> None:
    """Get, renew and check the TLS certificates that nginx serves."""


certificate.add_command(issue)


@certificate.command()
@with_store
@with_client
@connect_option
@click.option(
    "--every",
    type=click.FloatRange(0, min_open=True),
    metavar="HOURS",
    help="Do it again after so many hours, and again.",
)
@json_option
def renew(store: Store, client: Client, connect: tuple[str, int], every: float | None, as_json: bool) -> None:
    """Renew what is due, give it to nginx, and check what is served.

    Due is what the CA says (ARI), or two thirds of a certificate's life. Exit code 1 when anything failed.

    \b
    Example:
      conserje certificate renew
    """
    if every is None:
        _renew(store, client, connect, as_json)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container has no default
    while True:
        try:
            _renew(store, client, connect, as_json)
        except CertificateError as error:
            error.show()
        except OSError as error:
            CertificateError(str(error)).show()
        time.sleep(every * 3600 * random.uniform(0.9, 1.1))  # noqa: S311 - so that not everybody asks at once


def _renew(store: Store, client: Client, connect: tuple[str, int], as_json: bool) -> None:
    """Not at a random moment, as certbot does without a terminal: whoever calls has seen to that."""
    faults: list[str] = []
    with client.alone():
        attempt(faults, client.run, "renew", "--no-random-sleep-on-renew", *deploy_hook(store))
        for lineage in client.lineages():
            attempt(faults, store.deploy, lineage)  # certbot runs a hook that failed no second time
    findings = _check(store, client, connect)
    _show(findings, as_json)
    _require_none([*faults, *(finding.fault for finding in findings)])


@certificate.command()
@with_store
@click.argument("lineage", type=Folder, envvar="RENEWED_LINEAGE")
@json_option
def deploy(store: Store, lineage: Path, as_json: bool) -> None:
    """Give nginx the key and the certificates of a folder of certbot's; certbot's deploy hook.

    \b
    Example:
      conserje certificate deploy /var/lib/conserje/certbot/config/live/wildcard
    """
    bundle, file = store.deploy(lineage), store.path(lineage.name)
    if as_json:
        click.echo(bundle.as_json(file))
    else:
        click.echo(f"{file} holds {bundle.serial}.")


@certificate.command()
@with_store
@with_client
@connect_option
@json_option
def check(store: Store, client: Client, connect: tuple[str, int], as_json: bool) -> None:
    """Compare what nginx serves with what was issued; exit code 1 for a difference, or an overdue renewal.

    \b
    Example:
      conserje certificate check --connect 127.0.0.1:443
    """
    findings = _check(store, client, connect)
    _show(findings, as_json)
    _require_none(finding.fault for finding in findings)


def _check(store: Store, client: Client, connect: tuple[str, int]) -> list[Finding]:
    lineages = client.lineages()
    findings = [finding for lineage in lineages for finding in served.check(lineage, store, *connect)]
    if client.lineage(WILDCARD) not in lineages:
        bases = ", ".join(store.bases)
        missing = f"{client.folder} has no certificate for {bases}: run `conserje certificate issue`."
        findings.append(Finding(WILDCARD, None, None, None, missing))
    return findings


def _show(findings: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, default=str))
        return
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        until = f"until {finding.expires:%F %R} UTC" if finding.expires else ""
        state = "fault" if finding.fault else "ok"
        click.echo(f"{finding.name:{width}}  {state:5}  {finding.served or '-'}  {until}".rstrip())


def _require_none(faults: Iterable[str | None]) -> None:
    if found := dict.fromkeys(fault for fault in faults if fault):
        raise CertificateError("\nconserje: ".join(found))


@certificate.command()
@with_store
@with_client
@click.argument("host")
def remove(store: Store, client: Client, host: str) -> None:
    """Renew a tenant's own domain no more, and serve it no more.

    \b
    Example:
      conserje certificate remove chat.acme.cl
    """
    name = names.written(host)
    with client.alone():
        if client.lineage(name) not in client.lineages():
            raise CertificateError(f"{client.folder} has no certificate for {name}.")
        store.remove(name)
        client.run("delete", "--cert-name", name)
    click.echo(f"{name} has no certificate any more.")
