"""`python -m ngcmos NAME` is `ngcmos NAME`."""

from ngcmos.commands.entry import main

if __name__ == "__main__":
    raise SystemExit(main())
