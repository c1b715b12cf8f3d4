"""What a newcomer runs first: the tap into a real Postgres, offline. Not part of the wheel."""
