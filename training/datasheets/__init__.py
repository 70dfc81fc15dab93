"""What a version is, said in numbers that point at nobody."""
