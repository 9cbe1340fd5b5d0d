"""Two targets whose names share their first characters."""

from ngcmos.night.reasons import kind_of, plain_reason
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


def test_a_place_under_the_name_and_object_of_another_is_told(make_case):
    """Nothing but the cards of pointing tells two targets apart: those of most are measured."""
    case = make_case(fields=2, frames=3)
    first, other = case.night.truths
    [lonely, *rest] = [case.folder / name for name in other.frames["file"]]
    for path in rest:
        path.unlink()
    target = first.frames["file"][0].rpartition("-")[0]
    rewrite(lonely, set_cards({"OBJECT": target}))
    lonely = lonely.rename(lonely.with_name(f"{target}-{lonely.name.rpartition('-')[2]}"))
    case.reduce()
    assert case.measured().keys() == set(first.frames["file"])
    told = case.reasons()[lonely.name]
    assert "elsewhere by its cards – another target of that name?: " in told
    assert kind_of(plain_reason(lonely.name, told)) == "elsewhere by its cards – another target of that name?"
