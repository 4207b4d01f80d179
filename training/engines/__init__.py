"""Attack speech by engines whose voices are part of packages of PyPI, npm and Debian.

Each engine has an environment of its own and a driver that runs there; nothing here is imported by voiceguard.
"""
