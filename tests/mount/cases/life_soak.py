"""Sessions of random programs, which come and go: nobody misses a file, and none is left."""
import os

import soak
from rig import case


@case(mount=False)
def programs_of_many_sessions_miss_nothing():
    seed = os.environ.get('SPOOL_SEED')
    soak.soak(40, int(seed) if seed else None)
