/** Every word that the desk says about a risk, a decision or an action. A number never stands without its meaning. */

import type { Call, CallEvent, Decision, Evidence, Risk } from "./types";

const STATES: Record<string, string> = {
  insufficient_speech: "Not enough speech yet",
  inconclusive: "Inconclusive",
  detector_unavailable: "Detector unavailable",
  no_consent: "No consent to analyse",
};
const STATE_NOTES: Record<string, string> = {
  insufficient_speech: "The caller has not spoken long enough for a judgement. This says nothing for or against the caller.",
  inconclusive: "The evidence is too weak, or points both ways.",
  detector_unavailable: "Scores are missing. Sensitive actions need a code or a person until they come back.",
  no_consent: "The caller did not agree to voice analysis, so the voice is not scored.",
};
const BAND_NOTES: Record<string, string> = {
  low: "Nothing that was heard speaks for fraud.",
  elevated: "Be careful: something speaks for fraud.",
  high: "Do not act on this caller's word. A person decides what is sensitive.",
};
const DECISIONS: Record<string, string> = { allow: "Allowed", step_up: "Code asked", handover: "With a person", deny: "Denied" };
const ENDED_STATES: Record<string, string> = { expired: "Expired", lapsed: "Lapsed" };
const SOURCES: Record<string, [name: string, against: string, forFraud: string]> = {
  synthetic_voice: ["Synthetic voice", "The voice sounds human", "Synthetic voice likely"],
  synthetic_voice_verify: ["Second opinion", "On a second, closer look the voice sounds human", "On a second, closer look it sounds synthetic"],
  speaker_change: ["Change of voice", "The same person speaks throughout", "Another person seems to speak now"],
  prompt_injection: ["Instructions", "No instruction to the system was said", "An instruction to the system was said"],
  voiceprint: ["Enrolled voice", "The voice matches the enrolled customer", "The voice differs from the enrolled customer"],
  watchlist: ["Watch list", "Not on the watch list", "Resembles a voice on the watch list"],
  earlier_stream: ["Before the break", "Nothing spoke for fraud before the break", "What was heard before the stream broke still counts"],
  held: ["Heard before", "Nothing holds", "What the same voice said before still counts: nothing has spoken against it"],
  linked_voice: ["Other calls", "Not heard on other customers' calls", "Resembles a voice of another customer's call"],
};
const MEDIA: Record<string, string> = {
  gap: "Audio lost", repeated: "Audio received twice", late: "Audio too late", paused: "Audio paused", resumed: "Audio resumed",
  stream_lost: "Connection lost, waiting for another", stream_resumed: "Connection back",
  customer_ref_unreadable: "The platform's customer reference cannot be read: nobody is known", consent_unreadable: "The platform's consent cannot be read in full",
};
const ENDS: Record<string, string> = {
  stopped: "Call ended", vanished: "Connection lost", stalled: "No more audio came", protocol_error: "Closed after a protocol error", revoked: "Its key was revoked",
  shutdown: "The service was stopped",
};
const WRITTEN: Record<string, string> = {
  metadata: "what the platform wrote beside the call", parameters: "what was written with an action", reason: "a reason that was given",
  note: "a note on the call", wording: "the wording of a consent",
};
const MARKS: Record<string, string> = {
  email: "an e-mail address", iban: "a bank account number", card: "a card number", id: "a national identity number", phone: "a telephone number",
  date: "a date", code: "a reference with letters and digits", number: "a number", address: "an address", name: "a name",
};
const MATCHES: Record<string, string> = {
  watchlist: "Resembles a voice on the watch list, entry",
  linked_voice: "Resembles the voice of another customer's call,",
};
const HELD: Record<string, string> = { otp: "a one-time code", human: "a person's approval", second_human: "a second person's approval" };

export const plain = (name: string) => name.replaceAll("_", " ");
export const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
export const decisionWord = ({ decision, state }: Decision) => ENDED_STATES[state] ?? DECISIONS[decision] ?? plain(decision);
export const endWord = (reason: string) => ENDS[reason] ?? plain(reason);
export const mediaWord = (kind: string) => MEDIA[kind] ?? plain(kind);
export const sourceName = (source: string) => SOURCES[source]?.[0] ?? capital(plain(source));
export const isDecision = (event: CallEvent): event is Decision => event.kind === "decision";

/** What a tier demands before anything is allowed. */
export function demandWord(assurance: string[][]): string {
  if (!assurance.length) return "nothing more";
  return assurance.map((held) => held.map((one) => HELD[one] ?? plain(one)).join(" and ")).join(", or ");
}

