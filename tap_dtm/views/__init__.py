"""Views that answer the usual questions in a warehouse: from their declarations in the catalogue to a SQL script.

``definitions`` holds what each view selects, ``dialects`` what differs between the databases, ``script`` puts both
together with the descriptions, and ``install`` runs the script in Postgres.
"""
