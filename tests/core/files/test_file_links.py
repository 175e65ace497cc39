"""Links to what is kept: signed, for a day, in the place of the file that an assistant names."""

from __future__ import annotations

import time

import pytest
from album import Album, kept, send
from scene import Scene
from terminal import Terminal

from conserje import CannotTell, File, Limits, Media, OutboundMessage, Text, Uncertain
from conserje.contract.fit import fit
from conserje.contract.message import Content
from conserje.conversations.rows import stored
from conserje.files.links import Link, Links
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.tenants import data_keys
from conserje.tenants.entry import Entry


@pytest.fixture
def album(scene: Scene) -> Album:
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    return scene.post


async def speak(scene: Scene, content: Content, slug: str = "acme", to: str = "ana") -> None:
    """A message that an assistant says is delivered."""
    await scene.write("hola", sender=to, slug=slug)
    tenant = (await scene.entry(slug)).tenant.id
    row = await scene.pool.fetchrow(
        "SELECT tenant_id, id, account_id FROM conversations WHERE tenant_id = $1 AND peer = $2", tenant, to
    )
    assert row is not None
    for n, part in enumerate(fit(content, scene.post.limits_of("")), 1):
        await scene.pool.execute(
            "INSERT INTO messages"
            " (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
            " VALUES ($1, $2, $3, 'out', $4, $5, 'queued')",
            *row,
            stored(part),
            n,
        )
    await scene.delivery.deliver(Job(jobs.DELIVER, row["tenant_id"], row["id"]))


async def outbound(scene: Scene) -> tuple[str, str | None]:
    row = await scene.pool.fetchrow("SELECT state, cause FROM messages WHERE direction = 'out'")
    assert row is not None
    return row["state"], row["cause"]


async def opened(scene: Scene, address: str, slug: str = "acme") -> Link | None:
    """What the tenant's host makes of an address."""
    path, _, query = address.partition("/files/")[2].partition("?")
    entry = await renewed(scene, slug)
    assert entry.tenant.data_key is not None
    return Link.read(entry.tenant.id, path, query, scene.vault, entry.tenant.data_key)


async def renewed(scene: Scene, slug: str = "acme") -> Entry:
    scene.directory.changed((await scene.entry(slug)).tenant.id)
    return await scene.entry(slug)


async def test_a_kept_file_leaves_as_a_link_for_a_day(scene: Scene, album: Album) -> None:
    ref = await kept(scene)
    await speak(scene, Media((File(ref, "image/jpeg", "foto.png"), File("https://shop.cl/a.jpg")), "aquí"))
    assert await outbound(scene) == ("sent", None)
    [sent] = [message.content for message in album.sent]
    assert isinstance(sent, Media)
    assert sent.caption == "aquí"
    assert sent.files[0].ref.startswith("http://acme.localhost:8080/files/")
    link = await opened(scene, sent.files[0].ref)
    assert link is not None
    assert (link.name, link.content_type) == ("foto.png", "image/jpeg")
    assert link.until == pytest.approx(time.time() + 24 * 3600, abs=20)


async def test_what_is_kept_is_known_where_the_assistant_says_nothing_of_it(
    scene: Scene, album: Album
) -> None:
    await speak(scene, Media((File(await kept(scene)),)))
    [sent] = [message.content for message in album.sent]
    assert isinstance(sent, Media)
    assert (sent.files[0].kind, sent.files[0].title) == ("image", "foto.png")


async def test_where_no_files_are_carried_the_link_is_words(scene: Scene, album: Album) -> None:
    album.takes = Limits()
    await speak(scene, Media((File(await kept(scene)),), "aquí"))
    [text] = album.texts
    words, address = text.split("\n")
    assert words == "aquí"
    assert await opened(scene, address) is not None


