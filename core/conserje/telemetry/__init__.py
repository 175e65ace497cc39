"""What a running process tells, and who watches it: log, metrics, heartbeat, pulse, watchdog."""
