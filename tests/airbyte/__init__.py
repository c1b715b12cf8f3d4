"""`source-dtm`: the tap as Airbyte runs it."""
