"""What is handed out of a contact: all of theirs, and nothing of anybody else's."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from album import JPEG, Album, kept, parts
from scene import Scene
from terminal import Terminal

from conserje.cli.table import in_json
from conserje.files.folder import path_of
from conserje.operations import contact_export
from conserje.storage import jobs
from conserje.storage.jobs import Job


@pytest.fixture
async def talk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    """Ana has sent a picture and was answered, Eva has written, too; Ana's contact."""
    monkeypatch.setattr("conserje.plugins.plugins.load", lambda *_: scene.conversation.plugins)
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    scene.post.given = lambda file: parts(JPEG)
    await kept(scene)
    await scene.write("hola \u2028 \x1b[31m", sender="ana")
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert place
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await scene.delivery.deliver(Job(jobs.DELIVER, *place))
    await scene.write("soy eva", sender="eva")
    contact: int = await scene.pool.fetchval("SELECT contact_id FROM identities WHERE name = 'ana'")
    return contact


async def test_all_of_one_and_nothing_of_another_is_printed(talk: int, terminal: Terminal) -> None:
    said = await terminal.read("contact", "export", "acme", str(talk), "--to", "-")
    assert said.keys() == contact_export.EXPORT.keys()
    assert said["contact"][0]["id"] == talk and said["contact"][0]["forgotten_at"] is None
    assert said["identities"] == [{"channel": "post", "name": "ana"}]
    assert [each["direction"] for each in said["messages"]] == ["in", "in", "out"]
    assert said["messages"][1]["content"]["text"].startswith("hola")
    assert said["files"][0]["name"] == "foto.png" and said["files"][0]["file"] is None
    assert said["turns"] and said["messages"][2]["provider_id"]
    assert "eva" not in json.dumps(said)


async def test_the_files_come_along_for_the_owner_s_eyes_alone(
    talk: int, terminal: Terminal, tmp_path: Path
) -> None:
    folder = tmp_path / "given"
    await terminal.type("contact", "export", "acme", str(talk), "--to", str(folder))
    said = json.loads((folder / "contact.json").read_text())
    [file] = said["files"]
    assert file["file"] == f"files/{file['id']}.jpg"
    assert (folder / file["file"]).read_bytes() == JPEG
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    again = await terminal.type("contact", "export", "acme", str(talk), "--to", str(folder), code=1)
    assert "is not empty" in again.stderr


async def test_a_file_that_is_not_here_is_named(
    scene: Scene, talk: int, terminal: Terminal, tmp_path: Path
) -> None:
    for path in scene.collector.folder.path.rglob("*"):
        if path.is_file():
            path.unlink()
    told = await terminal.type("contact", "export", "acme", str(talk), "--to", str(tmp_path / "given"))
    assert "foto.png" in told.stderr


async def test_files_are_copied_once_the_rows_are_read(
    scene: Scene, talk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's transaction is open meanwhile, and a file that is gone by then is named."""
    busy = []

    def removed(*place: Any) -> Path:
        busy.append(scene.pool.get_size() - scene.pool.get_idle_size())
        path_of(*place).unlink()
        return path_of(*place)

    monkeypatch.setattr(contact_export, "path_of", removed)
    tenant, folder = (await scene.entry()).tenant, tmp_path / "given"
    place = (scene.pool, tenant.id, talk, folder, scene.collector.folder.path)
    [missing] = await contact_export.write_folder(*place, in_json)
    assert "foto.png" in missing and busy == [0]
    assert json.loads((folder / "contact.json").read_text())["files"][0]["file"] is None


async def test_of_nobody_nothing_is_written(talk: int, terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    told = await terminal.type("contact", "export", "acme", "999999", "--to", str(folder), code=1)
    assert "no contact 999999" in told.stderr
    assert not folder.exists()
    (tmp_path / "file").write_text("x")
    told = await terminal.type(
        "contact", "export", "acme", str(talk), "--to", str(tmp_path / "file" / "x"), code=1
    )
    assert "cannot be written" in told.stderr


async def test_what_was_forgotten_is_handed_out_as_that(scene: Scene, talk: int, terminal: Terminal) -> None:
    await terminal.type("contact", "forget", "acme", str(talk), "--yes")
    said = await terminal.read("contact", "export", "acme", str(talk), "--to", "-")
    assert said["contact"][0]["forgotten_at"] and said["identities"] == said["files"] == []
    assert {each["content"]["type"] for each in said["messages"]} == {"revocation"}
