/** What a person can do on a call: ask for a step-up, follow it, say what the call was, propose the voice, look at it. */

import { useEffect, useState } from "preact/hooks";
import { call as ask } from "./api";
import { useRequest, useSeconds } from "./hooks";
import { actions } from "./need";
import type { Call, Decision } from "./types";
import { capital, clock, decisionWord, demandWord, isDecision, plain } from "./words";

export interface PolicyShown {
  version: string;
  sha256: string;
  actions: Record<string, string>;
  tiers: Record<string, { assurance: string[][]; verify: boolean }>;
}

/** Ask for an action on the caller's behalf; what the policy says of it shows among the decisions. */
export function AskFor({ call, policy }: { call: Call; policy: PolicyShown }) {
  const [action, setAction] = useState("");
  const { busy, error, run } = useRequest();
  const tier = policy.actions[action];
  const assurance = tier === undefined ? undefined : policy.tiers[tier]?.assurance;
  return (
    <form class="act" onSubmit={(event) => {
      event.preventDefault();
      run(async () => {
        await ask("POST", `v1/calls/${encodeURIComponent(call.call_id)}/actions`, { action });
        setAction("");
      });
    }}>
      <label for="ask-for">What the caller asks for</label>
      <div class="inline">
        <select id="ask-for" required value={action} onChange={(event) => setAction(event.currentTarget.value)}>
          <option value="">Choose</option>
          {Object.keys(policy.actions).sort().map((name) => <option key={name} value={name}>{capital(plain(name))}</option>)}
        </select>
        <button type="submit" disabled={busy || !action}>{busy ? "Asking…" : "Check"}</button>
      </div>
      <p class="sub two-lines">{assurance ? `Tier ${plain(tier!)}: needs ${demandWord(assurance)}.` : "The policy says whether it may be done, and starts a step-up where one is needed."}</p>
      <p class="error" role="alert">{error}</p>
    </form>
  );
}

/** Decisions, newest first, with the step-up that is under way. The code itself is never here. */
export function Decisions({ call }: { call: Call }) {
  const all = call.events.filter(isDecision).reverse();
  const current = new Set(actions(call));
  if (!all.length) return <p class="empty">Nothing has been asked for.</p>;
  return (
    <ol class="decisions">
      {all.slice(0, 40).map((event, index) => (
        <li key={all.length - index} data-decision={event.decision}>
          <div class="row"><span class="at">{clock(event.at_s)}</span><strong>{capital(plain(event.action))}</strong>
            <span class="chip" data-decision={event.decision}>{decisionWord(event)}</span></div>
          <ul class="reasons">{event.reasons.map(({ code, text }) => <li key={code}>{text}</li>)}</ul>
          <p class="sub">Rule {plain(event.rule)}, tier {plain(event.tier)}{event.person ? `, ${event.person}` : ""}</p>
          {current.has(event) && !call.ended && event.challenge && <StepUp event={event} />}
          {current.has(event) && call.ended && event.state === "handed_over" && <p class="sub">The call ended before a person decided.</p>}
        </li>
      ))}
    </ol>
  );
}

function StepUp({ event }: { event: Decision }) {
  const challenge = event.challenge!;
  const left = challenge.expires_at - useSeconds(true);
  return (
    <div class="step-up">
      <p><b>Ask the caller to key the code in.</b> {challenge.method === "totp" ? "It is on the customer's authenticator." : "It was sent to the customer."} Nobody here sees it: never let the caller say it.</p>
      <p class="sub">{left > 0 ? `Valid for ${clock(left)}` : "Running out"}, {challenge.tries_left} {challenge.tries_left === 1 ? "try" : "tries"} left</p>
    </div>
  );
}

