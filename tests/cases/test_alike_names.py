"""Two targets whose names share their first characters."""

from ngcmos.simulate.troubles import rewrite, set_cards


def test_two_targets_whose_names_begin_alike_are_two_fields(make_case):
    """Both are measured, each under its whole name."""
    case = make_case(fields=2, frames=3)
    for number, truth in enumerate(case.night.truths):
        for name in truth.frames["file"]:
            target = f"TIC-1234567{8 + number}"
            path = case.folder / name
            rewrite(path, set_cards({"OBJECT": target}))
            path.rename(path.with_name(f"{target}-{name.rpartition('-')[2]}"))
    case.reduce()
    assert case.tables() == ["phot_TIC-12345678.fits", "phot_TIC-12345679.fits"]
    for number, truth in enumerate(case.night.truths):
        field = f"TIC-1234567{8 + number}"
        assert len(case.measured(field)) == 3
        assert case.stars(field) <= set(truth.stars["tic_id"].tolist())
