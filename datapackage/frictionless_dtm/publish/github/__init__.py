"""Publishing to a GitHub repository."""