/** What the call turned out to be, for those who follow fraud. */
export function VerdictForm({ call }: { call: Call }) {
  const [note, setNote] = useState("");
  const { busy, error, run } = useRequest();
  const given = call.events.findLast(({ kind }) => kind === "verdict");
  return (
    <form class="act" onSubmit={(event) => {
      event.preventDefault();
      const verdict = (event.submitter as HTMLButtonElement).value;
      run(async () => {
        await ask("POST", `v1/calls/${encodeURIComponent(call.call_id)}/verdict`, { verdict, note: note.trim() });
        setNote("");
      });
    }}>
      <label for="verdict-note">What the call turned out to be{given ? `: ${given.verdict === "fraud" ? "fraud" : "genuine"}, says ${given.author as string}` : ""}</label>
      <input id="verdict-note" maxLength={500} placeholder="Note (optional)" value={note} onInput={(event) => setNote(event.currentTarget.value)} />
      <div class="buttons">
        <button type="submit" class="quiet" value="genuine" disabled={busy}>Genuine after all</button>
        <button type="submit" class="refuse" value="fraud" disabled={busy}>Fraud confirmed</button>
      </div>
      <p class="error" role="alert">{error}</p>
    </form>
  );
}

export function ProposalForm({ call }: { call: Call }) {
  const [reason, setReason] = useState("");
  const { busy, error, run } = useRequest();
  const proposed = call.events.findLast(({ kind }) => kind === "proposal");
  return (
    <form class="act" onSubmit={(event) => {
      event.preventDefault();
      run(async () => {
        await ask("POST", `v1/calls/${encodeURIComponent(call.call_id)}/watchlist/proposal`, { reason: reason.trim() });
        setReason("");
      });
    }}>
      <label for="proposal-reason">Propose this voice for the watch list{proposed ? ` (${proposed.person as string} did)` : ""}</label>
      <div class="inline">
        <input id="proposal-reason" maxLength={500} required placeholder="Why" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        <button type="submit" class="quiet" disabled={busy}>Propose</button>
      </div>
      <p class="sub">It counts once an analyst has agreed.</p>
      <p class="error" role="alert">{error}</p>
    </form>
  );
}

interface Picture { seconds: number; bands: number; frames: number; top_hz: number; levels: string }

/** A picture of the last seconds of speech, from the service's memory. It is recorded who looked; nothing is kept. */
export function Spectrogram({ call }: { call: Call }) {
  const [picture, setPicture] = useState<Picture | null>(null);
  const { busy, error, run } = useRequest();
  useEffect(() => setPicture(null), [call.call_id]);
  const look = () => run(async () => setPicture(await ask<Picture>("GET", `v1/calls/${encodeURIComponent(call.call_id)}/spectrogram`)));
  return (
    <div class="act spectrogram">
      <div class="buttons"><button type="button" class="quiet" disabled={busy || Boolean(call.ended)} onClick={look}>{picture ? "Look again" : "Look at the voice"}</button></div>
      {picture && <figure>
        <canvas width={picture.frames} height={picture.bands} role="img" aria-label={`Spectrogram of the last ${picture.seconds} seconds of speech, up to ${picture.top_hz} hertz`} ref={(canvas) => { if (canvas) paint(canvas, picture); }} />
        <figcaption class="sub">The last {picture.seconds.toFixed(1)} s of speech, 0 to {picture.top_hz / 1000} kHz. That you looked is on record.</figcaption>
      </figure>}
      <p class="error" role="alert">{error}</p>
    </div>
  );
}

function paint(canvas: HTMLCanvasElement, { bands, frames, levels }: Picture): void {
  const bytes = Uint8Array.from(atob(levels), (char) => char.charCodeAt(0));
  const draw = canvas.getContext("2d")!;
  const image = draw.createImageData(frames, bands);
  for (let band = 0; band < bands; band++) {
    for (let frame = 0; frame < frames; frame++) {
      const level = bytes[band * frames + frame]! / 255;
      const at = ((bands - 1 - band) * frames + frame) * 4;
      // Dark violet to yellow, even to the eye and safe for colour-blind people.
      image.data.set([255 * Math.min(1, 0.2 + 1.1 * level ** 1.1) * Math.min(1, 0.25 + level), 235 * level ** 1.4, 90 * (1 - level) + 60 * level, 255], at);
    }
  }
  draw.putImageData(image, 0, 0);
}
