"""The seed that chance chooses for a run of the tests, the same in all of its processes.

It stands in the name of a test that fails; given in the environment, it is used again.
"""

import os
from random import SystemRandom

VARIABLE = "TAP_DTM_TEST_CHANCE"
CHANCE = int(os.environ.setdefault(VARIABLE, str(SystemRandom().randrange(10**9))))