async def test_who_looks_for_a_sending_looks_for_the_same_link(scene: Scene, album: Album) -> None:
    looked: list[OutboundMessage] = []

    async def find(message: OutboundMessage, account: object) -> None:
        looked.append(message)
        raise CannotTell("Not yet.")

    album.takes = Limits()
    album.find = find  # type: ignore[method-assign]
    ref = await kept(scene)
    album.does.append(Uncertain("lost"))
    await speak(scene, Media((File(ref),)))
    await scene.pool.execute("UPDATE messages SET due_at = NULL WHERE state = 'uncertain'")
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))
    message = looked[0]
    links = Links(scene.pool, scene.vault, Settings())
    tenant = (await renewed(scene)).tenant
    expected = await links.put(tenant, Media((File(ref),)), message)
    assert {each.content for each in looked} == {Text(expected.files[0].ref)}


@pytest.mark.parametrize(
    "ref", ["http://shop.cl/a.jpg", "file:///etc/passwd", "wamid.123", "", "kept:", "kept:999", "kept:1/../2"]
)
async def test_what_is_neither_kept_nor_https_is_refused(scene: Scene, album: Album, ref: str) -> None:
    await kept(scene)
    await speak(scene, Media((File(ref),)))
    state, cause = await outbound(scene)
    assert state == "refused"
    assert cause and cause.endswith(".") and "kept" in cause
    assert not album.sent


async def test_a_tenant_cannot_send_another_s_file(scene: Scene, album: Album) -> None:
    ref = await kept(scene)
    await scene.add("bravo")
    await speak(scene, Media((File(ref),)), slug="bravo")
    assert await outbound(scene) == (
        "refused",
        f"The file {ref} is not kept of this conversation, or not any more.",
    )


async def test_an_assistant_cannot_send_another_contact_s_file(scene: Scene, album: Album) -> None:
    ref = await kept(scene)
    await speak(scene, Media((File(ref),)), to="eva")
    assert await outbound(scene) == (
        "refused",
        f"The file {ref} is not kept of this conversation, or not any more.",
    )


async def test_a_link_is_the_tenant_s_the_file_s_and_the_day_s(scene: Scene) -> None:
    await scene.add("bravo")
    keys = {}
    for slug in ("acme", "bravo"):
        async with scene.pool.acquire() as connection:
            tenant = (await scene.entry(slug)).tenant
            keys[slug] = tenant.id, await data_keys.data_key(connection, scene.vault, tenant.id)
    acme, key = keys["acme"]
    bravo, other_key = keys["bravo"]
    link = Link(acme, 17, "ñandú&x=1.pdf", "application/pdf", 1763000000)
    address = link.address("https://acme.cl", scene.vault, key)
    path, _, query = address.removeprefix("https://acme.cl/files/").partition("?")

    def read(path: str = path, query: str = query, tenant: int = acme, key: str = key) -> Link | None:
        return Link.read(tenant, path, query, scene.vault, key)

    assert read() == link
    assert read(key=scene.vault.rewrap(key, acme)) == link  # a rotation of master keys changes nothing
    assert read("18") is None
    assert read("017") == link  # the same file
    for changed in ("until=1763000001", "name=x", "type=text%2Fhtml", "sig=", "until=", "until=-1"):
        assert read(query=f"{query}&{changed}") is None
    assert read(query="") is None
    assert read(query=query.partition("&sig=")[0]) is None
    assert read(query="&".join("a" * 20)) is None
    assert read(query="name=%ff&" + query) is None
    assert read("../../17") is None
    assert read("１７") is None
    assert read(tenant=bravo) is None
    assert read(tenant=bravo, key=other_key) is None


async def test_an_operator_gets_links(scene: Scene, album: Album, terminal: Terminal) -> None:
    await kept(scene)
    await send(scene)  # not kept yet
    first, second = await terminal.read("message", "list", "acme", "--json", "--links")
    assert await opened(scene, first["links"][0]) is not None
    assert second["links"] == []
    [_, line, _] = (await terminal.type("message", "list", "acme", "--links")).stdout.splitlines()
    assert line.strip().partition("?")[0] == first["links"][0].partition("?")[0]
    [plain, _] = await terminal.read("message", "list", "acme", "--json")
    assert "links" not in plain
