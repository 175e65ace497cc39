"""`python -m conserje`: the command line."""

from conserje.cli import main

main(prog_name="conserje")
