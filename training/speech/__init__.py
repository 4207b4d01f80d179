"""The check of net speech: what it learns from, how it is taught, and the card it ships with."""
