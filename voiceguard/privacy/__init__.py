"""PERSONAL DATA -> RULES: what each field is, what may be done with it, for how long, and by whose consent."""
