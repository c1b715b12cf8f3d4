"""Publishes a finished data package as an archive or to CKAN, or only checks that it may be published."""
