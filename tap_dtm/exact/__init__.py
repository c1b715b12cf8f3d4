"""What has changed: rounds, digests and bookmarks, and what the target must be sent to equal the API.

Gets the client handed in. Imports ``api`` for its types alone; no HTTP and no SDK.
"""
