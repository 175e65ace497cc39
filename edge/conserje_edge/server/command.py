"""`conserje serve`, as it is listed among the commands."""

from conserje.commands import Deferred

serve = Deferred(
    "serve",
    "conserje_edge.server.serve:serve",
    "Take providers' webhooks, and answer the operator, until stopped.",
)
