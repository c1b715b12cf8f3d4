"""Singer tap for the API of IOM's Displacement Tracking Matrix (DTM)."""
