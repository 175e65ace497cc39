"""Assets: scripts, styles and pictures of our own, held in memory and addressed by what they are."""

from __future__ import annotations

import hashlib
import mimetypes
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).with_name("static")
FOR_EVER = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}  # not as the machine has them


class Assets:
    """The files of a folder; the version in their address changes when any of them does."""

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        joined = hashlib.sha256()
        for name, content in self._files.items():
            joined.update(f"{name} {len(content)}\n".encode() + content)
        self.version = joined.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Raises KeyError for what is not there."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def content(self, name: str) -> bytes:
        """Raises KeyError for what is not there."""
        return self._files[name]

    async def answer(self, request: Request) -> Response:
        """GET /static/{version}/{name}. A page of another version gets what is there now."""
        name = request.path_params["name"]
        content = self._files.get(name)
        if content is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        current = request.path_params["version"] == self.version
        headers = {"etag": etag, "cache-control": FOR_EVER if current else "no-cache"}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(content, headers=headers, media_type=_type(name))


def _type(name: str) -> str:
    suffix = Path(name).suffix
    return TYPES.get(suffix) or mimetypes.guess_type(name, strict=True)[0] or "application/octet-stream"
