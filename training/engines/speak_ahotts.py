"""AhoTTS: hidden Markov models, Spanish and Basque. Requests on standard input, wav files to the folder given."""

import json
import sys
import wave
from pathlib import Path

from pyahotts import AhoTTS


def main() -> None:
    """Speak every request; the speed is the voice's own."""
    tts = AhoTTS()
    for line in sys.stdin:
        ask = json.loads(line)
        with wave.open(str(Path(sys.argv[1]) / f"{ask['name']}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(tts.get_tts(ask["text"], ask["voice"]))


if __name__ == "__main__":
    main()
