"""Replay driver: labelled call sets through the same core, and the measures of what came out."""
