"""How other machines are asked."""
