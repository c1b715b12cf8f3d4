"""Asks DTM's API, judges its answers, and builds rows of them.

May import the settings, the catalogue (``metadata``) and the ground floor; knows nothing of bookmarks or of Singer.
"""
