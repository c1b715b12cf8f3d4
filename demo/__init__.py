"""The demo for newcomers: the tap into a real Postgres, offline. Not part of the wheel."""
