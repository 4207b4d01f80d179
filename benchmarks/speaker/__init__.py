"""How well the speaker encoder tells people apart and notices that another one speaks, and what it costs."""
