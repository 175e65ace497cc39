"""nginx's folder of certificates: `wildcard.pem`, and `custom/<domain>.pem` for tenants' own domains."""

from __future__ import annotations

import grp
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conserje_certbot.bundle import Bundle
from conserje_certbot.failure import CertificateError
from conserje_certbot.names import covers, wildcard_names

WILDCARD = "wildcard"  # a tenant's domain has a dot in it


@dataclass(frozen=True)
class Store:
    """Where nginx's workers find what they serve, and who may read it."""

    folder: Path
    group: str | None
    bases: Sequence[str]

    def path(self, name: str) -> Path:
        if name == WILDCARD:
            return self.folder / f"{WILDCARD}.pem"
        return self.folder / "custom" / f"{name}.pem"

    def names(self, name: str) -> list[str]:
        """What the certificate of this name has to cover."""
        return wildcard_names(self.bases) if name == WILDCARD else [name]

    def deploy(self, lineage: Path) -> Bundle:
        """Give nginx what certbot keeps in `lineage`; its next handshake uses it.

        Raises CertificateError for what nginx could not serve, and leaves what is there.
        """
        bundle = Bundle.of_lineage(lineage)
        bundle.require(self._needed(lineage.name))
        try:
            self._write(self.path(lineage.name), bundle.pem)
        except OSError as error:
            place = self.path(lineage.name)
            raise CertificateError(f"{place} cannot be written: {error.strerror}.") from None
        return bundle

    def _needed(self, name: str) -> list[str]:
        """A base domain that nothing there covers yet must not keep the others from their renewal."""
        path, names = self.path(name), self.names(name)
        try:
            pem = path.read_bytes()
            there = Bundle.of(pem, pem, path)
        except (OSError, CertificateError):
            return names
        return [wanted for wanted in names if covers(there.names, wanted)]

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def _write(self, path: Path, pem: bytes) -> None:
        group = self._group()
        if not path.parent.is_dir():  # of the tenants' domains
            path.parent.mkdir()
            os.chown(path.parent, -1, group)
            path.parent.chmod(0o750)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                os.fchown(file.fileno(), -1, group)
                os.fchmod(file.fileno(), 0o640)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # a handshake reads the old one or the new one
        except BaseException:
            os.unlink(temporary)
            raise

    def _group(self) -> int:
        """The group given, or that of the folder."""
        if self.group is None:
            return self.folder.stat().st_gid
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise CertificateError(
                f"The group {self.group} is not on this machine: make it, or set CONSERJE_CERTBOT_GROUP."
            ) from None
