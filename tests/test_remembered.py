"""What DTM said at every run, on random histories: through kills, lost states, changed filters and scrubs."""

from tests.histories import long, quiet
from tests.remembered import ChosenHistory, RememberedHistory

__all__ = ["quiet"]

TestRememberedHistory = RememberedHistory.TestCase
TestRememberedHistory.settings = long(25)
TestChosenHistory = ChosenHistory.TestCase
TestChosenHistory.settings = long(25)
