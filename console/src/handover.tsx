/** One handed-over action: take it, see what it is about, approve or refuse with a reason. */

import { useEffect, useState } from "preact/hooks";
import { call as ask } from "./api";
import { useRequest, useSeconds } from "./hooks";
import type { Handover, Reason } from "./types";
import { capital, clock, plain, timeOfDay } from "./words";

interface Context {
  parameters: Record<string, string>;
  said: { at_s: number; channel: string; text: string }[];
  customer_ref: string | null;
  customer_known: boolean;
  consent: string[];
  instructions_heard: boolean;
}

interface Props { handover: Handover; person: string; decides: boolean; people: number }

export function HandoverCard({ handover, person, decides, people }: Props) {
  const id = handover.action_id;
  const taken = handover.taken_by.some((taker) => taker.person === person);
  const approved = handover.approved_by.includes(person);
  const prepared = handover.prepared_by !== null;
  const orphan = handover.orphaned_at !== null;
  const { busy, error, run } = useRequest();
  const [reason, setReason] = useState("");
  const [context, setContext] = useState<Context | null>(null);
  const waiting = useSeconds(handover.outcome === null) - handover.offered_at;

  const answer = (verdict: "accept" | "confirm" | "approve" | "refuse", why: string) => run(async () => {
    await ask("POST", `v1/actions/${id}/handover`, { verdict, reason: why });
    setReason("");
  });
  useEffect(() => {
    if (taken && !context) ask<Context>("GET", `v1/actions/${id}/handover`).then(setContext, () => undefined);
  }, [taken, context, id]);

  const holders = handover.taken_by.map((taker) => `${taker.person} since ${timeOfDay(taker.at)}`).join(", ");
  return (
    <article class="card handover" data-action={id} data-orphan={orphan} aria-label={`${prepared ? "Prepared action" : "Handover"}: ${plain(handover.action)}`}>
      <h3>{capital(plain(handover.action))} {prepared ? "waits to be confirmed" : approved ? "waits for a second person" : "waits for a person"}</h3>
      {orphan && <p class="alarm" role="alert">Nobody holds this handover. Until somebody takes it, no answer counts.</p>}
      <ul class="reasons">{handover.reasons.map((each: Reason) => <li key={each.code}>{each.text}</li>)}</ul>
      <dl class="facts">
        {prepared && <div><dt>Prepared by</dt><dd>{handover.prepared_by}, an assistant</dd></div>}
        <div><dt>From</dt><dd>rule {plain(handover.source)}, tier {plain(handover.tier)}</dd></div>
        <div><dt>With</dt><dd>{holders || "nobody yet"}</dd></div>
        {!prepared && <div><dt>Approved by</dt><dd>{handover.approved_by.join(", ") || "nobody yet"}{people > 1 ? ` (of ${people} needed)` : ""}</dd></div>}
        <div><dt>Waiting</dt><dd>{clock(waiting)}</dd></div>
      </dl>
      {context && taken && <Shown context={context} />}
      {decides && !taken && (
        <div class="buttons">
          <button type="button" disabled={busy} onClick={() => answer("accept", "Taken over at the desk")}>Take it over</button>
        </div>
      )}
      {decides && taken && approved && <p class="sub">You have approved it. A second person has to as well.</p>}
      {decides && taken && !approved && (
        <form onSubmit={(event) => {
          event.preventDefault();
          answer((event.submitter as HTMLButtonElement).value as "confirm" | "approve" | "refuse", reason.trim());
        }}>
          <label for={`reason-${id}`}>Reason, kept in the audit</label>
          <textarea id={`reason-${id}`} rows={2} maxLength={500} required value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          <div class="buttons">
            <button type="submit" value={prepared ? "confirm" : "approve"} disabled={busy}>{prepared ? "Confirm" : "Approve"}</button>
            <button type="submit" value="refuse" class="refuse" disabled={busy}>Refuse</button>
          </div>
        </form>
      )}
      {!decides && <p class="sub">Your role looks on and does not decide.</p>}
      <p class="error" role="alert">{error}</p>
    </article>
  );
}

/** What the service told whoever took it: masked, and on record. */
function Shown({ context }: { context: Context }) {
  const asked = Object.entries(context.parameters);
  return (
    <section class="shown" aria-label="What it is about">
      <dl class="facts">
        <div><dt>Claims to be</dt><dd>{context.customer_ref ?? "nobody"}{context.customer_ref && !context.customer_known ? " (unknown here)" : ""}</dd></div>
        {asked.map(([name, value]) => <div key={name}><dt>{capital(plain(name))}</dt><dd>{value}</dd></div>)}
      </dl>
      {context.instructions_heard && <p class="flagged">Somebody on the call dictated instructions to the system.</p>}
      {context.said.length > 0 && <ol class="notes">{context.said.map((line) => (
        <li key={`${line.at_s} ${line.text}`}><span class="at">{clock(line.at_s)}</span><span><b>{capital(line.channel)}:</b> {line.text}</span></li>
      ))}</ol>}
    </section>
  );
}
