"""Runs certbot in a folder of its own, one run at a time."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from conserje_certbot import ini
from conserje_certbot.failure import CertificateError
from conserje_certbot.store import Store

START = "import sys; from certbot.main import main; sys.exit(main())"
HOOK_FAILED = "reported error code"  # certbot only warns, and ends with 0
PHRASES = ("Saving debug log", "Ask for help", "- - -")  # said each time


@dataclass(frozen=True)
class Client:
    """Certbot, with the folder that keeps its account, its keys and what it has to renew."""

    folder: Path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For as long as the block runs, no other command of ours runs certbot in this folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                click.echo("Waiting for another run to end.", err=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def run(self, *arguments: str) -> None:
        """Raises CertificateError with what certbot said, also where only a hook failed."""
        folders = [f"--{name}-dir={self.folder / name}" for name in ("config", "work", "logs")]
        done = subprocess.run(
            [sys.executable, "-c", START, *arguments, "--non-interactive", *folders],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode or HOOK_FAILED in done.stderr:
            lines = [line for line in done.stderr.splitlines() if line and not line.startswith(PHRASES)]
            raise CertificateError("\n  ".join([f"certbot {arguments[0]} failed:", *lines]))

    def lineages(self) -> list[Path]:
        """A folder for each certificate that certbot keeps."""
        try:
            folders = sorted(self.lineage("").iterdir())
        except FileNotFoundError:  # nothing was ever issued; a folder closed to us is an error
            return []
        return [folder for folder in folders if (folder / "fullchain.pem").exists()]

    def lineage(self, name: str) -> Path:
        return self.folder / "config" / "live" / name

    def differs(self, name: str, wanted: Mapping[str, object]) -> bool:
        """Whether a certificate is there that would not be renewed in this way."""
        file = self.folder / "config" / "renewal" / f"{name}.conf"
        if not file.exists():
            return False
        stored = ini.read(file)["renewalparams"]
        return any(stored.get(key) != value for key, value in wanted.items())

    def keep_aws_credentials(self, file: Path | None) -> None:
        """Boto learns of its file from the environment alone, so that each renewal must know it."""
        self._aws_credentials.unlink(missing_ok=True)
        if file:
            self._aws_credentials.symlink_to(file)

    @property
    def _aws_credentials(self) -> Path:
        return self.folder / "aws-credentials"

    def _environment(self) -> dict[str, str]:
        if self._aws_credentials.is_symlink():
            return {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(self._aws_credentials)}
        return dict(os.environ)


def deploy_hook(store: Store) -> list[str]:
    """Certbot's arguments for giving each new certificate to nginx, by this very Python."""
    options = ["--certificates", str(store.folder), "--domain", ",".join(store.bases)]
    if store.group:
        options += ["--group", store.group]
    command = shlex.join([sys.executable, "-m", "conserje_certbot", "deploy", *options])
    return ["--deploy-hook", command, "--disable-hook-validation"]
