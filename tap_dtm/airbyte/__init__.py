"""The tap as an Airbyte source: the same streams and bookmarks in the messages of the Airbyte protocol.

The tap does the reading. What it writes as Singer messages is written here as Airbyte's, and Airbyte's configured
catalog and state are read as Singer's.
"""
