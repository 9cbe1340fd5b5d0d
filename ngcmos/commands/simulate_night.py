"""Write a night, or several, with known truth: raw frames, calibrations, catalog in a base folder ready to run.

Example:  ngcmos simulate_night demo-night --size 512 --frames 20 --fields 2
          ngcmos run_night --config demo-night/directories.json --camera demo-night/camera.toml \\
                                      --night 20240705
          python -m ngcmos.simulate.compare demo-night

Faults (--fault, repeatable, or all) put broken frames among those of the first field: an empty file, a truncated
one, no EXPTIME, a cloud, a jump ... A name that is not known lists them.

A season (--nights) is one sky and one chip through several nights, each with weather, Moon, pointing and flats of
its own, and with stars that vary from night to night.
"""

from argparse import ArgumentParser, Namespace

from ngcmos.commands.running import Command, log

SEASON_NIGHT_S = 6 * 3600.0


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("base", help="folder to write; new or empty")
    parser.add_argument(
        "--frames", type=int, default=20, metavar="N", help="good frames of each field (%(default)s)"
    )
    parser.add_argument(
        "--size", type=int, metavar="PX", help="rows and columns of the chip (default: the profile's)"
    )
    parser.add_argument(
        "--fields", type=int, default=1, metavar="N", help="fields, one after the other (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same night (%(default)s)")
    parser.add_argument(
        "--date", default="20240705", metavar="YYYYMMDD", help="evening of the night (%(default)s)"
    )
    parser.add_argument(
        "--cadence",
        type=float,
        metavar="S",
        help="seconds from frame to frame (13; in a season 6 hours for all)",
    )
    parser.add_argument(
        "--exptime", type=float, default=10.0, metavar="S", help="seconds of exposure (%(default)s)"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="a broken frame (repeatable), or all"
    )
    parser.add_argument(
        "--calibrations",
        type=int,
        default=5,
        metavar="N",
        help="bias, dark, evening and morning flat frames, so many each (%(default)s)",
    )
    parser.add_argument("--nights", type=int, default=1, metavar="N", help="nights of a season (%(default)s)")
    parser.add_argument(
        "--telescope", type=int, default=0, metavar="N", help="another one: other chip and weather, the same sky"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier simulation")


def work(options: Namespace) -> int:
    """Simulate the night or the season; the exit code."""
    from ngcmos.config import load_camera
    from ngcmos.simulate.night import simulate_night
    from ngcmos.simulate.plan import Plan
    from ngcmos.simulate.season import Season, simulate_season

    camera, common = load_camera(options.camera), {"size": options.size, "overwrite": options.overwrite}
    plan = Plan(
        date=options.date,
        fields=options.fields,
        frames=options.frames,
        seed=options.seed,
        exptime_s=options.exptime,
        calibrations=options.calibrations,
        cadence_s=options.cadence or cadence(options),
        faults=options.fault,
        telescope=options.telescope,
    )
    if options.nights == 1:
        night = simulate_night(options.base, camera, plan=plan, **common)
        log.info("simulated %s, its truth in %s", night.folder, night.truth_folder)
    else:
        season = simulate_season(options.base, camera, Season(options.nights, plan), **common)
        names = [night.folder.name for night in season.nights]
        log.info("simulated %d nights, %s to %s, in %s", len(names), names[0], names[-1], season.base)
    return 0


def cadence(options: Namespace) -> float:
    """Seconds from frame to frame where none are given."""
    return 13.0 if options.nights == 1 else max(13.0, SEASON_NIGHT_S / max(1, options.frames))


main = Command(__doc__, work, add_options=add_options, night=False)
