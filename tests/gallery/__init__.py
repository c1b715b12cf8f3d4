"""The ten questions of ``catalog/questions/``: what the databases answer, and what the rows say without SQL."""
