"""The guards: what cannot be trusted is never data, and nothing that a run leaves open goes unsaid or unmended."""

import pytest

pytest.register_assert_rewrite("tests.guards.support")  # its assertions show what differs, as a test's do
