"""What tests need to start processes."""

from __future__ import annotations

from processes import free_port


def test_no_port_is_given_twice() -> None:
    """A server that is to have one port for two listeners does not start."""
    ports = [free_port() for _ in range(300)]
    assert len({*ports}) == len(ports)
