"""The random seed of a run of the tests, which is the same in all processes.

The run prints the seed. To repeat a run, set the seed in the environment.
"""

import os
from random import SystemRandom

VARIABLE = "TAP_DTM_TEST_CHANCE"
CHANCE = int(os.environ.setdefault(VARIABLE, str(SystemRandom().randrange(10**9))))
