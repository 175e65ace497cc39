"""compose.yaml and the Dockerfile, held to what they name: no Docker runs here."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from deployment.test_units import CERTBOT, NGINX
from deployment.units import ROOT
from processes import new_folder

from conserje.cli import work
from conserje.cli.main import main
from conserje.plugins import plugins
from conserje.settings import PREFIX, Settings
from conserje_edge.server import serve, supervisor
from conserje_nginx.render import Edge

DOCKER = ROOT / "deployment" / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
SERVE = ("serve-1", "serve-2")
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("conserje")}
CORE = {name.upper() for name in Settings.model_fields} | {
    name.removeprefix(PREFIX) for name in plugins.variables()
}


def known(service: str) -> set[str]:
    """The settings of the program in a service."""
    return {"nginx": NGINX, "certbot": CERTBOT}.get(service, CORE)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_contained(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service.get("cap_add", ())) <= ({"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"})
    assert "privileged" not in service
    assert name == "postgres" or "cap_add" not in service


def test_only_nginx_is_open_to_the_world() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"nginx": ["80:80", "443:443"]}
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["database"]


def test_every_setting_is_one_of_the_program_in_its_service() -> None:
    for name, service in SERVICES.items():
        given = {
            variable.removeprefix(PREFIX)
            for variable in (*service.get("environment", ()), *service.get("secrets", ()))
            if variable.startswith(PREFIX)
        }
        assert given <= known(name), name
    for variable in re.findall(r"^(CONSERJE_\w+)=", (DOCKER / "env.example").read_text(), re.M):
        assert variable.removeprefix(PREFIX) in CORE


def test_the_images_settings_are_those_of_their_programs() -> None:
    targets = re.split(r"^FROM .* AS ", DOCKERFILE, flags=re.M)[1:]
    for target in targets:
        given = {name.removeprefix(PREFIX) for name in re.findall(r"\bCONSERJE_\w+(?==)", target)}
        assert given <= known(target.split()[0]), target


def test_every_file_that_is_mounted_or_copied_is_there() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in COMPOSE["volumes"] or (DOCKER / source).resolve().exists(), source
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.*) \S+$", DOCKERFILE, re.M)
    sources = [source for line in copied for source in line.split()]
    assert sources
    assert not [source for source in sources if not (ROOT / source).exists()]
    for script in (DOCKER / "entrypoint", DOCKER / "answers", DOCKER / "create-role.sh"):
        assert os.access(script, os.X_OK)
    entry = ROOT / "nginx/conserje_nginx/entrypoint/16-conserje.envsh"
    assert os.access(entry, os.X_OK), "the image leaves out what cannot be executed"


@pytest.fixture
def pin(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Pins the images of a copy, whose registry knows this digest for each."""
    for name in ("pin-images", "compose.yaml", "Dockerfile"):
        shutil.copy(DOCKER / name, tmp_path)
    stub = tmp_path / "docker"

    def run(digest: str) -> subprocess.CompletedProcess[str]:
        stub.write_text(f'#!/bin/sh\n[ "$*" = "buildx imagetools inspect $4 {FORMAT}" ] && echo "{digest}"\n')
        stub.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run([tmp_path / "pin-images"], env=environment, capture_output=True, text=True)

    return run


FORMAT = "--format {{.Manifest.Digest}}"


def images(folder: Path) -> set[str]:
    """Those that are not built here."""
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"].values()
    found = {service["image"] for service in services if "build" not in service}
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", (folder / "Dockerfile").read_text(), re.M)
    return {name for name in found | {name for name, _ in stages} if ":" in name}


