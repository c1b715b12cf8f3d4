"""Publishing a finished data package as an archive or to CKAN, or checking that it may be published."""
