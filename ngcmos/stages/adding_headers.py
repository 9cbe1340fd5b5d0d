"""Write AIRMASS and FILTER (where absent), BJD and HJD into the header of every frame of a night.

Example:  ngcmos adding_headers --night 20240705
"""

from ngcmos.errors import FrameError
from ngcmos.names import Stage
from ngcmos.night.job import Job
from ngcmos.night.loop import HEADERS_TOGETHER
from ngcmos.night.outcome import Outcome
from ngcmos.steps.remarking import remark_on_air
from ngcmos.steps.time_cards import plan_cards, read_facts, write_plan


def run(job: Job) -> Outcome:
    """Write AIRMASS and FILTER where absent, and BJD and HJD of mid exposure, into each frame; an Outcome.

    All by site, time and place: the centre of the chip where the frame has a plate solution, else the pointing.
    A card of altitude or airmass that says otherwise is remarked on and stays.
    """
    shared, label = (job.camera,), Stage.ADDING_HEADERS
    for field, paths in job.night.fields.items():
        frames = []
        reading = job.through(read_facts, paths, shared=shared, together=HEADERS_TOGETHER, label=label)
        for path, result in reading:
            if isinstance(result, FrameError):
                job.settle(path, field, result)
            else:
                frames.append(result)
        known = job.recall(Stage.ADDING_HEADERS, field)
        plans, work = plan_cards(frames, job.camera), []
        remark_on_air(job, field, [plan.said for plan in plans])
        for plan in plans:
            if plan.is_ready and plan.path.name in known:
                job.outcome.skipped.append(plan.path.name)
            else:
                work.append(plan)
        for plan, written in job.through(write_plan, work, shared=shared, label=label):
            job.settle(plan.path, field, written)
    return job.outcome
