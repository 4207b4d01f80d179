/** The call list: those that wait for a person first, then by band and orders heard, then the newest. */

import { h } from "./dom.js";
import { riskWord, timeOfDay } from "./words.js";
import { pending } from "./actions.js";

const RANK = { high: 3, elevated: 2, unknown: 1, low: 0 };
const flagged = (call) => call.events.some((event) => event.kind === "flag");
const rank = (call) => (pending(call).length ? 10 : 0) + (flagged(call) ? 1.5 : 0) + (RANK[call.risk?.band] ?? 1);

export const callLink = (call) => `#${encodeURIComponent(call.call_id)}`;

export function callList(calls, selected) {
  const sorted = [...calls].sort((a, b) => rank(b) - rank(a) || b.started_at - a.started_at);
  if (!sorted.length) return [h("p", { class: "empty" }, "No calls yet. They appear here the moment a stream starts.")];
  const live = sorted.filter((call) => !call.ended);
  const over = sorted.filter((call) => call.ended);
  return [
    h("h2", {}, "Live ", h("span", { class: "count" }, String(live.length))), ...live.map((call) => item(call, selected)),
    over.length ? h("h2", {}, "Ended ", h("span", { class: "count" }, String(over.length))) : "", ...over.map((call) => item(call, selected)),
  ];
}

function item(call, selected) {
  const risk = call.risk;
  const waits = pending(call).length;
  return h("a", { href: callLink(call), class: "item", "aria-current": call === selected ? "true" : null, "data-ended": Boolean(call.ended) },
    h("span", { class: "score", "data-band": risk?.band ?? "unknown" }, risk && risk.score !== null ? String(risk.score) : "–"),
    h("span", { class: "who" },
      h("strong", {}, call.call_id),
      h("span", { class: "sub" }, `${call.customer_ref ?? "no customer named"} · ${timeOfDay(call.started_at)}`)),
    h("span", { class: "sub word" }, waits ? h("em", { class: "waits" }, waits === 1 ? "Waits for a person" : `${waits} wait for a person`) : riskWord(risk)),
    flagged(call) ? h("span", { class: "sub word flagged" }, "Instruction to the system heard") : null);
}
