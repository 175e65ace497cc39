"""The command line: commands alone, without SQL and without a rule of their own."""
