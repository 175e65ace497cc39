"""The channel meta keeps the contract of channels."""

from __future__ import annotations

from typing import ClassVar

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
    other_credentials: ClassVar = {"access_token": "ficha", "app_secret": "ajeno"}


class TestMetaWithoutAPhone(TestMeta):
    sender = "CL.13491208655302741918"


class TestMetaWithTheOperatorsApp(TestMeta):
    credentials: ClassVar = {"access_token": "ficha"}
    operator: ClassVar = {"app_secret": "casa", "verify_token": "palabra"}
