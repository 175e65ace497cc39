"""The suites of channels: `ChannelContract`, and `ProviderChannelContract` for those that ask a provider."""

from __future__ import annotations

from contextlib import suppress

from conserje.contract.channel import Malformed
from conserje.plugins import given
from conserje.testing.files import Files
from conserje.testing.models import check_installed, check_models, check_name, check_secrecy
from conserje.testing.outcomes import Outcomes
from conserje.testing.reading import Reading
from conserje.testing.signing import Signing

_COMPUTING = ("claims", "verify", "parse", "acknowledge", "address", "automatic", "compose")


class ChannelContract(Signing, Reading):
    """What every channel keeps. The subclass names the channel and an account to try it with.

    Nothing is sent anywhere, and no mode of asyncio is needed.
    """

    def test_is_installed_under_its_own_name(self) -> None:
        check_name(self.channel)
        check_installed("conserje.channels", self.channel)

    def test_refuses_fields_that_it_does_not_know(self) -> None:
        check_models(self.channel.Credentials, self.channel.Settings, self.channel.Operator)

    def test_works_without_settings_of_the_operator(self) -> None:
        self.channel.Operator()

    def test_shows_no_secret(self) -> None:
        check_secrecy(self.channel.Credentials, self.credentials, self._account())
        check_secrecy(self.channel.Operator, self.operator, self._channel().operator)

    def test_the_account_s_address_is_in_its_form(self) -> None:
        channel = self._channel()
        assert channel.address(f" {self.address} ") == self.address
        for odd in ("", " ", "é☕", "\0", "\udc80", "x" * 9000, "?", "//", "\n"):
            with suppress(Malformed):
                given.text(channel.address(odd))

    def test_says_what_it_can_as_the_contract_has_it(self) -> None:
        channel = self._channel()
        given.limits(channel.limits)
        given.limits(channel.limits_of(self.address))
        given.pace(channel.pace(self.address))
        given.window(channel.window(self.address))
        given.name(channel.reach("+56912345678", self.address))
        given.truth(channel.silenced(self._account().settings))
        shared = channel.shared_credentials()
        assert shared is None or isinstance(shared, self.channel.Credentials)
        assert self.channel.methods <= {"GET", "POST", "PUT", "PATCH", "DELETE"}, "`methods` are in capitals."

    def test_what_is_called_at_once_is_no_coroutine(self) -> None:
        import inspect

        for name in _COMPUTING:
            assert not inspect.iscoroutinefunction(getattr(self.channel, name)), (
                f"`{name}` is called: `def {name}`."
            )


class ProviderChannelContract(ChannelContract, Outcomes, Files):
    """What a channel keeps besides that has a provider; in the test that is a function, `good_answer`."""
