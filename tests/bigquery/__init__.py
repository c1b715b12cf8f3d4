"""Into BigQuery, as far as that can be tried without an account: into an emulator on this machine."""
