"""The descriptor of a package, ``datapackage.json``, with the settings and the shapes of tables.

Imports no other room of this package.
"""
