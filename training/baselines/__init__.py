"""Detectors of the literature, trained on the data of our own to be measured beside it."""
