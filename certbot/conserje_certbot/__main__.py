"""`python -m conserje_certbot`: what certbot's deploy hook runs."""

from conserje_certbot.cli import certificate

certificate(prog_name="conserje certificate")
