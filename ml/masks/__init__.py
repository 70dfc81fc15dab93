"""Face masks drawn onto photos: cut, cloth, fit and light, all by the program."""
