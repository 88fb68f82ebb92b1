"""Data: readers, checks, splits and the one preprocessing contract."""
