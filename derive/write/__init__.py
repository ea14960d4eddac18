"""The writers: each a function of report data."""
