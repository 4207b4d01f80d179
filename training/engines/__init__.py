"""Attack speech from engines whose voices come inside packages of PyPI, npm and Debian.

Each engine has an environment of its own and a driver that runs there; nothing here is imported by voiceguard.
"""
