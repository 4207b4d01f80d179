"""Detectors of the literature, trained on the same data as our own for comparison."""
