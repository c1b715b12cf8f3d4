"""Views that answer the usual questions in a warehouse: from their declarations in the catalogue to a SQL script.

``sql`` has a file with the query of each view; an N in the name of a file is the administrative level. ``placeholders``
says what each ``$name`` in them becomes, and ``dialects`` what differs between the databases. ``script`` puts all
together with the descriptions, and ``install`` runs the script in Postgres, over the connection of the ``loader``.
"""
