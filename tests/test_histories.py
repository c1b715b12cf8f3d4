"""Exactness on random histories: whatever DTM publishes, the target equals it after every successful sync."""

from tests.histories import History, long, quiet

__all__ = ["quiet"]

TestHistory = History.TestCase
TestHistory.settings = long(40)
