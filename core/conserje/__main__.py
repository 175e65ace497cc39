"""`python -m conserje`: the command line."""

from conserje.cli.main import main

main(prog_name="conserje")
