"""nginx in front of Conserje: its configuration, for a server of its own and for the demo."""

from conserje.commands import Deferred

edge = Deferred("edge", "conserje_nginx.cli:edge", "The edge: nginx in front of Conserje.")
