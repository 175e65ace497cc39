"""The configuration: what is written, from what, and that nginx and its linter take it.

`cd tests && python -m nginx.test_render` writes the golden files anew.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from debian import require
from nginx.gate import BASE, certify
from processes import free_port, new_folder
from terminal import Terminal
from waiting import LIMIT

from conserje.settings import SettingsError
from conserje_edge.wire.hosts import SLUG
from conserje_nginx.local import command, version
from conserje_nginx.render import PACKAGE, TEMPLATES, Edge, Version, render

GOLDEN = Path(__file__).parent / "golden"
TOLERATED = re.compile(r"nginx\.conf (?:syntax is ok|test is successful)")
NEWEST = (1, 30, 6)
ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "nginx/conserje_nginx/entrypoint/16-conserje.envsh"

PLAIN = Edge(domains=("bots.example.com",))
RICH = Edge(
    domains=("bots.example.com", "chat.agencia.cl"),
    upstream="unix:/run/conserje/1.sock,unix:/run/conserje/2.sock,[fd00::1]:8080",
    operator_upstream="unix:/run/conserje/operator.sock",
    console_upstream="unix:/run/conserje/console.sock",
    body_limits="meta=3m,other-one=100k",
    certificates="/srv/certificates",
    acme_root="/srv/acme",
    http_listen="127.0.0.1:8081,[::1]:8081",
    https_listen="127.0.0.1:8443",
    https_port=8443,
    access_log="/srv/access.log",
)
ENVSUBST = "envsubst", "gettext-base"
CASES = pytest.mark.parametrize("edge", [PLAIN, RICH], ids=["plain", "rich"])


def rendered(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*.conf"))}


def test_what_is_written_is_what_was_looked_at(tmp_path: Path) -> None:
    render(RICH, tmp_path, NEWEST)
    assert rendered(tmp_path) == rendered(GOLDEN), "cd tests && python -m nginx.test_render, and look at it"


@CASES
@pytest.mark.parametrize("nginx", [(1, 22, 1), (1, 25, 0), (1, 25, 1), NEWEST, (2, 0, 0)], ids=str)
def test_the_official_image_s_entry_point_writes_the_same(tmp_path: Path, edge: Edge, nginx: Version) -> None:
    """It gives envsubst the names of all variables that are set; the templates hold those of nginx too."""
    require(*ENVSUBST)
    render(edge, tmp_path, nginx)
    told = edge.given() | {"NGINX_VERSION": ".".join(map(str, nginx))}
    for name in TEMPLATES:
        written = subst(f"templates/{name}.template", told)
        assert written == (tmp_path / "conf.d" / name).read_text(), name


def subst(template: str, variables: dict[str, str]) -> str:
    """What the image's 20-envsubst-on-templates.sh makes of a template, with our script before it."""
    script = (
        'set -e; . "$1"; names=$(awk \'END { for (name in ENVIRON) printf "${%s} ", name }\' </dev/null); '
        'envsubst "$names" <"$2"'
    )
    with PACKAGE.joinpath(template).open("rb") as file:
        done = subprocess.run(
            ["sh", "-c", script, "sh", str(ENTRYPOINT), file.name],
            env={"PATH": os.environ["PATH"], "HOSTNAME": "c0ffee", **variables},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


def test_http2_is_said_as_each_nginx_wants_it() -> None:
    """From 1.25.1 on a word of `listen` is a warning for each server; before it the directive is an error."""
    old, new = (PLAIN.variables(nginx) for nginx in ((1, 25, 0), (1, 25, 1)))
    assert "ssl http2;" in old["CONSERJE_HTTPS_LISTENS"] and old["CONSERJE_HTTP2"] == ""
    assert "http2" not in new["CONSERJE_HTTPS_LISTENS"] and new["CONSERJE_HTTP2"] == "http2 on;"


def test_defaults_are_the_same_in_both() -> None:
    require(*ENVSUBST)
    assert subst("templates/conserje.conf.template", {"CONSERJE_DOMAINS": "bots.example.com"}) == subst(
        "templates/conserje.conf.template", PLAIN.given()
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "CONSERJE_DOMAINS is empty"),
        ({"CONSERJE_DOMAINS": "a.cl; return 200"}, "CONSERJE_DOMAINS: 'a.cl; return 200' may have"),
        ({"CONSERJE_DOMAINS": "a.cl", "CONSERJE_UPSTREAM": "$host"}, "CONSERJE_UPSTREAM: '$host' may have"),
        ({"CONSERJE_DOMAINS": "a.cl", "CONSERJE_ACCESS_LOG": "/a\nb"}, "CONSERJE_ACCESS_LOG"),
    ],
)
def test_the_script_refuses_what_would_end_a_directive(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        subst("templates/conserje.conf.template", variables)


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"domains": ()}, "CONSERJE_DOMAINS names no domain"),
        ({"domains": ("com",)}, "CONSERJE_DOMAINS: com is a public suffix"),
        ({"domains": ("github.io",)}, "CONSERJE_DOMAINS: github.io is a public suffix"),
        ({"domains": ("a_b.cl",)}, "CONSERJE_DOMAINS: 'a_b.cl' is no domain"),
        ({"domains": ("10.0.0.1",)}, "CONSERJE_DOMAINS: '10.0.0.1' is no domain"),
        ({"upstream": "localhost"}, "CONSERJE_UPSTREAM: 'localhost' is neither"),
        ({"upstream": "unix:run/s"}, "CONSERJE_UPSTREAM: 'unix:run/s' is neither"),
        ({"upstream": "a:1,"}, "CONSERJE_UPSTREAM: '' is neither"),
        ({"operator_upstream": "a:1; x"}, "CONSERJE_OPERATOR_UPSTREAM: 'a:1; x' may have"),
        ({"body_limits": "meta"}, "CONSERJE_BODY_LIMITS: 'meta' is no channel with its limit"),
        ({"body_limits": "meta=3g"}, "CONSERJE_BODY_LIMITS: 'meta=3g' is no channel with its limit"),
        ({"certificates": "certs"}, "CONSERJE_CERTIFICATES: 'certs' is no absolute path"),
        ({"acme_root": "/srv/$x"}, "CONSERJE_ACME_ROOT: '/srv/$x' may have"),
        ({"http_listen": "all"}, "CONSERJE_HTTP_LISTEN: 'all' is neither"),
        ({"https_listen": "443 quic"}, "CONSERJE_HTTPS_LISTEN: '443 quic' may have"),
        ({"https_port": 0}, "CONSERJE_HTTPS_PORT: 0 is no port"),
        ({"access_log": "off"}, "CONSERJE_ACCESS_LOG: 'off' is no absolute path"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, object], setting: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(setting)):
        Edge(**{"domains": ("bots.example.com",), **given})  # type: ignore[arg-type]


