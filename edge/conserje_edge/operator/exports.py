"""Exports: what is kept of a contact, handed out as one file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import BinaryIO

from starlette.responses import StreamingResponse

from conserje.operations import contact_export
from conserje.storage.database import Pool

PART = 2**16  # bytes that are sent at once


async def contact(pool: Pool, tenant_id: int, contact_id: int) -> StreamingResponse:
    """All that is kept of a contact but the files' bytes. Raises ContactError."""
    kept = TemporaryFile()  # noqa: SIM115 - it is closed once it is sent
    try:
        out = TextIOWrapper(kept, encoding="utf-8", write_through=True)
        await contact_export.write(pool, tenant_id, contact_id, out, _in_json)
        out.detach()
    except BaseException:
        kept.close()
        raise
    kept.seek(0)
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="contact-{contact_id}.json"',
    }
    return StreamingResponse(_parts(kept), media_type="application/json", headers=headers)


def _in_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _parts(kept: BinaryIO) -> Iterator[bytes]:
    with kept:
        while part := kept.read(PART):
            yield part
