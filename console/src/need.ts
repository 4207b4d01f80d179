/** What a call needs of whoever looks at the list: the order of the list, and the words for it. */

import { capital, isDecision, plain, riskWord } from "./words";
import type { Call, Decision, Handover } from "./types";

export interface Need {
  rank: number;
  text: string;
  urgent: boolean;
}

export const open = (call: Call): Handover[] => (call.ended ? [] : call.handovers.filter(({ outcome }) => outcome === null));

/** Latest decision of each action, in the order in which the actions were asked for. */
export function actions(call: Call): Decision[] {
  const latest = new Map<string, Decision>();
  for (const event of call.events) if (isDecision(event)) latest.set(event.action_id, event);
  return [...latest.values()];
}

/** `decides`: whether this person may answer handovers. */
export function need(call: Call, person: string, decides: boolean): Need {
  if (call.ended) return { rank: -1, text: riskWord(call.risk), urgent: false };
  const waiting = open(call);
  const orphan = waiting.find(({ orphaned_at }) => orphaned_at !== null);
  if (orphan) return { rank: 100, text: `${wish(orphan)}: nobody holds this handover`, urgent: true };
  const mine = waiting.filter(({ taken_by, approved_by }) => taken_by.some((taker) => taker.person === person) && !approved_by.includes(person));
  if (mine.length) return { rank: 90, text: `${wish(mine[0]!)}: yours to decide`, urgent: true };
  const free = waiting.filter(({ approved_by }) => !approved_by.includes(person));
  const second = free.filter(({ approved_by }) => approved_by.length);
  if (second.length) return { rank: decides ? 85 : 50, text: `${wish(second[0]!)} waits for a second person`, urgent: decides };
  const untaken = free.filter(({ taken_by }) => !taken_by.length);
  if (untaken.length) return { rank: decides ? 80 : 50, text: untaken.length === 1 ? `${wish(untaken[0]!)} waits for a person` : `${untaken.length} wait for a person`, urgent: decides };
  if (waiting.length) return { rank: 40, text: `${wish(waiting[0]!)} is with ${waiting[0]!.taken_by[0]?.person ?? "a person"}`, urgent: false };
  const challenged = latestChallenge(call);
  const band = { high: 30, elevated: 20, unknown: 10, low: 0 }[call.risk?.band ?? "unknown"];
  const flagged = call.events.some(({ kind }) => kind === "flag") ? 15 : 0;
  if (challenged) return { rank: band + flagged + 5, text: `${wish(challenged)}: code awaited`, urgent: false };
  return { rank: band + flagged, text: flagged ? "Instruction to the system heard" : riskWord(call.risk), urgent: flagged > 0 };
}

const wish = ({ action }: { action: string }) => capital(plain(action));
const latestChallenge = (call: Call) => actions(call).find(({ state }) => state === "challenged");

export interface Row { call: Call; need: Need }

/** Live calls by need, the longest waiting first; ended ones after them, the newest first. */
export function sorted(calls: Iterable<Call>, person: string, decides: boolean): Row[] {
  const rows = [...calls].map((call) => ({ call, need: need(call, person, decides) }));
  return rows.sort((a, b) => b.need.rank - a.need.rank
    || (a.call.ended ? b.call.started_at - a.call.started_at : a.call.started_at - b.call.started_at)
    || (a.call.call_id < b.call.call_id ? -1 : 1));
}
