"""What a running process tells: log, metrics, heartbeat, pulse."""
