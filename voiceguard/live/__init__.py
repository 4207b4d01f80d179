"""The live driver: one call, its recorder, its scores and the jobs beside it. No HTTP."""
