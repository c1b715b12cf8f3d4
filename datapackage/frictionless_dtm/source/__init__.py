"""``dtm://``: DTM's answers as resources of Frictionless. May import ``descriptor`` and the rooms of ``tap_dtm``."""
