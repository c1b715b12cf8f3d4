"""OCHA's P-codes: the list, what is sent of it, and what happens when it cannot be taken."""
