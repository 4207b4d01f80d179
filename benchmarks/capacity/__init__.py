"""How many live calls one core of the server holds."""
