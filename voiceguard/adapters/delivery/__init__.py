"""What leaves the process on its own account: one-time codes."""
