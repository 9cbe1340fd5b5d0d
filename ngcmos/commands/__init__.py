"""The commands: `ngcmos NAME` and `scripts/NAME.py` are the same thing, a module here for each.

The linear algebra library is kept at one thread, before it is loaded: work is dealt out by frames, and sums by
several threads are not the same from run to run.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
