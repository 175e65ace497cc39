"""What a browser keeps of the console: how it is installed, its worker, and a page for when it is offline."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje_edge.console.asked import Asked
from conserje_edge.console.assets import TYPES, Assets
from conserje_edge.console.place import OPEN, Place, Seen, view

MANIFEST, WORKER = "/console.webmanifest", "/worker.js"  # whose place decides which pages are its own
_AGAIN = {"cache-control": "no-cache"}


@view(OPEN)
async def offline(asked: Asked) -> Seen:
    """It has nothing of anybody's: browsers keep it."""
    return Seen("offline.html")


PLACES = (Place("/offline", offline),)


def routes(assets: Assets) -> list[Route]:
    """The manifest and the worker. The worker is another one whenever an asset is: it keeps some of them."""
    manifest = _manifest(assets)
    script = f'const version = "{assets.version}";\n'.encode() + assets.content("worker.js")

    async def tell(request: Request) -> Response:
        return JSONResponse(manifest, headers=_AGAIN, media_type=TYPES[".webmanifest"])

    async def work(request: Request) -> Response:
        return Response(script, headers=_AGAIN, media_type=TYPES[".js"])

    return [Route(MANIFEST, tell), Route(WORKER, work)]


def _manifest(assets: Assets) -> dict[str, object]:
    icons = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"), ("icon-maskable.png",
             "512x512", "maskable"))  # fmt: skip
    return {
        "name": "Conserje",
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#1f5f4a",
        "theme_color": "#1f5f4a",
        "icons": [
            {"src": assets.url(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in icons
        ],
    }
