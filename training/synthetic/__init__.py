"""The synthetic-voice detector: prepare, train, calibrate, export, parity."""
