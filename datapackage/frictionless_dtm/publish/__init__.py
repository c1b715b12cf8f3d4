"""Publishing a finished data package: as an archive, to CKAN, to GitHub. Only with permission, and only when told."""
