"""Views that answer the usual questions in a warehouse: from their declarations in the catalogue to a SQL script.

``sql`` has the query of each view; an N in the name of a file is the administrative level. ``placeholders`` defines
each ``$name`` in the queries, and ``dialects`` and ``postgres`` what differs between the databases. ``script`` puts
everything together with the descriptions, and ``install`` runs the script in Postgres, over the connection of the
``loader``.
"""
