"""Hostile answers: what no honest API sends, told to the real commands. Other countries must not suffer from it."""
