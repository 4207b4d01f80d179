"""The live driver: sockets and HTTP round the same `Call` that replay and tests drive."""
