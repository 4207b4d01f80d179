/** Every word that the page says about a risk, a decision or an action. */

const STATES = {
  insufficient_speech: "Not enough speech yet",
  inconclusive: "Inconclusive",
  detector_unavailable: "Detector unavailable",
  no_consent: "No consent to analyse",
};
const STATE_NOTES = {
  insufficient_speech: "The caller has not spoken long enough for a judgement. This says nothing for or against the caller.",
  inconclusive: "The evidence is too weak, or points both ways.",
  detector_unavailable: "Scores are missing. Sensitive actions need a code or a person until they come back.",
  no_consent: "The caller did not agree to voice analysis, so the voice is not scored.",
};
const ENDED_STATES = { expired: "Expired", lapsed: "Lapsed" };
const DECISIONS = { allow: "Allowed", step_up: "Code asked", handover: "With a person", deny: "Denied" };
const SOURCES = {
  synthetic_voice: ["The voice sounds human", "The voice sounds synthetic"],
  synthetic_voice_verify: ["On a second, closer look the voice sounds human", "On a second, closer look it sounds synthetic"],
  speaker_change: ["The same person speaks throughout", "The speaker seems to have changed"],
  prompt_injection: ["No instruction to the system was said", "An instruction to the system was said"],
  voiceprint: ["The voice matches the enrolled customer", "The voice differs from the enrolled customer"],
  watchlist: ["Not on the watch list", "Resembles a voice on the watch list"],
  linked_voice: ["Not heard on other customers' calls", "Resembles a voice of another customer's call"],
};
const MEDIA = {
  gap: "Audio lost", repeated: "Audio received twice", late: "Audio too late", corrupt: "Audio damaged",
  paused: "Audio paused", resumed: "Audio resumed",
};
const ENDS = {
  stopped: "Call ended", vanished: "Connection lost", stalled: "No more audio came", protocol_error: "Closed after a protocol error",
  shutdown: "The service was stopped",
};

const MATCHES = {
  watchlist: "Resembles a voice on the watch list, entry",
  linked_voice: "Resembles the voice of another customer's call,",
};

export const plain = (name) => name.replaceAll("_", " ");
export const decisionWord = ({ decision, state }) => ENDED_STATES[state] ?? DECISIONS[decision] ?? plain(decision);
export const endWord = (reason) => ENDS[reason] ?? plain(reason);
export const matchWord = ({ source, entry_id }) => `${MATCHES[source] ?? plain(source)} ${entry_id.slice(0, 12)}`;
export const mediaWord = (kind) => MEDIA[kind] ?? plain(kind);
export const stateNote = (risk) => (risk ? STATE_NOTES[risk.state] ?? "" : "No audio has been judged yet.");

/** The band of a number and what limits it, or the words that stand where no number is honest. */
export function riskWord(risk) {
  if (!risk) return "Waiting for speech";
  const state = STATES[risk.state] ?? plain(risk.state);
  if (risk.score === null) return state;
  return risk.state === "ok" ? `${risk.band} risk` : `${risk.band} risk, ${state.toLowerCase()}`;
}

/** What one source says, and how strongly: contributions are nats, so 0.7 doubles the odds and 2.3 is ten to one. */
export function evidenceWords({ source, contribution }) {
  const [against, forFraud] = SOURCES[source] ?? [`${plain(source)}: speaks against fraud`, `${plain(source)}: speaks for fraud`];
  const size = Math.abs(contribution);
  if (size < 0.2) return [`${plain(source)}: neutral`, "no weight"];
  return [contribution > 0 ? forFraud : against, size < 0.7 ? "weak" : size < 2.3 ? "moderate" : "strong"];
}

/** What a contribution does to the odds of fraud. */
export function oddsWords(contribution) {
  const factor = Math.exp(Math.abs(contribution));
  return `Odds of fraud ${contribution > 0 ? "×" : "÷"} ${factor.toFixed(factor < 10 ? 1 : 0)}`;
}

/** Unix seconds as the time of day here. */
export const timeOfDay = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** Seconds as m:ss. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
