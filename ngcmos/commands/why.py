"""Tell why frames were not measured: the story of one stage by stage, or all of a field or a night.

A frame is named by its file's name, by a part of it that no other has (its time stamp), or by its path; a night by
its date or folder. Without anything it is the whole night. Nothing is changed, so this works while another run is
at the night.

Example:  ngcmos why 20240706072737751 --night 20240705
          ngcmos why NG2320-1302 --night 20240705
          ngcmos why 20240705
"""

from argparse import ArgumentParser, Namespace

from ngcmos.commands.running import Command, answer


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument(
        "wanted", nargs="?", default="", metavar="FRAME|FIELD|NIGHT", help="what to tell of (default: the night)"
    )


def work(options: Namespace) -> int:
    """Write the story to the standard output; the exit code."""
    from ngcmos.report import why

    text = why.run(
        options.wanted,
        camera=options.camera,
        config=options.config,
        directory=options.directory,
        night=options.night,
    )
    answer(text)
    return 0


main = Command(__doc__, work, add_options=add_options)
