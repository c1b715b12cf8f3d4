"""What a package says of itself: its settings, the shapes of its tables, and ``datapackage.json``.

The ground floor: imports no other room of this package.
"""
