"""The same when every run re-reads everything: changes that admin 0 does not show arrive at once."""

from tests.histories import ScrubbedHistory, long, quiet

__all__ = ["quiet"]

TestScrubbedHistory = ScrubbedHistory.TestCase
TestScrubbedHistory.settings = long(12)
