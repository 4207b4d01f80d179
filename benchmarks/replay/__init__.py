"""How many hours of audio a core replays in a minute."""
