"""Hostile answers: what no honest API sends, sent to the real commands. Other countries must not suffer from it."""
