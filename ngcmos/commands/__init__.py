"""The commands: `ngcmos NAME` and `scripts/NAME.py` are the same thing, a module here for each."""
