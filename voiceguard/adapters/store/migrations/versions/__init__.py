"""One file a step, oldest first; a released step is never edited."""
