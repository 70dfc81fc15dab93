"""Data sets: packed on disk, split by person, handed out in batches."""