def test_a_slug_is_the_same_for_nginx_the_edge_and_the_database() -> None:
    template = PACKAGE.joinpath("templates/conserje.conf.template").read_text("utf-8")
    of_nginx = re.findall(r"\(\?<slug>(.+?)\)\\\.\(\?:\$\{CONSERJE_BASE_EXPRESSION\}", template)
    schema = (ROOT / "core/conserje/sql/0001_initial.sql").read_text()
    of_postgres = re.findall(r"CHECK \(slug ~ '\^(.+)\$'\)", schema)
    assert [*of_nginx, *of_postgres] == [SLUG.pattern.removesuffix(r"\Z")] * 3


@CASES
def test_nginx_and_gixy_find_nothing_wrong(tmp_path: Path, edge: Edge) -> None:
    program, linter = require("nginx", "nginx"), Path(sys.executable).with_name("gixy")
    here = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    log = str(tmp_path / "access.log")
    render(
        replace(edge, http_listen=here[0], https_listen=here[1], access_log=log), tmp_path, version(program)
    )
    tested = subprocess.run(command(program, tmp_path, "-t"), capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    assert [line for line in tested.stderr.splitlines() if not TOLERATED.search(line)] == []
    checked = subprocess.run([linter, tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert "No issues found" in checked.stdout, checked.stdout + checked.stderr


async def test_a_user_with_no_rights_starts_it(terminal: Terminal) -> None:
    """Debian's nobody, where the tests run as root; otherwise whoever runs them."""
    program, port = require("nginx", "nginx"), free_port()
    user: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    with new_folder() as folder:
        trust = certify(folder / "certificates")
        await terminal.type(
            *("edge", "render", "--domain", BASE, "--out", str(folder / "edge")),
            *("--http-listen", f"127.0.0.1:{free_port()}", "--https-listen", f"127.0.0.1:{port}"),
            *(
                "--certificates",
                str(folder / "certificates"),
                "--access-log",
                str(folder / "edge/access.log"),
            ),
            *("--upstream", "127.0.0.1:9"),
        )
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, "nobody", "nogroup")
        process = await asyncio.create_subprocess_exec(
            *(program, "-p", str(folder / "edge"), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"),
            stderr=asyncio.subprocess.PIPE,
            **(user if os.geteuid() == 0 else {}),
        )
        try:
            assert await status(port, trust) == "503"  # nobody is behind it
        finally:
            process.terminate()
            _, said = await process.communicate()
        assert b"emerg" not in said


async def status(port: int, trust: ssl.SSLContext) -> str:
    """That of an answer, as soon as there is one."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=trust, server_hostname=f"acme.{BASE}"
                )
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.write(f"GET /x HTTP/1.1\r\nHost: acme.{BASE}\r\n\r\n".encode())
            line = await reader.readline()
            writer.close()
            return line.split()[1].decode()


async def test_the_command_says_what_is_missing(terminal: Terminal, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "edge"))
    said = await terminal.type("edge", "render", *out, DOMAINS="", code=1)
    assert "CONSERJE_DOMAINS names no domain" in said.stderr
    said = await terminal.type("edge", "render", *out, "--domain", "com", code=1)
    assert "CONSERJE_DOMAINS: com is a public suffix" in said.stderr
    assert not (tmp_path / "edge").exists()


async def test_what_is_not_given_is_read_from_the_environment(terminal: Terminal, tmp_path: Path) -> None:
    said = await terminal.type(
        *("edge", "render", "--out", str(tmp_path)),
        DOMAINS="bots.example.com, chat.agencia.cl",
        UPSTREAM="unix:/run/conserje/1.sock",
    )
    written = (tmp_path / "conf.d/conserje.conf").read_text()
    assert "server unix:/run/conserje/1.sock max_fails=0;" in written
    assert "server_name console.bots.example.com console.chat.agencia.cl;" in written
    assert f"nginx -t -p {tmp_path} -c nginx.conf" in said.stdout


if __name__ == "__main__":
    shutil.rmtree(GOLDEN, ignore_errors=True)
    render(RICH, GOLDEN, NEWEST)
