"""What Meta's statuses say of a message that failed: judged as what it answers at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conserje import StatusUpdate, Webhook
from conserje_meta import Meta, MetaOperator

NUMBER, ID = "106540352242922", "wamid.HBgLNTY5MjIyMjIyMjIVAgASGBQz"
URL = "https://tienda.bot.example/bot/meta/webhook"

FAILED: list[tuple[list[dict[str, Any]], str, dict[str, Any]]] = [
    (
        [{"code": 131056, "error_data": {"details": "One in\n6 s"}}],
        "131056: the phone number sends too many messages to this contact (One in 6 s)",
        {"try_after": 6.0},
    ),
    (
        [{"code": 131000, "error_data": "odd"}],
        "131000: Meta has a failure of its own",
        {"try_after": 10.0},
    ),
    (
        [{"code": 131042}],
        "131042: Meta has no valid means of payment; see the account's billing at Meta",
        {"account_fault": "passing"},
    ),
    (
        [{"code": 190}],
        "190: the access token has expired or was withdrawn; make a new one and seal it again",
        {"account_fault": "lasting"},
    ),
    (
        [{"code": 131026}, {"code": 131050}],
        "The contact cannot be reached now:"
        " 131026: the contact cannot be reached: not on WhatsApp, or with too old an app;"
        " 131050: the contact wants no marketing messages",
        {"consent": "marketing out"},
    ),
]


@pytest.mark.parametrize(("errors", "cause", "follows"), FAILED)
def test_what_follows_from_a_failure(
    errors: list[dict[str, Any]], cause: str, follows: dict[str, Any]
) -> None:
    status = {"id": ID, "status": "failed", "errors": errors}
    value = {"metadata": {"phone_number_id": NUMBER}, "statuses": [status]}
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    channel = Meta(MetaOperator(), None)  # type: ignore[arg-type]  # it can do no I/O
    [told] = channel.parse(Webhook("POST", "webhook", URL, {}, body))
    assert told == StatusUpdate(NUMBER, f"{ID}:failed", "failed", ID, cause=cause, **follows)
