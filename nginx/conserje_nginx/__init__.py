"""nginx in front of Conserje: its configuration, for a server of its own and for the demo."""

from conserje_nginx.cli import edge

__all__ = ["edge"]
