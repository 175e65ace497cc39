"""What tests of certificates share: an authority with its DNS, and a wildcard certificate from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Shop, order
from pebble import Nameserver, Pebble, nameserver, pebble


@pytest.fixture(scope="session")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nameserver]:
    with nameserver(tmp_path_factory.mktemp("named")) as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory, resolver: Nameserver) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble"), resolver) as running:
        yield running


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory, resolver: Nameserver, authority: Pebble) -> Shop:
    """Where a wildcard certificate was issued; tests work on copies."""
    shop = Shop(tmp_path_factory.mktemp("issued"), authority)
    shop.certificates.mkdir()
    code, _, errors = shop.run("issue", *order(shop, resolver))
    assert code == 0, errors
    return shop


@pytest.fixture
def shop(tmp_path: Path, issued: Shop) -> Shop:
    """An edge with its wildcard certificate, of the test's own."""
    folder = tmp_path / "shop"
    shutil.copytree(issued.folder, folder, symlinks=True)
    for file in (folder / "certbot" / "config" / "renewal").glob("*.conf"):  # absolute paths
        file.write_text(file.read_text().replace(str(issued.folder), str(folder)))
    return Shop(folder, issued.authority)