def test_images_are_pinned_by_digest_and_pinned_again(
    pin: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    named = images(tmp_path)
    assert len(named) == 3
    for digest in ("sha256:" + "0a" * 32, "sha256:" + "1b" * 32):
        assert pin(digest).returncode == 0
        assert images(tmp_path) == {f"{name}@{digest}" for name in named}
    pinned = [
        (tmp_path / name).read_text().replace(f"@{digest}", "") for name in ("compose.yaml", "Dockerfile")
    ]
    assert pinned == [(DOCKER / "compose.yaml").read_text(), DOCKERFILE]


def test_an_image_of_which_no_registry_tells_is_left_as_it_is(
    pin: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = pin("")
    assert done.returncode == 1 and "has no digest" in done.stderr
    assert images(tmp_path) == images(DOCKER)


def test_the_build_sees_what_it_copies() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text()
    for folder in ("core", "edge", "certbot", "plugins", "deployment/docker"):
        assert f"\n!{folder}\n" in ignored


def test_every_command_is_one_of_the_command_line() -> None:
    default = {
        target.split()[0]: yaml.safe_load(command)
        for target in re.split(r"^FROM .* AS ", DOCKERFILE, flags=re.M)
        for command in re.findall(r"^CMD (.*)$", target, re.M)
    }
    for service in OURS.values():
        words = service.get("command") or default[service["build"]["target"]]
        assert not unknown(words), words
    [healthy] = re.findall(r"^HEALTHCHECK .* CMD (.*)$", DOCKERFILE, re.M)
    assert not unknown(yaml.safe_load(healthy)[1:])


def unknown(words: list[str]) -> list[str]:
    """What is left of a command line when click has taken all that it knows."""
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        if found is None:
            return [name, *words]
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in options]


def test_docker_waits_for_what_is_in_hand() -> None:
    limits = {"work": work.END_LIMIT}
    limits |= dict.fromkeys(SERVE, serve.STOP_SECONDS + supervisor.END_SECONDS)
    for name, seconds in limits.items():
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > seconds


def test_nginx_finds_all_listeners_of_both_servers() -> None:
    served = [SERVICES[name]["environment"] for name in SERVE]
    found = SERVICES["nginx"]["environment"]
    for which in ("", "OPERATOR_", "CONSOLE_"):
        listens = ",".join(f"unix:{environment[f'{PREFIX}{which}LISTEN']}" for environment in served)
        assert found[f"{PREFIX}{which}UPSTREAM"] == listens
    assert SERVICES["nginx"]["user"] == "101:10001"
    assert "--gid 10001 conserje" in DOCKERFILE


def test_what_waits_in_nginx_waits_on_disk() -> None:
    nginx = SERVICES["nginx"]
    prefix = nginx["command"][nginx["command"].index("-p") + 1]
    mounted = {target: source for source, target, *_ in (each.split(":") for each in nginx["volumes"])}
    assert mounted[prefix] in COMPOSE["volumes"]
    assert not [each for each in nginx["tmpfs"] if prefix.startswith(each.partition(":")[0] + "/")]


def test_nginx_can_be_told_what_compose_says() -> None:
    told = {
        key.removeprefix(PREFIX).lower(): value for key, value in SERVICES["nginx"]["environment"].items()
    }
    assert told.pop("domains").startswith("${CONSERJE_DOMAINS:?")
    assert Edge(domains=("bots.example.com",), **told).acme_root == told["acme_root"]


def test_nobody_starts_before_the_schema_is_there() -> None:
    for name in (*SERVE, "work"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_a_secret_named_like_a_setting_becomes_it(tmp_path: Path) -> None:
    (tmp_path / "CONSERJE_DATABASE_URL").write_text("postgresql://conserje:it's $5@postgres/conserje\n")
    (tmp_path / "dns_credentials").write_text("for certbot")
    stub = tmp_path / "conserje"
    stub.write_text('#!/bin/sh\necho "$CONSERJE_DATABASE_URL|$*"; env | grep -c "for certbot"\n')
    stub.chmod(0o755)
    done = subprocess.run(
        [DOCKER / "entrypoint", "serve", "--now"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SECRETS": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "postgresql://conserje:it's $5@postgres/conserje|serve --now\n0\n", done.stderr


def test_without_secrets_the_command_runs_all_the_same(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path)}
    script = (DOCKER / "entrypoint").read_text().replace("exec conserje", "exec echo")
    done = subprocess.run(
        ["sh", "-c", script, "entrypoint", "migrate"], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "migrate\n")


def test_every_distribution_is_in_an_image() -> None:
    installed = [
        word for line in re.findall(r"pip install (.*)$", DOCKERFILE, re.M) for word in shlex.split(line)
    ]
    roots = {word.removeprefix("./").partition("[")[0] for word in installed if word.startswith("./")}
    assert roots == {"core", "edge", "certbot", "plugins/*/*"}, "and nginx has its templates alone"


async def test_health_is_that_somebody_answers_at_the_socket() -> None:
    with new_folder() as folder:
        listen = folder / "serve.sock"

        async def healthy() -> bool:
            environment = os.environ | {"CONSERJE_LISTEN": str(listen)}
            asked = await asyncio.create_subprocess_exec(
                DOCKER / "answers", env=environment, stderr=asyncio.subprocess.DEVNULL
            )
            return await asked.wait() == 0

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
            writer.close()

        assert not await healthy()
        async with await asyncio.start_unix_server(answer, listen):
            assert await healthy()
