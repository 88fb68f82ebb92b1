"""What every room stands on: records, errors, files, plug-in registry. Standard library and NumPy only."""
