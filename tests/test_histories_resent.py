"""The same when somebody changes the tables: a run that sends everything again puts them right."""

from tests.histories import ResentHistory, long, quiet

__all__ = ["quiet"]

TestResentHistory = ResentHistory.TestCase
TestResentHistory.settings = long(12)
