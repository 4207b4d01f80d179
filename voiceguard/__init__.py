"""Stops voice fraud on contact-centre calls while the caller is still on the line."""
