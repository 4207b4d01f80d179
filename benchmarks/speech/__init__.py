"""How much of genuine speech is heard as net speech, and what else is."""
