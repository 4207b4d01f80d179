"""Calls as telephony platforms make them: what the demo and the load test stream to a server."""
