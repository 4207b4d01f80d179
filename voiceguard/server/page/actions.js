/** Actions of a call and the handover form. */

import { h } from "./dom.js";
import { clock, decisionWord, plain } from "./words.js";

/** Latest decision of each action, in the order in which the actions were asked for. */
export function actions(call) {
  const latest = new Map();
  for (const event of call.events) if (event.kind === "decision") latest.set(event.action_id, event);
  return [...latest.values()];
}

export const pending = (call) => actions(call).filter((action) => action.state === "handed_over");

/** One handed-over action. The element lives as long as the action waits, so a reason half typed is never lost. */
export function handoverCard(action, answer) {
  const id = `reason-${action.action_id}`;
  const error = h("p", { class: "error", role: "alert" });
  const reason = h("textarea", { id, rows: 2, maxlength: 500, required: true });
  const buttons = ["accept", "approve", "refuse"].map((verdict) =>
    h("button", { type: "submit", value: verdict, class: verdict === "accept" ? "quiet" : verdict }, verdict[0].toUpperCase() + verdict.slice(1)));
  const form = h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      error.textContent = "";
      buttons.forEach((button) => { button.disabled = true; });
      try {
        await answer(action.action_id, event.submitter.value, reason.value.trim());
        reason.value = "";
      } catch (problem) {
        error.textContent = problem.message;
      }
      buttons.forEach((button) => { button.disabled = false; });
    },
  }, h("label", { for: id }, "Reason, kept in the audit"), reason, h("div", { class: "buttons" }, buttons), error);
  return h("article", { class: "card handover", "data-action": action.action_id },
    h("h4", {}, plain(action.action)), h("ul", { class: "reasons" }), h("p", { class: "sub" }), form);
}

/** Bring a card's changing words up to date. */
export function refreshCard(card, action) {
  card.querySelector("ul").replaceChildren(...action.reasons.map(({ text }) => h("li", {}, text)));
  card.querySelector("p.sub").textContent =
    `Asked at ${clock(action.at_s)} · rule ${action.rule} · tier ${plain(action.tier)}${action.person ? ` · with ${action.person}` : ""}`;
}

/** All decisions of a call, newest first. */
export function decisionList(call) {
  const rows = call.events.filter((event) => event.kind === "decision").reverse();
  if (!rows.length) return h("p", { class: "empty" }, "Nothing has been asked for.");
  return h("ol", { class: "decisions" }, rows.map((event) => h("li", { "data-decision": event.decision },
    h("div", { class: "row" },
      h("span", { class: "at" }, clock(event.at_s)),
      h("strong", {}, plain(event.action)),
      h("span", { class: "chip", "data-decision": event.decision }, event.state === "expired" ? "Expired" : decisionWord(event.decision))),
    h("ul", { class: "reasons" }, event.reasons.map(({ text }) => h("li", {}, text))),
    h("p", { class: "sub" }, `Rule ${event.rule} · tier ${plain(event.tier)}`,
      event.challenge ? ` · ${plain(event.challenge.method)}, ${event.challenge.tries_left} tries left` : "",
      event.person ? ` · ${event.person}` : ""))));
}
