"""Replay: recorded calls through the same core as live ones, on all cores or on Ray."""