/** The band of a number and what limits it, or the words that stand where no number is honest. */
export function riskWord(risk: Risk | null): string {
  if (!risk) return "Waiting for speech";
  const state = STATES[risk.state] ?? plain(risk.state);
  if (risk.score === null) return state;
  return risk.state === "ok" ? `${capital(risk.band)} risk` : `${capital(risk.band)} risk, ${state.toLowerCase()}`;
}

/** What it means for whoever speaks with the caller. */
export function riskNote(risk: Risk | null): string {
  if (!risk) return "No audio has been judged yet.";
  return STATE_NOTES[risk.state] ?? BAND_NOTES[risk.band] ?? "";
}

/** What one source says now, and how strongly: contributions are nats, so 0.7 doubles the odds and 2.3 is ten to one. */
export function evidenceWord(call: Call, item: Evidence): { text: string; strength: string } {
  const [name, against, forFraud] = SOURCES[item.source] ?? [capital(plain(item.source)), "speaks against fraud", "speaks for fraud"];
  const size = Math.abs(item.contribution);
  if (size < 0.2) return { text: `${name}: neutral`, strength: "no weight" };
  const strength = size < 0.7 ? "weak" : size < 2.3 ? "moderate" : "strong";
  if (item.contribution < 0) return { text: against, strength };
  const recent = call.contributions.slice(-10);
  const times = recent.filter((each) => (each[item.source] ?? 0) >= 0.2).length;
  const since = item.source === "speaker_change" ? call.events.findLast(({ kind }) => kind === "voice_changed") : undefined;
  if (since) return { text: `Voice changed at ${clock(since.since_s as number)}`, strength };
  return { text: recent.length > 1 ? `${forFraud}: ${times} of the last ${recent.length} readings` : forFraud, strength };
}

/** What a contribution does to the odds of fraud. */
export function oddsWord(contribution: number): string {
  const factor = Math.exp(Math.abs(contribution));
  if (factor < 1.05) return "leaves the odds of fraud as they are";
  const times = factor.toFixed(factor < 10 ? 1 : 0);
  return contribution > 0 ? `makes fraud ${times} times likelier` : `makes fraud ${times} times less likely`;
}

/** Where a text came in: who said it, or what it stood in. */
export const textSource = ({ channel, source }: CallEvent) => (channel as string | null) ?? WRITTEN[source as string] ?? "text";

/** How sure the classifier is of a wish; a rule that heard it says nothing more. */
function certaintyWord(certainty = 1): string {
  return certainty < 1 ? ` (${certainty < 0.5 ? "perhaps" : certainty < 0.8 ? "likely" : "very likely"}, ${Math.round(100 * certainty)}%)` : "";
}

/** What the marks in a masked text stand for, in words; empty where there is none. */
export function marksWord(text: string): string {
  const found = new Set([...text.matchAll(/\[(\w+?)(?:-\d+)?\]/g)].map(([, kind]) => MARKS[kind!]).filter(Boolean));
  return found.size ? `Hidden: ${[...found].join(", ")}` : "";
}

export function noteWord(event: CallEvent): { lead: string; text: string } {
  switch (event.kind) {
    case "transcript": return { lead: `${capital(event.channel as string)}:`, text: event.text as string };
    case "flag": return { lead: `${capital(textSource(event))}, an instruction that was not obeyed:`, text: `“${event.text as string}”` };
    case "intent": return { lead: "", text: `Sounds like a request for ${plain(event.action as string)}${certaintyWord(event.certainty as number | undefined)}` };
    case "voice_changed": return { lead: `Another voice speaks since ${clock(event.since_s as number)}`, text: "" };
    case "voice_matched": return { lead: `${MATCHES[event.source as string] ?? plain(event.source as string)} ${(event.entry_id as string).slice(0, 12)}`, text: "" };
    case "media": return { lead: "", text: `${mediaWord(event.media as string)}${event.ms ? `, ${Math.round(event.ms as number)} ms` : ""}${event.channel ? ` (${event.channel as string})` : ""}` };
    case "verdict": return { lead: event.verdict === "fraud" ? "Fraud confirmed" : "Genuine after all", text: `said ${event.author as string}` };
    case "proposal": return { lead: "Voice proposed for the watch list", text: `by ${event.person as string}` };
    default: return { lead: "", text: plain(event.kind) };
  }
}

/** Unix seconds as the time of day here. */
export const timeOfDay = (at: number) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
export const dateAndTime = (at: number | null) => (at === null ? "never" : new Date(at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));

/** Seconds as m:ss. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
