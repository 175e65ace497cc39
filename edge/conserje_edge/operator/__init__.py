"""The operator's listener: health, metrics, and the routes for programs with a key."""
