"""`conserje demo`, as it is listed among the commands."""

from conserje.commands import Deferred

demo = Deferred("demo", "conserje_fakes.demo:demo", "Try Conserje out without any provider.")
