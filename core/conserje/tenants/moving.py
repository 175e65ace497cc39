"""What of these tables moves with a tenant to another installation; its keys stay."""

from __future__ import annotations

from conserje.storage.moving import Moved, Numbered

OWN = ("id", "data_key", "signing_key")  # which a tenant has of the installation that it is in

NUMBERED = (
    Numbered("accounts", "accounts_id_seq", "SELECT id FROM accounts WHERE tenant_id = $1 ORDER BY id"),
    Numbered("people", "people_id_seq", "SELECT id FROM people WHERE tenant_id = $1 ORDER BY id"),
)
MOVED = (
    Moved("domains", {}, "host"),
    Moved("sender_tenants", {}, "phone"),
    Moved("accounts", {"id": "accounts"}, "id"),
    Moved("people", {"id": "people"}, "id", {"login_id": None}),
    Moved("secrets_seen", {"account_id": "accounts"}, "account_id, name"),
)
