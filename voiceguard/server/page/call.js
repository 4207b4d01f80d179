/** The call view. The frame is built once per call and only its parts are renewed, so focus and typed text survive. */

import { h } from "./dom.js";
import { riskLine } from "./line.js";
import { decisionList, handoverCard, pending, refreshCard } from "./actions.js";
import { clock, endWord, evidenceWords, matchWord, mediaWord, oddsWords, plain, riskWord, stateNote, timeOfDay } from "./words.js";

/** Notes shown of a call, the latest. */
const NOTES = 40;

export class CallView {
  constructor(root, answer) {
    this.root = root;
    this.answer = answer;
    this.cards = new Map();
  }

  /** `thresholds`: percent from which a band holds, by its name. */
  show(call, thresholds) {
    if (!call) {
      this.shown = null;
      return this.root.replaceChildren(h("p", { class: "empty" }, "Choose a call."));
    }
    if (this.shown !== call.call_id) this.#build(call);
    const risk = call.risk;
    this.head.replaceChildren(
      h("h2", {}, call.call_id),
      h("p", { class: "sub" }, [call.customer_ref ?? "no customer named", `since ${timeOfDay(call.started_at)}`, risk?.net_speech_s ? `${risk.net_speech_s.toFixed(1)} s of speech judged, up to ${clock(risk.at_s)}` : "nothing judged yet"].join(" · ")),
      h("p", { class: "ended", hidden: !call.ended }, call.ended ? endWord(call.ended) : ""));
    this.gauge.dataset.band = risk?.band ?? "unknown";
    this.gauge.dataset.state = risk?.state ?? "waiting";
    const word = riskWord(risk);
    const parts = [risk && risk.score !== null ? h("span", { class: "figure" }, String(risk.score), h("small", {}, " / 100")) : null,
      h("span", { class: "word" }, word), h("p", { class: "sub" }, stateNote(risk))];
    this.gauge.replaceChildren(...parts.filter(Boolean));
    if (this.announced !== word) this.said.textContent = this.announced = word;
    const decisions = call.events.filter((event) => event.kind === "decision");
    this.plot.replaceChildren(riskLine(call, decisions, thresholds, Math.max(280, this.plot.clientWidth - 18)));
    this.reasons.replaceChildren(...flags(call), ...evidence(risk), ...lineQuality(call));
    this.decisions.replaceChildren(decisionList(call));
    this.notes.replaceChildren(...notes(call));
    this.#refreshPending(call);
  }

  #build(call) {
    this.shown = call.call_id;
    this.announced = null;
    this.cards.clear();
    const part = (tag, attributes) => h(tag, attributes);
    this.head = part("div", { class: "head" });
    this.gauge = part("div", { class: "gauge" });
    this.said = part("p", { class: "unseen", "aria-live": "polite" });
    this.plot = part("div", { class: "plot" });
    this.reasons = part("div", { class: "evidence" });
    this.waiting = part("div", { class: "pending" });
    this.decisions = part("div", {});
    this.notes = part("ol", { class: "notes" });
    this.root.replaceChildren(
      h("a", { class: "back", href: "#" }, "← All calls"), this.head, this.said, this.waiting,
      h("div", { class: "now" }, this.gauge, this.plot),
      h("div", { class: "columns" },
        h("section", {}, h("h3", {}, "Why"), this.reasons),
        h("section", {}, h("h3", {}, "Decisions"), this.decisions),
        h("section", {}, h("h3", {}, "Heard and noted"), this.notes)));
  }

  #refreshPending(call) {
    const waiting = new Map(pending(call).map((action) => [action.action_id, action]));
    for (const [id, card] of this.cards) {
      if (waiting.has(id)) continue;
      card.remove();
      this.cards.delete(id);
    }
    for (const [id, action] of waiting) {
      if (!this.cards.has(id)) {
        this.cards.set(id, handoverCard(action, this.answer));
        this.waiting.append(this.cards.get(id));
      }
      refreshCard(this.cards.get(id), action);
    }
    this.waiting.hidden = !waiting.size;
  }
}

