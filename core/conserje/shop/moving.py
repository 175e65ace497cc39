"""What of these tables moves with a tenant to another installation."""

from __future__ import annotations

from conserje.storage.moving import Moved, Numbered

NUMBERED = (
    Numbered("products", "products_id_seq", "SELECT id FROM products WHERE tenant_id = $1 ORDER BY id"),
)
MOVED = (
    Moved("products", {"id": "products"}, "id"),
    Moved("facts", {}, "name"),
    Moved("questions", {}, "question"),
    Moved("asked", {}, "key"),
)
