"""RHVoice: hidden Markov models in many languages. Requests on standard input, wav files to the folder given."""

import json
import sys
from pathlib import Path

from rhvoice_wrapper import TTS


def main() -> None:
    """Speak every request."""
    tts = TTS(threads=1)
    for line in sys.stdin:
        ask = json.loads(line)
        path = Path(sys.argv[1]) / f"{ask['name']}.wav"
        # From -1 to 1, 0 being the voice's own speed; a value outside has the wrapper fall back to its default voice.
        rate = ask["speed"] - 1
        tts.to_file(str(path), text=ask["text"], voice=ask["voice"], format_="wav", sets={"absolute_rate": rate})
    tts.join()


if __name__ == "__main__":
    main()
