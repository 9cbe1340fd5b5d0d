"""The nights of a season on their scale: solved from all of them, or by a reference that some are fitted to."""

import dataclasses
import functools
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Reals
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.health import NightHealth, health_of_night
from ngcmos.season.means import CameraMeans, means_of
from ngcmos.season.reference import Reference, forget_references, say_apertures, say_drift, write_references
from ngcmos.season.scale import SeasonFit, fit_more, fit_season
from ngcmos.season.source import Source
from ngcmos.season.standing import Standing, state_of
from ngcmos.season.summary import OF_SCALE, NightSummary, for_scale, read_parts

log = logging.getLogger(__name__)

ROOMS = ("ngcmos.season", "ngcmos.lightcurves")  # whose code the scale is made by, and some more


@dataclasses.dataclass(frozen=True, eq=False)
class Season:
    """The nights of a season; what they hold is read and solved once it is asked for.

    Attributes
    ----------
    folder : SeasonFolder
    sources : mapping of str to Source
    cameras : mapping of str to sequence of str
        Names of the nights of each camera, in order.
    standing : Standing
    references : mapping of str to Reference
        Of cameras whose further nights are fitted to what stands; those of others are all solved together.
    renewed : mapping of str to str
        Of the others, why.
    """

    folder: SeasonFolder
    sources: Mapping[str, Source]
    cameras: Mapping[str, Sequence[str]]
    standing: Standing
    references: Mapping[str, Reference] = dataclasses.field(default_factory=dict)
    renewed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def names(self) -> list[str]:
        """All nights, in order."""
        return sorted(name for own in self.cameras.values() for name in own)

    @functools.cached_property
    def _read(self) -> list[tuple[NightSummary, NightHealth]]:
        kept = {name for one in self.references.values() for name in one.means.names}
        return [_read_night(self.folder.summary(name)) for name in self.names if name not in kept]

    @property
    def summaries(self) -> list[NightSummary]:
        """The solutions of the nights that no reference has, as `read_for_scale`."""
        return [summary for summary, _ in self._read]

    @property
    def health(self) -> dict[str, NightHealth]:
        """What the files of the solutions tell of the telescope, by the names of the nights."""
        kept = {name: of for one in self.references.values() for name, of in one.health.items()}
        return kept | {summary.name: health for summary, health in self._read}

    @functools.cached_property
    def fits(self) -> dict[str, SeasonFit]:
        """The scale of each camera that has summaries, for these."""
        fits = {}
        for camera in sorted({summary.camera for summary in self.summaries}):
            own, reference = self.summaries_of(camera), self.references.get(camera)
            source = self.sources[own[-1].name]
            given = (own, source.camera.detector.shape, source.known)
            fits[camera] = fit_more(*given, reference.scale) if reference else fit_season(*given)
        return fits

    def summaries_of(self, camera: str) -> list[NightSummary]:
        """Those of a camera."""
        return [summary for summary in self.summaries if summary.camera == camera]

    @functools.cached_property
    def means(self) -> list[CameraMeans]:
        """Those of each camera, in order of their names."""
        return [self._means_of(camera) for camera in sorted(self.cameras)]

    def _means_of(self, camera: str) -> CameraMeans:
        reference = self.references.get(camera)
        if camera not in self.fits and reference:
            return reference.means
        own = means_of(self.fits[camera], self.summaries_of(camera))
        return own.below(reference.means) if reference else own

    @property
    def points(self) -> int:
        """How many there are of all stars, but those of nights that references have."""
        return sum(one.share.shape[1] * len(one.stars) for one in self.summaries)

    @property
    def beside(self) -> list[str]:
        """Nights that were fitted to what stands."""
        solved = {name for one in self.references.values() for name in one.means.names[: one.solved]}
        return [name for camera in self.references for name in self.cameras[camera] if name not in solved]

    def signature(self, exact_points: int) -> str:
        """What its scale is made of and its light curves: as long as it stays, these need not be touched.

        Files by their sizes, times and inodes; `exact_points` decides which light curves may stay.
        """
        enters = [
            [name, self.sources[name].camera.detector.shape, self.sources[name].known.digest]
            for name in self.names
        ]
        states = [state_of(path) for name in self.names for path in self.folder.files(name)]
        return digest_of(json.dumps([code_of(*ROOMS), exact_points, enters, states, self.beside]))

    def by_references(self, kept: Mapping[str, Reference]) -> "Season":
        """The same by the references that hold, as far as can be told before further nights are fitted to them."""
        held, renewed = {}, {}
        for camera, names in self.cameras.items():
            why = "none was kept"
            if camera in kept:
                solutions = {name: self.standing.mark_of(self.folder.summary(name)) for name in names}
                curves = {name: self._curves(name) for name in kept[camera].curves}
                why = kept[camera].why_not(self._made_of(camera), solutions, curves)
            if why:
                renewed[camera] = why
            else:
                held[camera] = kept[camera]
        return dataclasses.replace(self, references=held, renewed=renewed)

    def by_what_holds(self) -> "Season":
        """The same without references that further nights do not fit to, or have left."""
        fitting = self._without({camera: self._misfit_of(camera) for camera in self.references})
        drifts = {camera: fitting._drift_of(camera) for camera in fitting.references if camera in fitting.fits}
        return fitting._without(drifts)

    def _without(self, whys: Mapping[str, str]) -> "Season":
        """The same without the references of cameras that have a reason."""
        whys = {camera: why for camera, why in whys.items() if why}
        held = {camera: one for camera, one in self.references.items() if camera not in whys}
        return dataclasses.replace(self, references=held, renewed={**self.renewed, **whys}) if whys else self

    def _misfit_of(self, camera: str) -> str:
        reference = self.references[camera]
        for summary in self.summaries_of(camera):
            if not np.isin(reference.scale.radii, summary.radii).all():
                return f"{summary.name} does not have all of its apertures"
            if not np.isin(summary.keys, reference.keys).any():
                return f"{summary.name} has none of its stars"
        return ""

    def _drift_of(self, camera: str) -> str:
        fit, reference = self.fits[camera], self.references[camera]
        drifted = say_drift(fit.scale, self._means_of(camera), reference.solved)
        return drifted or say_apertures(reference, fit)

    def forget(self) -> None:
        """Remove what is kept of the scale where nights that stand will be put on another one."""
        if set(self.cameras) - set(self.references):
            forget_references(self.folder.reference)

    def keep(self) -> None:
        """Keep the scale for nights to come, and tell which cameras were solved anew.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        if self.fits:
            write_references(self.folder.reference, map(self._reference_of, sorted(self.cameras)))
        for camera, why in self.renewed.items():
            told = "%s: %s: all %d nights are solved anew, those to come are fitted to them: %s"
            log.info(told, self.folder.field, camera, len(self.cameras[camera]), why)

    def _reference_of(self, camera: str) -> Reference:
        """That of a camera with all nights whose light curves are there."""
        before, means = self.references.get(camera), self._means_of(camera)
        curves = {name: self._curves(name) for name in means.names}
        there = [at for at, name in enumerate(means.names) if curves[name]]
        names = [means.names[at] for at in there]
        return Reference(
            camera=camera,
            made_of=self._made_of(camera),
            solved=before.solved if before else len(names),
            scale=self.fits[camera].scale if camera in self.fits else self.references[camera].scale,
            noise=self._noise_of(camera, names),
            means=means.of_nights(there),
            health=self.health,
            solutions={name: self.standing.mark_of(self.folder.summary(name)) for name in names},
            curves={name: curves[name] for name in names},
        )

    def _noise_of(self, camera: str, names: Sequence[str]) -> Reals:
        """Noise of the pointings of a camera: those that its reference has, then those of these further nights."""
        before, fit = self.references.get(camera), self.fits.get(camera)
        if fit is None:
            return self.references[camera].noise
        own = fit.noise[:, np.isin(np.array(fit.names)[fit.night], names)]
        return before.noise_with(dataclasses.replace(fit, noise=own)) if before else own

    def _curves(self, name: str) -> str:
        """What the light curves of a night and their bins are made of; "" where these are not the same."""
        there = {self.standing.mark_of(path) for path in (self.folder.curves(name), self.folder.bins(name))}
        return there.pop() if len(there) == 1 else ""

    def _made_of(self, camera: str) -> str:
        """What the scale of a camera is made of but its nights."""
        source = self.sources[self.cameras[camera][-1]]
        return json.dumps([code_of(*ROOMS), source.camera.detector.shape, source.known.digest])


def _read_night(path: Path) -> tuple[NightSummary, NightHealth]:
    parts = read_parts(path, OF_SCALE)
    return for_scale(parts), health_of_night(parts)
