"""The channel meta keeps the contract of channels."""

from __future__ import annotations

from typing import ClassVar

import httpx2

from conserje import File
from conserje.testing import ProviderChannelContract
from conserje_meta import Meta


class TestMeta(ProviderChannelContract):
    channel = Meta
    address = "106540352242922"
    sender = "56922222222"
    credentials: ClassVar = {
        "access_token": "ficha",
        "app_secret": "secreto",
        "next_app_secret": "sucesor",
        "verify_token": "palabra",
        "waba_id": "102290129340398",
    }
    other_credentials: ClassVar = {"access_token": "ajena", "app_secret": "ajeno"}

    file = File("1234567890", "image/jpeg")

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/media"):
            return httpx2.Response(200, json={"id": "1234567890"})
        return httpx2.Response(200, json={"messages": [{"id": "wamid.HBgLNTY5MjIy"}]})

    def refusing_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400, json={"error": {"code": 131026, "message": "(#131026)"}})

    def denying_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(401, json={"error": {"code": 190, "message": "(#190)"}})

    def file_answer(self, request: httpx2.Request, parts: httpx2.AsyncByteStream) -> httpx2.Response:
        if request.url.host == "lookaside.fbsbx.com":
            return httpx2.Response(200, stream=parts)
        return httpx2.Response(200, json={"url": "https://lookaside.fbsbx.com/file?mid=1", "id": "1"})

    def gone_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400, json={"error": {"code": 100, "error_subcode": 33}})


class TestMetaWithoutAPhone(TestMeta):
    sender = "CL.13491208655302741918"


class TestMetaWithTheOperatorsApp(TestMeta):
    credentials: ClassVar = {"access_token": "ficha"}
    operator: ClassVar = {"app_secret": "casa", "verify_token": "palabra"}
