"""The log: plain lines on stderr, without what libraries say of requests, and without secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx2
import pytest
from pydantic import BaseModel, SecretStr

from conserje.net import client as http
from conserje.telemetry import log


@pytest.fixture(autouse=True)
def _root() -> Iterator[None]:
    """Leave the loggers as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("httpx2").setLevel(logging.NOTSET)


def test_a_line_has_time_level_logger_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info")
    logging.getLogger("conserje.work.worker").info("Ready")
    logging.getLogger("conserje.work.worker").debug("Not shown")
    out, err = capsys.readouterr()
    assert out == "" and err.endswith(" INFO conserje.work.worker: Ready\n") and err.startswith("2")
    assert "Not shown" not in err


def test_below_info_only_our_own_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("debug")
    logging.getLogger("conserje.work.worker").debug("ours")
    logging.getLogger("conserje_twilio").debug("the plugin's")
    logging.getLogger("openai").debug("request body")
    err = capsys.readouterr().err
    assert "ours" in err and "the plugin's" in err and "request body" not in err


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_requests_of_plugins_leave_no_address(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(level)
    async with http.client() as client:
        client._transport = httpx2.MockTransport(lambda request: httpx2.Response(200))
        await client.post("https://api.example.com/Accounts/s3cret")
    assert "s3cret" not in capsys.readouterr().err


def test_a_secret_in_a_model_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Credentials(BaseModel):
        token: SecretStr

    log.set_up("debug")
    credentials = Credentials.model_validate({"token": "s3cret"})
    logging.getLogger("conserje.test").warning("%s %r %s", credentials, credentials, credentials.token)
    err = capsys.readouterr().err
    assert "token=" in err and "s3cret" not in err


async def test_the_client_that_plugins_get_is_bounded() -> None:
    async with http.client() as client:
        assert (client.timeout.read, client.timeout.connect) == (10, 5)
        assert not client.follow_redirects and not client.trust_env
