"""`conserje certificate issue`: the first certificate, or one gotten in another way than before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from conserje_certbot import credentials, names
from conserje_certbot.client import Client, deploy_hook
from conserje_certbot.failure import CertificateError
from conserje_certbot.options import Folder, absolute, json_option, with_client, with_store
from conserje_certbot.store import WILDCARD, Store

SERVER = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


@click.command()
@with_store
@with_client
@click.option("--dns", type=click.Choice(list(credentials.CHECKS)), help="The provider of the domains' zone.")
@click.option(
    "--credentials",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=absolute,
    help="The file that lets certbot write there; mode 0600.",
)
@click.option(
    "--propagation", type=click.IntRange(0), help="The seconds until all servers of the zone know a change."
)
@click.option(
    "--host", metavar="DOMAIN", help="A tenant's own domain instead, whose DNS points here already."
)
@click.option(
    "--acme-root",
    type=Folder,
    envvar="CONSERJE_ACME_ROOT",
    default="/var/lib/conserje/acme",
    show_default=True,
    callback=absolute,
    show_envvar=True,
    help="The folder that nginx answers the CA from, for --host.",
)
@click.option("--email", help="The address that the CA writes to.")
@click.option("--server", help="The ACME directory of another CA.")
@click.option("--staging", is_flag=True, help="Take Let's Encrypt's staging CA, which no browser trusts.")
@json_option
def issue(
    store: Store,
    client: Client,
    dns: str | None,
    file: Path | None,
    propagation: int | None,
    host: str | None,
    acme_root: Path,
    email: str | None,
    server: str | None,
    staging: bool,
    as_json: bool,
) -> None:
    """Get one certificate for the base domains and all hosts below, or one for a tenant's own domain.

    What is issued is renewed by `conserje certificate renew`. Whoever runs this agrees to the CA's terms.

    \b
    Example:
      conserje certificate issue --domain bots.example.com --dns cloudflare --credentials cloudflare.ini
      conserje certificate issue --host chat.acme.cl
    """
    if server and staging:
        raise click.UsageError("Give --server or --staging, not both.")
    if host and not dns:
        host = names.written(host)
        how, wanted = _by_http(host, acme_root, store.bases)
    elif dns and not host:
        how, wanted = _by_dns(dns, file, propagation)
    else:
        raise click.UsageError(
            "Give --dns and --credentials for the base domains, or --host for a tenant's own."
        )
    name = host or WILDCARD
    wanted["server"] = server or (STAGING if staging else SERVER)
    with client.alone():
        if dns == "route53":
            client.keep_aws_credentials(file)
        if client.differs(name, wanted):
            how.append("--force-renewal")
        client.run("certonly", *how, *_order(name, str(wanted["server"]), email, store))
        bundle = store.deploy(client.lineage(name))
    if as_json:
        click.echo(bundle.as_json(store.path(name)))
        return
    covered = ", ".join(bundle.names)
    click.echo(f"{store.path(name)} holds {bundle.serial} for {covered}, until {bundle.expires:%F %R} UTC.")


def _order(name: str, server: str, email: str | None, store: Store) -> list[str]:
    """A new key only where there is none: nginx reads the file twice, for the key and the certificate."""
    account = ["--email", email, "--no-eff-email"] if email else ["--register-unsafely-without-email"]
    domains = [part for domain in store.names(name) for part in ("-d", domain)]
    return [
        *("--cert-name", name, *domains, "--renew-with-new-domains", "--key-type", "ecdsa", "--reuse-key"),
        *("--server", server, "--agree-tos", *account, *deploy_hook(store)),
    ]


def _by_dns(dns: str, file: Path | None, propagation: int | None) -> tuple[list[str], dict[str, object]]:
    """Certbot's arguments, and what it keeps of them for renewals."""
    credentials.check(dns, file)
    how, wanted = ["--authenticator", f"dns-{dns}"], dict[str, object](authenticator=f"dns-{dns}")
    given = {"credentials": file, "propagation-seconds": propagation}
    for option, value in given.items():
        if value is not None and dns != "route53":  # which has no options
            how += [f"--dns-{dns}-{option}", str(value)]
            wanted[f"dns_{dns}_{option}".replace("-", "_")] = str(value)
    return how, wanted


def _by_http(host: str, root: Path, bases: Sequence[str]) -> tuple[list[str], dict[str, object]]:
    if names.is_below(host, bases):
        raise CertificateError(
            f"{host} is a base domain or below one: get the wildcard certificate, by --dns."
        )
    if not root.is_dir():
        raise CertificateError(
            f"{root} is no folder: give --acme-root the one that nginx answers the CA from."
        )
    how = ["--authenticator", "webroot", "--webroot-path", str(root), "--preferred-challenges", "http"]
    return how, {"authenticator": "webroot", "webroot_map": {host: str(root)}}
