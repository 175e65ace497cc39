"""How what contacts wrote is answered."""
