"""The engine that does jobs."""
