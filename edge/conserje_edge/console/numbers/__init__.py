"""The numbers: what was said, answered and spent, in figures and charts."""
