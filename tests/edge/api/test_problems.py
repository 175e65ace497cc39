"""What core refuses has a code at the API; what is no matter of who asks has none."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import conserje
from conserje.errors import OperatorError
from conserje.storage.database import DatabaseError
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import TenantError
from conserje_edge.api.problem import KINDS, OF_ERRORS, documented, of_error, problem
from conserje_edge.wire.answers import Problem

# Of the command line, or of what the operator alone does: a request never meets them.
NOT_ASKED = {
    "ApiKeyError", "BackupError", "DatabaseError", "ExportError", "FileRefused", "PhrasesError", "PriceError",
    "PruningError", "SealBroken", "TenantFileError", "PictureError", "LoginError",
    "LastOwner", "PreparedError", "PasskeyRefused", "TooManyTries", "WeakPassword", "WrongPassword",
    "DetourOver", "IssuerAway", "NoDevice", "NotMade", "NotThere", "NotVouched", "NothingToAnswer",
}  # fmt: skip
OF_THEIR_OPERATION = {"SendRefused", "SendUnfit", "SubscriptionError"}  # which tells more than one code


def refusals() -> Iterator[type[OperatorError]]:
    for module in pkgutil.walk_packages(conserje.__path__, "conserje."):
        if not module.name.startswith(("conserje.cli", "conserje.__main__")):
            importlib.import_module(module.name)
    found = [OperatorError]
    for each in found:
        found += each.__subclasses__()
    yield from (each for each in found[1:] if each.__module__.startswith("conserje."))


def test_each_refusal_of_core_has_a_code_or_is_never_met() -> None:
    known = tuple(type_ for type_, _ in OF_ERRORS)
    nameless = {
        each.__name__
        for each in refusals()
        if not issubclass(each, known) and not each.__module__.startswith("conserje.cli")
    }
    assert nameless - NOT_ASKED - OF_THEIR_OPERATION == set()


def test_the_narrower_types_come_first() -> None:
    for place, (type_, _) in enumerate(OF_ERRORS):
        assert not [other for other, _ in OF_ERRORS[:place] if issubclass(type_, other)], type_


def test_every_code_of_the_table_is_a_kind() -> None:
    assert {code for _, code in OF_ERRORS} <= KINDS.keys()


def test_what_is_for_the_operator_s_eyes_is_not_said() -> None:
    told = of_error(VaultError("The keyring /secret/place lacks master key 7."))
    assert told and told.status == 503 and "/secret/place" not in str(told.told)
    assert told.cause == "The keyring /secret/place lacks master key 7."
    assert of_error(DatabaseError("postgresql://user@host")) is None


def test_a_place_in_the_body_is_named() -> None:
    told = of_error(TenantError("A locale is a language.", "locale"))
    assert told and told.told["errors"] == [{"pointer": "/body/locale", "detail": "A locale is a language."}]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_whatever_is_raised_has_a_code_of_its_status(kind: tuple[int, str, str]) -> None:
    told = documented(Problem(kind[0])).told  # type: ignore[arg-type]
    assert KINDS[str(told["code"])].status == kind[0]


def test_a_problem_s_headers_stay() -> None:
    raised = problem("too-many-requests", "", (b"retry-after", b"7"))
    assert documented(raised).headers == ((b"retry-after", b"7"),)
