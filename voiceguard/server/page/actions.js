/** Actions of a call and the handover form. */

import { h } from "./dom.js";
import { clock, decisionWord, plain } from "./words.js";

const VERDICTS = { accept: "Take it over", approve: "Approve", refuse: "Refuse" };

/** Latest decision of each action, in the order in which the actions were asked for; `why`: the reasons for it, which
 * somebody's taking it over does not change. */
export function actions(call) {
  const latest = new Map();
  for (const event of call.events) {
    if (event.kind !== "decision") continue;
    const why = event.rule === "accepted" ? latest.get(event.action_id)?.why : null;
    latest.set(event.action_id, { ...event, why: why ?? event.reasons });
  }
  return [...latest.values()];
}

/** Actions that wait for a person; nobody can answer them once the call is over. */
export const pending = (call) => (call.ended ? [] : actions(call).filter((action) => action.state === "handed_over"));

/** One handed-over action. The element lives as long as the action waits, so a reason half typed is never lost. */
export function handoverCard(action, answer) {
  const id = `reason-${action.action_id}`;
  const error = h("p", { class: "error", role: "alert" });
  const reason = h("textarea", { id, rows: 2, maxlength: 500, required: true });
  const buttons = Object.entries(VERDICTS).map(([verdict, words]) =>
    h("button", { type: "submit", value: verdict, class: verdict === "accept" ? "quiet" : verdict }, words));
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
    h("h4", {}, `${plain(action.action)} waits for a person`), h("ul", { class: "reasons" }), h("p", { class: "sub" }), form);
}

/** Bring a card's changing words up to date. */
export function refreshCard(card, action) {
  card.querySelector("ul").replaceChildren(...action.why.map(({ text }) => h("li", {}, text)));
  card.querySelector("p.sub").textContent =
    `At ${clock(action.at_s)} · rule ${action.rule} · tier ${plain(action.tier)}${action.person ? ` · ${action.rule === "accepted" ? "taken over by" : "last answered by"} ${action.person}` : ""}`;
}

/** All decisions of a call, newest first. */
export function decisionList(call) {
  const rows = call.events.filter((event) => event.kind === "decision").reverse();
  if (!rows.length) return h("p", { class: "empty" }, "Nothing has been asked for.");
  const newest = (event) => rows.find(({ action_id }) => action_id === event.action_id) === event;
  return h("ol", { class: "decisions" }, rows.map((event) => h("li", { "data-decision": event.decision },
    h("div", { class: "row" },
      h("span", { class: "at" }, clock(event.at_s)),
      h("strong", {}, plain(event.action)),
      h("span", { class: "chip", "data-decision": event.decision }, decisionWord(event))),
    h("ul", { class: "reasons" }, event.reasons.map(({ text }) => h("li", {}, text))),
    h("p", { class: "sub" }, `Rule ${event.rule} · tier ${plain(event.tier)}`,
      event.challenge ? ` · ${plain(event.challenge.method)}, ${event.challenge.tries_left} tries left` : "",
      event.person ? ` · ${event.person}` : ""),
    call.ended && event.state === "handed_over" && newest(event) ? h("p", { class: "sub" }, "The call ended before a person answered.") : null)));
}
