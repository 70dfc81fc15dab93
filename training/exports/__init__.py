"""Data set versions as files that other programs read."""
