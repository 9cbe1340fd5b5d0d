#!/usr/bin/env python3
from ngcmos.commands.old_names import moved, say_moved

__getattr__ = moved("utils")

if __name__ == "__main__":
    raise SystemExit(say_moved("utils"))
