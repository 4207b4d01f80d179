"""Labelled call sets: read, build, import and mix them."""
