"""Training: from a frozen backbone and a split manifest to a bundle."""
