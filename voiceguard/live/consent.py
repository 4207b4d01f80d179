"""What the caller of one live call agrees to: by the stream, and by the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from voiceguard.adapters.store import consents
from voiceguard.live.context import LiveContext
from voiceguard.live.recorder import Recorder
from voiceguard.privacy.consent import NEEDED, PURPOSES, Kind, Standing


class Agreed:
    """`given`: every purpose in force, those that the stream calls by names of its own included. `withdrawn`: purposes
    that are served on no basis."""

    def __init__(self, context: LiveContext, recorder: Recorder, given: frozenset[str]) -> None:
        self.given = given
        self.withdrawn: frozenset[str] = frozenset()
        self.ends_at: float | None = None
        """When the ledger has to be asked again, Unix seconds."""
        self._said: dict[str, float] = {}
        """What the stream itself said, and when: it holds until the store has it, too."""
        self._settings, self._recorder, self._now = context.settings, recorder, context.now

    def say(
        self, given: Iterable[str], withdrawn: frozenset[str] = frozenset(), wording: str = "", *, anew: bool = False
    ) -> None:
        """The stream says it; what is new is recorded. `anew`: the caller was asked just now; the start of a stream
        that comes again only repeats what was said, and takes no withdrawal back."""
        new = frozenset(given).difference(self._said, () if anew else self.withdrawn)
        for purpose in sorted(new & set(PURPOSES)):
            self._recorder.put(consents.given(purpose, source="stream", wording=wording, author="caller"))
        for purpose in sorted(withdrawn):
            self._recorder.put(consents.withdrawn(purpose, source="stream", author="caller", reason="said so"))
        self._said |= dict.fromkeys(new, self._now())
        self._said = {purpose: at for purpose, at in self._said.items() if purpose not in withdrawn}
        self.given = (self.given | new) - withdrawn
        self.withdrawn = (self.withdrawn - new) | withdrawn

    def take(self, standing: Standing) -> bool:
        """The ledger says it; False where that changes nothing. What was withdrawn elsewhere the stream has not
        unsaid."""
        before = self.given, self.withdrawn
        self._said = {purpose: at for purpose, at in self._said.items() if standing.withdrawn.get(purpose, 0.0) <= at}
        self.given = frozenset([*standing.given, *self._said])
        self.withdrawn, self.ends_at = frozenset(standing.withdrawn).difference(self._said), standing.ends_at
        return before != (self.given, self.withdrawn)

    def may_use(self, kind: Kind) -> bool:
        """Whether data of this kind may be used for its purpose; a refusal is recorded."""
        if self._allows(kind):
            return True
        self.refuse_uses([kind])
        return False

    def refuse_uses(self, kinds: Iterable[Kind]) -> None:
        """Record that these kinds of data are not used."""
        for kind in kinds:
            self._recorder.add("use_refused", {"data": kind, "purpose": NEEDED[kind]})

    def _allows(self, kind: Kind) -> bool:
        required = {
            "caller_audio": self._settings.require_consent, "transcript": self._settings.require_transcript_consent,
            "voiceprint": True, "heard_voice": False,
        }
        agreed = Standing(dict.fromkeys(self.given, ""), dict.fromkeys(self.withdrawn, 0.0))
        return agreed.allows(kind, required=required[kind])
