"""How much the tests try: what shows that all of it works, or everything (`make.py test --everything`)."""

import os

VARIABLE = "DTM_TESTS"
EVERYTHING = os.environ.get(VARIABLE) == "everything"
