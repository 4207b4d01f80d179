"""Genuine speech that lies inside packages of Debian: volunteers at home and voice actors, many languages."""
