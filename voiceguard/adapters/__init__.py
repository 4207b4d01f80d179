"""The machine: models, database, keys, delivery, files. Everything that the core must not touch."""
