"""Genuine speech from Debian packages: volunteers and voice actors in many languages."""
