"""What visitors upload: a message like any, with its file; and what strangers try with it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from chatting import Host, serving
from samples import GPS, exif, jpeg, pdf, segment
from visitor import Visitor

from conserje import File, Media
from conserje.files import quota
from conserje.files.folder import Folder, path_of
from conserje.files.quota import Quota
from conserje.files.uploads import BYTES_A_DAY, FILES_A_DAY, LARGEST

PHOTO = jpeg(segment(0xE1, exif(6)))
CLEAN = jpeg(segment(0xE1, exif(6).removesuffix(GPS)))
HTML = b"<!doctype html><script>alert(1)</script>"


async def upload(
    visitor: Visitor, content: bytes = PHOTO, name: str = "foto.jpg", key: str = "", **headers: str
) -> httpx2.Response:
    path = f"/upload?{httpx2.QueryParams({'id': key or uuid.uuid4().hex, 'name': name})}"
    return await visitor.ask("POST", path, headers, content)


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("refused", "")


async def test_a_picture_is_a_message_like_any_and_is_shown_on_the_page(host: Host) -> None:
    visitor = await host.known()
    answer = await upload(visitor, name="C:\\fotos\\mi casa.jpg")
    assert answer.status_code == 200
    [row] = await host.edge.pool.fetch(
        "SELECT files.id, tenant_id, message_id, files.state, content_type, bytes, direction, turn_id"
        " FROM files JOIN messages USING (tenant_id, conversation_id) WHERE messages.id = message_id"
    )
    assert (row["state"], row["content_type"], row["bytes"]) == ("kept", "image/jpeg", len(CLEAN))
    assert (row["direction"], row["turn_id"]) == ("in", None) and row["message_id"] == answer.json()["id"]
    assert await host.said() == [Media((File(f"kept:{row['id']}", "image/jpeg", "mi casa.jpg"),))]
    assert path_of(host.folder, row["tenant_id"], row["id"]).read_bytes() == CLEAN
    jobs = await host.edge.pool.fetch("SELECT entrypoint FROM pgqueuer.pgqueuer ORDER BY id")
    assert [job["entrypoint"] for job in jobs] == ["converse", "converse"]

    [_, shown] = (await visitor.ask("GET", "/history")).json()["said"]
    [file] = shown["files"]
    assert (shown["text"], file["kind"], file["name"], file["size"]) == (
        "", "image", "mi casa.jpg", len(CLEAN),
    )  # fmt: skip
    got = await visitor.ask("GET", file["address"])
    assert got.content == CLEAN and GPS not in got.content
    assert got.headers["content-disposition"] == "inline; filename*=utf-8''mi%20casa.jpg"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert (await host.visitor("other").ask("GET", file["address"])).status_code == 404


async def test_other_tabs_hear_of_it(host: Host) -> None:
    visitor = await host.known()
    row = await host.edge.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    looks = host.edge.feed.follow(row["tenant_id"], row["id"], 0)
    await anext(looks)
    await upload(visitor)
    look = await asyncio.wait_for(anext(looks), 10)
    assert [type(said.content) for said in look.said] == [Media]
    await looks.aclose()


async def test_the_same_upload_again_is_the_same_message(host: Host) -> None:
    visitor = await host.known()
    first = await upload(visitor, key="k")
    [path] = host.on_disk()
    path.unlink()  # the process died before it had put it in its place
    again = await upload(visitor, key="k")
    assert again.json() == first.json() and len(await host.said()) == 1
    assert host.on_disk() == [path] and path.read_bytes() == CLEAN
    assert await host.edge.pool.fetchval("SELECT max(files) FROM uploads") == 1
    assert refused(await upload(visitor, pdf(), key="k")) == (409, "key")
    await visitor.write("hola", key="t")
    assert refused(await upload(visitor, key="t")) == (409, "key")
    assert len(await host.said()) == 1 and host.on_disk() == [path]


async def test_uploads_with_one_key_at_once_are_one_message(host: Host) -> None:
    visitor = await host.known()
    answers = await asyncio.gather(*(upload(visitor, key="k") for _ in range(2)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await host.said()) == len(host.on_disk()) == 1


async def test_only_who_has_written_may_upload(host: Host) -> None:
    stranger = host.visitor()
    assert refused(await upload(stranger)) == (403, "unwritten")
    await stranger.open()
    await host.edge.heard()
    assert refused(await upload(stranger)) == (403, "unwritten")
    assert not host.on_disk()


async def test_a_page_of_another_host_uploads_nothing(host: Host) -> None:
    visitor = await host.known()
    given: list[dict[str, Any]] = [
        {"origin": "http://evil.localhost"},
        {"origin": "null"},
        {"origin": "", "sec-fetch-site": ""},
        {"sec-fetch-site": "same-site"},
    ]
    for headers in given:
        assert (await upload(visitor, **headers)).status_code == 403
    assert not await host.said()


async def test_a_session_of_another_tenant_is_none(host: Host) -> None:
    await host.edge.add("bravo", "+2")
    visitor = await host.known()
    elsewhere = await host.known("bravo")
    elsewhere.cookie = visitor.cookie
    assert refused(await upload(elsewhere)) == (403, "unwritten")
    assert not await host.said()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (HTML, "foto.jpg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "logo.svg"),
        (b"PK\3\4" + bytes(99), "fotos.zip"),
        (b"", "nada.jpg"),
        (PHOTO[:-30], "media.jpg"),
    ],
)
async def test_what_is_of_another_kind_leaves_nothing(host: Host, content: bytes, name: str) -> None:
    visitor = await host.known()
    assert refused(await upload(visitor, content, name, **{"content-type": "image/jpeg"})) == (415, "kind")
    assert not await host.said() and not host.on_disk()
    assert await host.edge.pool.fetchval("SELECT count(*) FROM uploads") == 0


async def test_what_hides_behind_a_picture_is_cut_off(host: Host) -> None:
    visitor = await host.known()
    assert (await upload(visitor, PHOTO + HTML)).status_code == 200
    [path] = host.on_disk()
    assert path.read_bytes() == CLEAN


async def test_what_is_too_large_is_not_taken(host: Host) -> None:
    visitor = await host.known()
    large = bytes(LARGEST + 1)
    assert (await upload(visitor, large)).status_code == 413
    assert not host.on_disk()
    assert (await visitor.ask("POST", "/session", content=bytes(64 * 1024 + 1))).status_code == 413


@dataclass
class Body:
    """A body as it comes over the line."""

    parts: list[dict[str, Any]]

    async def __call__(self) -> dict[str, Any]:
        return self.parts.pop(0)


async def send(host: Host, visitor: Visitor, body: Callable[[], Any], *headers: tuple[bytes, bytes]) -> int:
    """A request that no client would make; the status of its answer."""
    answer: list[int] = []
    given = [(name.encode(), value.encode()) for name, value in visitor._headers().items()]
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/upload", "raw_path": b"/upload",
        "query_string": b"id=1&name=a.jpg", "headers": [*given, *headers], "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def tell(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.append(message["status"])

    transport = host.http._transport
    assert isinstance(transport, httpx2.ASGITransport)
    await transport.app(scope, body, tell)
    [status] = answer
    return status


async def test_a_body_that_breaks_off_leaves_nothing(host: Host) -> None:
    visitor = await host.known()
    parts: list[dict[str, Any]] = [
        {"type": "http.request", "body": PHOTO, "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert await send(host, visitor, Body(parts), (b"content-length", b"9000")) == 400
    assert not await host.said() and not host.on_disk()


async def test_a_body_without_end_is_ended(host: Host) -> None:
    visitor = await host.known()
    asked = 0

    async def without_end() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": bytes(2**20), "more_body": True}

    assert await send(host, visitor, without_end, (b"transfer-encoding", b"chunked")) == 413
    assert asked == 0
    assert await send(host, visitor, without_end, (b"content-length", b"1000")) == 413
    assert asked == 17
    assert not host.on_disk()


async def test_the_eleventh_file_of_a_day_is_refused_before_it_is_read(host: Host) -> None:
    visitor = await host.known()
    for _ in range(FILES_A_DAY):
        assert (await upload(visitor)).status_code == 200
    assert refused(await upload(visitor)) == (429, "many")
    assert len(host.on_disk()) == FILES_A_DAY
    another = await host.known()
    assert refused(await upload(another)) == (429, "many")  # from the same address
    visitor.address = "203.0.113.8"
    assert refused(await upload(visitor)) == (429, "many")  # from another, of the same session
    assert (await upload(await host.known(address="203.0.113.9"))).status_code == 200
    await host.edge.pool.execute("UPDATE uploads SET day = day - 1")
    assert (await upload(await host.known(address="203.0.113.9"))).status_code == 200


async def test_a_day_s_last_file_whose_answer_was_lost_is_answered_when_it_comes_again(host: Host) -> None:
    visitor = await host.known()
    for number in range(FILES_A_DAY - 1):
        assert (await upload(visitor, key=f"k{number}")).status_code == 200
    last = await upload(visitor, key="last")
    again = await upload(visitor, key="last")
    assert again.status_code == 200 and again.json() == last.json()
    assert refused(await upload(visitor, pdf(), key="last")) == (409, "key")
    assert refused(await upload(visitor, key="one-more")) == (429, "many")
    async with serving(host.edge, host.folder, Quota(1, 1)) as full:
        theirs = Visitor(full.http, visitor.host, visitor.address, visitor.cookie)
        assert (await upload(theirs, key="last")).json() == last.json()
    assert len(host.on_disk()) == FILES_A_DAY


async def test_the_fifty_first_megabyte_of_a_day_is_refused(host: Host) -> None:
    visitor = await host.known()
    large = b"%PDF-1.7\n" + bytes(LARGEST - 100) + b"%%EOF"
    for _ in range(3):
        assert (await upload(visitor, large)).status_code == 200
    assert refused(await upload(visitor, large)) == (429, "many")
    used = await host.edge.pool.fetchval("SELECT max(bytes) FROM uploads")
    assert BYTES_A_DAY - 3 * 2**20 < used <= BYTES_A_DAY
    assert len(host.on_disk()) == len(await host.said()) == 3
    assert (await upload(visitor, pdf())).status_code == 200


async def test_two_processes_at_once_take_no_more(host: Host) -> None:
    visitor = await host.known()
    async with serving(host.edge, host.folder) as other:
        theirs = Visitor(other.http, visitor.host, visitor.address, visitor.cookie)
        for _ in range(FILES_A_DAY - 1):
            await upload(visitor)
        answers = await asyncio.gather(upload(visitor), upload(theirs), upload(visitor), upload(theirs))
    assert sorted(answer.status_code for answer in answers) == [200, 429, 429, 429]
    assert len(host.on_disk()) == len(await host.said()) == FILES_A_DAY


async def test_the_tenant_s_and_the_contact_s_quota_hold(host: Host) -> None:
    visitor = await host.known()
    async with serving(host.edge, host.folder, Quota(2**30, len(CLEAN) + 10)) as small:
        theirs = Visitor(small.http, visitor.host, visitor.address, visitor.cookie)
        assert (await upload(theirs)).status_code == 200
        assert refused(await upload(theirs)) == (429, "many")
    async with serving(host.edge, host.folder, Quota(quota.LEAST, 2**30)) as small:
        theirs = Visitor(small.http, visitor.host, visitor.address, visitor.cookie)
        assert refused(await upload(theirs)) == (429, "many")


async def test_who_floods_is_told_to_wait(host: Host) -> None:
    visitor = await host.known()
    host.edge.webhooks.limits.uploads_of_address.most = 2
    answers = [(await upload(visitor, HTML)).status_code for _ in range(3)]
    assert answers == [415, 415, 429]


async def test_the_rows_of_an_address_do_not_tell_it(host: Host) -> None:
    visitor = await host.known()
    await upload(visitor)
    rows = await host.edge.pool.fetch("SELECT who FROM uploads")
    assert len(rows) == 2 and {len(row["who"]) for row in rows} == {32}
    await host.edge.pool.execute("UPDATE uploads SET day = day - 2")
    await quota.prune(host.edge.pool)
    assert await host.edge.pool.fetchval("SELECT count(*) FROM uploads") == 0


async def test_it_is_gone_with_the_talk(host: Host) -> None:
    visitor = await host.known()
    await upload(visitor)
    await host.edge.pool.execute("DELETE FROM contacts")
    folder = Folder(host.folder)
    rows = await host.edge.pool.fetch("SELECT tenant_id, id FROM removed_files")
    await folder.remove([(row["tenant_id"], row["id"]) for row in rows])
    assert not host.on_disk()


async def test_without_postgres_it_comes_again(host: Host) -> None:
    visitor = await host.known()
    host.edge.pool.terminate()
    answer = await upload(visitor)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert not host.on_disk()


async def test_an_assistant_cannot_show_another_conversation_s_file(host: Host) -> None:
    await upload(await host.known(address="203.0.113.1"))
    visitor = await host.known(address="203.0.113.2")
    said = json.dumps({"type": "media", "files": [{"ref": "kept:1", "content_type": "image/jpeg"}]})
    await host.edge.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, state,"
        " sequence)"
        " SELECT tenant_id, id, account_id, 'out', $1, 'media', 'sent', 1 FROM conversations"
        " ORDER BY id DESC LIMIT 1",
        said,
    )
    [*_, shown] = (await visitor.ask("GET", "/history")).json()["said"]
    assert "files" not in shown and "/files/" not in json.dumps(shown)


async def test_a_key_that_the_page_does_not_make_is_none(host: Host) -> None:
    visitor = await host.known()
    for key in ("ñ", "x" * 65, "a b"):
        assert (await upload(visitor, key=key)).status_code == 400
    assert not await host.said()
