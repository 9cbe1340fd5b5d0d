"""The photometry table of a field: its columns, its parts, one star back from it."""
