"""Music, tones, modems and machines are no net speech; voices are."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.adapters.models.speech_check import load_check
from voiceguard.codecs import g711
from voiceguard.events import Samples
from voiceguard.speech import SpeechOptions, SpeechTrack

SAMPLES = Path(__file__).parents[2] / "samples"
CHECK = load_check(MODELS_FOLDER)
SECONDS = 15
TIME = np.arange(SECONDS * 8000) / 8000


def on_the_line(samples: Samples) -> Samples:
    """With line noise at -60 dBFS, in mu-law."""
    noise = np.random.default_rng(3).standard_normal(len(samples)) * 1e-3
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(samples + noise, -1, 1).astype(np.float32)))


def net_s(samples: Samples) -> float:
    """Net speech that counts, seconds."""
    track = SpeechTrack(SpeechOptions(), (), CHECK)
    track.feed(on_the_line(samples))
    track.finish()
    return track.net_s


def hold_music() -> Samples:
    """A tune of harmonic notes with chords below it."""
    rng, out = np.random.default_rng(5), np.zeros(len(TIME))
    for at in range(0, len(TIME) - 4000, 2000):
        root = 220 * 2 ** (rng.choice([0, 2, 4, 7, 9, 12]) / 12)
        note = TIME[:4000]
        for hz in (root, root / 2, root * 0.75):
            wave = sum(np.sin(2 * np.pi * hz * k * note) / k for k in range(1, 6))
            out[at : at + 4000] += wave * np.exp(-4 * note) * np.minimum(note / 0.01, 1)
    return np.asarray(0.2 * out / np.abs(out).max(), np.float32)


def road() -> Samples:
    """Noise that falls by 6 dB an octave and swells."""
    spectrum = np.fft.rfft(np.random.default_rng(6).standard_normal(len(TIME)))
    noise = np.fft.irfft(spectrum / np.maximum(np.fft.rfftfreq(len(TIME), 1 / 8000), 60), len(TIME))
    return np.asarray(0.3 * noise / np.abs(noise).max() * (1 + 0.5 * np.sin(2 * np.pi * 0.3 * TIME)), np.float32)


def text_telephone() -> Samples:
    """Baudot at 45.45 baud, 1400 and 1800 Hz."""
    bits = np.random.default_rng(7).integers(0, 2, 2000)[(TIME * 45.45).astype(int)]
    return np.asarray(0.2 * np.sin(2 * np.pi * np.cumsum(np.where(bits, 1400, 1800)) / 8000), np.float32)


def cadence(on_s: float, off_s: float, *hz: float) -> Samples:
    """A tone in its cadence with noise 20 dB below it."""
    tone = sum(np.sin(2 * np.pi * one * TIME) for one in hz) * (TIME % (on_s + off_s) < on_s)
    return np.asarray(0.1 * tone + 0.007 * np.random.default_rng(8).standard_normal(len(TIME)), np.float32)


SOUNDS = {
    "hold music": hold_music(), "road": road(), "text telephone": text_telephone(),
    "ringing with noise": cadence(2, 4, 440, 480), "busy with noise": cadence(0.5, 0.5, 425),
    "British ringing with noise": cadence(0.4, 0.2, 400, 450), "congestion with noise": cadence(0.25, 0.25, 480, 620),
    "noise": np.asarray(0.05 * np.random.default_rng(9).standard_normal(len(TIME)), np.float32),
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_what_nobody_says_adds_no_net_speech(sound: str) -> None:
    """At most a quarter of a second in fifteen."""
    assert net_s(SOUNDS[sound]) <= 0.25


@pytest.mark.parametrize("sound", ["hold music", "road", "text telephone", "ringing with noise", "noise"])
def test_a_caller_before_and_after_it_is_heard(sound: str) -> None:
    """Net speech is the caller's: within a second as much as without."""
    voice = np.ascontiguousarray(soundfile.read(SAMPLES / "02-recovery.wav", dtype="float32")[0][: 16 * 8000, 0])
    alone = net_s(voice)
    assert abs(net_s(np.concatenate((voice, SOUNDS[sound]))) - alone) <= 1
    assert abs(net_s(np.concatenate((SOUNDS[sound], voice))) - alone) <= 1
