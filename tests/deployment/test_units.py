"""The systemd units: systemd finds nothing wrong, they give little away, and they fit what they run."""

from __future__ import annotations

import grp
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from debian import require
from deployment.units import PROGRAM, SYSTEMD, environment, read

from conserje.cli import work
from conserje.settings import PREFIX, Settings
from conserje_edge.server import listener, serve, supervisor
from conserje_nginx.render import Edge

pytestmark = pytest.mark.long

UNITS = sorted(path.name for path in SYSTEMD.glob("*.service"))
LARGEST_EXPOSURE = "30"  # tenths, of systemd's ten
CERTBOT = {"CERTBOT_DIR", "CERTBOT_GROUP", "CERTBOT_CONNECT", "CERTIFICATES", "ACME_ROOT", "DOMAINS"}
NGINX = {name.upper() for name in Edge.__dataclass_fields__}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The units as they are installed, with a program that is there."""
    for file in SYSTEMD.rglob("*"):
        if file.suffix in (".service", ".timer", ".socket", ".conf") and file.is_file():
            there = tmp_path / file.relative_to(SYSTEMD)
            there.parent.mkdir(exist_ok=True)
            there.write_text(file.read_text().replace(PROGRAM, sys.executable))
    return tmp_path


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require("systemd-analyze", "systemd"), *arguments],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
    )


def instance(unit: str) -> str:
    return unit.replace("@.", "@1.")


def test_systemd_finds_nothing_wrong(folder: Path) -> None:
    for program in ("/usr/sbin/nginx", "/usr/bin/curl"):  # what units start must be there
        require(program, Path(program).name)
    names = [
        *map(instance, UNITS),
        "conserje-backup.timer",
        "conserje-certbot.timer",
        "conserje-nginx.socket",
    ]
    done = analyze(folder, "verify", "--man=no", *names)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_gives_little_away(folder: Path, unit: str) -> None:
    done = analyze(
        folder, "security", "--offline=true", f"--threshold={LARGEST_EXPOSURE}", "--no-pager", instance(unit)
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [
        ("conserje-serve@.service", serve.STOP_SECONDS + supervisor.END_SECONDS),
        ("conserje-work.service", work.END_LIMIT),
    ],
)
def test_systemd_waits_for_what_is_in_hand(unit: str, seconds: float) -> None:
    [limit] = read(unit)["TimeoutStopSec"]
    assert float(limit) > seconds
    assert read(unit)["KillMode"] == ["mixed"]


@pytest.mark.parametrize("unit", UNITS)
def test_every_setting_in_a_unit_is_one_of_the_program_that_it_runs(unit: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    known = {"conserje-nginx.service": NGINX, "conserje-certbot.service": CERTBOT}.get(unit, known)
    given = {name.removeprefix(PREFIX) for name in environment(unit) if name.startswith(PREFIX)}
    assert given <= known


def test_nginx_finds_all_listeners_of_both_servers() -> None:
    served, known = environment("conserje-serve@.service"), environment("conserje-nginx.service")
    for which in ("", "OPERATOR_", "CONSOLE_"):
        sockets = [f"unix:{served[f'CONSERJE_{which}LISTEN'].replace('%i', i)}" for i in "12"]
        assert known[f"CONSERJE_{which}UPSTREAM"].split(",") == sockets


def test_root_and_nginx_alone_reach_the_listeners() -> None:
    """Whatever runs on the machine could reach a port, where no key is asked for."""
    unit, served = read("conserje-serve@.service"), environment("conserje-serve@.service")
    for setting in ("CONSERJE_LISTEN", "CONSERJE_OPERATOR_LISTEN", "CONSERJE_CONSOLE_LISTEN"):
        assert served[setting].startswith("/run/conserje/%i/")
    assert (unit["RuntimeDirectory"], unit["RuntimeDirectoryMode"]) == (["conserje/%i"], ["0750"])
    assert listener.SOCKET_PERMISSIONS == 0o660
    assert read("conserje-nginx.service")["SupplementaryGroups"] == unit["User"]


def test_what_waits_in_nginx_waits_on_disk() -> None:
    unit = read("conserje-nginx.service")
    [start], [folder] = unit["ExecStart"], unit["CacheDirectory"]
    words = shlex.split(start)
    assert words[words.index("-p") + 1] == f"/var/cache/{folder}"
    [rendered] = unit["ExecStartPre"]
    assert rendered.endswith(f" --out /var/cache/{folder}")


def test_nginx_can_be_told_what_its_unit_says() -> None:
    told = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environment("conserje-nginx.service").items()
    }
    told.pop("nginx")
    assert Edge(domains=("bots.example.com",), **told).acme_root == told["acme_root"]  # type: ignore[arg-type]


def test_nginx_takes_over_every_socket_of_its_socket_unit() -> None:
    listening = read("conserje-nginx.socket")["ListenStream"]
    numbers = environment("conserje-nginx.service")["NGINX"]
    assert numbers == "".join(f"{3 + place}:" for place in range(len(listening)))[:-1] + ";"
    listens = Edge.http_listen.split(",") + Edge.https_listen.split(",")
    assert listening == [listen if "[" in listen else f"0.0.0.0:{listen}" for listen in listens]


def test_certbot_writes_where_nginx_reads() -> None:
    writes, reads = environment("conserje-certbot.service"), environment("conserje-nginx.service")
    wrapper = (SYSTEMD / "conserje").read_text()
    for name in ("CONSERJE_CERTIFICATES", "CONSERJE_ACME_ROOT"):
        assert f"{name}={reads[name]}\n" in wrapper
    assert writes["CONSERJE_CERTIFICATES"] == reads["CONSERJE_CERTIFICATES"]
    assert f"CONSERJE_CERTBOT_DIR={writes['CONSERJE_CERTBOT_DIR']}\n" in wrapper


def test_users_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", tmp_path / "etc")
    run(require("systemd-sysusers", "systemd"), f"--root={tmp_path}", str(SYSTEMD / "sysusers.conf"))
    groups = (tmp_path / "etc/group").read_text()
    assert re.search(r"^www-data:.*[:,]conserje-certbot\b", groups, re.M)
    if os.geteuid():
        return  # folders are given away by root alone
    run(
        require("systemd-tmpfiles", "systemd"),
        f"--root={tmp_path}",
        "--create",
        str(SYSTEMD / "tmpfiles.conf"),
    )
    users = dict(line.split(":")[0:3:2] for line in (tmp_path / "etc/passwd").read_text().splitlines())
    made = {
        path: (tmp_path / path).stat() for path in ("var/lib/conserje", "var/lib/conserje-edge/certificates")
    }
    assert [f"{status.st_mode & 0o7777:o} {status.st_uid}" for status in made.values()] == [
        f"700 {users['conserje']}",
        f"750 {users['conserje-certbot']}",
    ]
    assert made["var/lib/conserje-edge/certificates"].st_gid == grp.getgrnam("www-data").gr_gid


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "user", "seen"),
    [
        (("tenant", "list"), "conserje", "CONSERJE_DATABASE_URL"),
        (("certificate", "renew"), "conserje-certbot", "CONSERJE_CERTBOT_DIR"),
    ],
)
def test_the_command_line_has_the_settings_and_the_user_of_its_service(
    tmp_path: Path, words: tuple[str, ...], user: str, seen: str
) -> None:
    script = (SYSTEMD / "conserje").read_text().replace("/etc/conserje", str(SYSTEMD))
    stub = tmp_path / "runuser"
    stub.write_text('#!/bin/sh\necho "$@"; env\n')
    stub.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", script, "conserje", *words],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    first, *surroundings = done.stdout.splitlines()
    assert first == f"--user {user} -- {PROGRAM} {' '.join(words)}", done.stderr
    given = {line.partition("=")[0] for line in surroundings if line.startswith(PREFIX)}
    assert seen in given
    assert ("CONSERJE_DATABASE_URL" in given) == (user == "conserje"), "certbot needs no secrets of the core"
