"""The tap as an Airbyte source: the same streams and bookmarks in the messages of the Airbyte protocol.

The tap reads DTM. This room translates its Singer messages to Airbyte's, and Airbyte's configured catalog and state to
Singer's.
"""
