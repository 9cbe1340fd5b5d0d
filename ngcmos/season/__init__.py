"""A field over all its nights: the archive, one solution of all nights, and what varies, repeats or dips."""
