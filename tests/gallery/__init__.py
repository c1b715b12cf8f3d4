"""The twelve questions of ``examples/questions/``: what the databases answer, and what the rows say without SQL."""
