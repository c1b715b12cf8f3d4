"""``dtm://``: answers of the API as Frictionless resources. May import ``descriptor`` and ``tap_dtm``."""
