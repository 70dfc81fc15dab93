"""Finding faces, their mesh, aligned crops, and how usable they are."""
