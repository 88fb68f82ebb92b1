"""Reports from the records."""
