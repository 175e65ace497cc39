"""What a plugin sees: messages, channels, assistants, limits, pages; it reaches them by `conserje` itself."""