function evidence(risk) {
  if (!risk?.evidence.length) return [h("p", { class: "empty" }, "No evidence yet.")];
  const most = Math.max(3, ...risk.evidence.map(({ contribution }) => Math.abs(contribution)));
  return risk.evidence.map((item) => {
    const [words, strength] = evidenceWords(item);
    const side = item.contribution > 0 ? "fraud" : "genuine";
    const windows = `${item.windows} ${item.windows === 1 ? "window" : "windows"}`;
    return h("div", { class: "source" },
      h("p", {}, words, h("span", { class: "sub" }, ` ${strength}`)),
      h("meter", { class: side, min: 0, max: most, value: Math.abs(item.contribution), title: `${plain(item.source)}: ${item.contribution.toFixed(2)} nats from ${windows}` }),
      h("p", { class: "sub" }, `${oddsWords(item.contribution)} · ${windows}`));
  });
}

/** Orders to the system that somebody spoke: they stay in sight however much is said afterwards. */
function flags(call) {
  return call.events.filter((event) => event.kind === "flag").map((event) => h("div", { class: "source flag" },
    h("p", {}, "Instruction to the system heard, not obeyed"), h("q", {}, event.text),
    h("p", { class: "sub" }, `${clock(event.at_s)} · ${event.channel} · ${event.rules.map(plain).join(", ")}`)));
}

/** What was lost of the caller's audio: it was not judged. */
function lineQuality(call) {
  const bad = call.events.filter((event) => event.kind === "media" && event.ms > 0);
  if (!bad.length) return [];
  const sums = new Map();
  for (const { media, ms } of bad) sums.set(media, (sums.get(media) ?? 0) + ms);
  return [h("div", { class: "source line-quality" }, h("p", {}, "The line is not clean: what is missing was not judged"),
    h("p", { class: "sub" }, [...sums].map(([media, ms]) => `${mediaWord(media)}: ${(ms / 1000).toFixed(1)} s`).join(" · ")))];
}

function notes(call) {
  const flagged = new Set(call.events.filter((event) => event.kind === "flag").map(saying));
  const rows = merged(call.events.filter((event) => event.kind !== "decision" && !(event.kind === "transcript" && flagged.has(saying(event)))))
    .slice(-NOTES).reverse();
  if (!rows.length) return [h("li", { class: "empty" }, "Nothing yet.")];
  return rows.map((event) => h("li", { "data-kind": event.kind }, h("span", { class: "at" }, clock(event.at_s)), noteText(event)));
}

const saying = ({ channel, at_s, text }) => `${channel} ${at_s} ${text}`;

/** Runs of media notes of one kind as one note, so that a bad line does not drown what was said. */
function merged(events) {
  const rows = [];
  for (const event of events) {
    const last = rows.at(-1);
    if (event.kind === "media" && last?.media === event.media && last.channel === event.channel) last.ms += event.ms;
    else rows.push({ ...event });
  }
  return rows;
}

function noteText(event) {
  if (event.kind === "transcript") return h("span", {}, h("b", {}, `${event.channel}: `), event.text);
  if (event.kind === "flag") return h("span", {}, h("b", {}, `${event.channel}, an instruction not obeyed: `), h("q", {}, event.text));
  if (event.kind === "intent") return h("span", {}, `Sounds like a request for ${plain(event.action)}`);
  if (event.kind === "voice_changed") return h("span", {}, h("b", {}, `Another voice speaks since ${clock(event.since_s)}`));
  if (event.kind === "voice_matched") return h("span", {}, h("b", {}, matchWord(event)));
  if (event.kind === "media") return h("span", {}, `${mediaWord(event.media)}${event.ms ? `, ${Math.round(event.ms)} ms` : ""}${event.channel ? ` (${event.channel})` : ""}`);
  return h("span", {}, event.text ?? plain(event.kind));
}
