/** The call view: how risky, why, what was asked for, what the policy says, and what there is to do. */

import { useEffect, useRef, useState } from "preact/hooks";
import { AskFor, Decisions, ProposalForm, Spectrogram, VerdictForm, type PolicyShown } from "./acts";
import { HandoverCard } from "./handover";
import { open } from "./need";
import { RiskLine } from "./riskline";
import type { Call, CallEvent, Risk, Role, Thresholds } from "./types";
import { clock, endWord, evidenceWord, mediaWord, noteWord, oddsWord, marksWord, plain, riskNote, riskWord, sourceName, textSource, timeOfDay } from "./words";

/** Notes shown of a call, the latest. */
const NOTES = 60;

interface Props { call: Call; thresholds: Thresholds; person: string; roles: Role[]; policy: PolicyShown | null; theme: string; fresh: boolean }

export function CallView({ call, thresholds, person, roles, policy, theme, fresh }: Props) {
  const has = (...wanted: Role[]) => wanted.some((role) => roles.includes(role));
  const decides = has("agent", "supervisor");
  const risk = call.risk;
  const people = (tier: string) => Math.min(...(policy?.tiers[tier]?.assurance ?? [["human"]]).map((held) => held.filter((one) => one !== "otp").length).filter(Boolean));
  return (
    <section class="call" aria-label={`Call ${call.call_id}`} data-fresh={fresh}>
      <div class="scroll" tabIndex={0}>
      <a class="back" href="#">← All calls</a>
      <header class="head">
        <h2>{call.call_id}</h2>
        <p class="sub">{[call.customer_ref ? `claims to be ${call.customer_ref}` : null, `since ${timeOfDay(call.started_at)}`,
          risk?.net_speech_s ? `${risk.net_speech_s.toFixed(1)} s of speech heard` : "no speech heard yet"].filter(Boolean).join(" · ")}</p>
        {call.ended && <p class="ended">{endWord(call.ended)}</p>}
      </header>
      <Announced text={riskWord(risk)} />
      <div class="now">
        <Gauge risk={risk} />
        <RiskLine call={call} thresholds={thresholds} theme={theme} />
      </div>
      <div class="columns">
        <section aria-labelledby="why"><h3 id="why">Why</h3><Why call={call} /></section>
        <section aria-labelledby="asked"><h3 id="asked">Asked for and decided</h3>
          {decides && policy && !call.ended && <AskFor key={call.call_id} call={call} policy={policy} />}
          <Decisions call={call} />
        </section>
        <section aria-labelledby="heard"><h3 id="heard">Heard and noted</h3><Notes call={call} /></section>
        {has("agent", "supervisor", "analyst") && <section aria-labelledby="afterwards"><h3 id="afterwards">For those who follow fraud</h3>
          <VerdictForm key={`v${call.call_id}`} call={call} />
          {!call.ended && <ProposalForm key={`p${call.call_id}`} call={call} />}
          {has("supervisor", "analyst") && !call.ended && <Spectrogram call={call} />}
        </section>}
      </div>
      {risk?.models && <p class="sub fine">Models {Object.values(risk.models).join(", ")} · policy {risk.policy}</p>}
      </div>
      {open(call).length > 0 && <div class="pending">
        {open(call).map((handover) => <HandoverCard key={handover.action_id} handover={handover} person={person} decides={decides} people={people(handover.tier)} />)}
      </div>}
    </section>
  );
}

function Gauge({ risk }: { risk: Risk | null }) {
  return (
    <div class="gauge" data-band={risk?.band ?? "unknown"} data-state={risk?.state ?? "waiting"}>
      <span class="word">{riskWord(risk)}</span>
      {risk && risk.score !== null && <span class="figure">{risk.score} <small>in 100 such calls are fraud</small></span>}
      <p class="sub">{riskNote(risk)}</p>
    </div>
  );
}

/** Told to screen readers when it changes, and not at every score. */
function Announced({ text }: { text: string }) {
  const first = useRef(true);
  const [said, say] = useState("");
  useEffect(() => {
    if (!first.current) say(text);
    first.current = false;
  }, [text]);
  return <p class="unseen" aria-live="polite">{said}</p>;
}

function Why({ call }: { call: Call }) {
  const flags = call.events.filter(({ kind }) => kind === "flag");
  const lost = new Map<string, number>();
  for (const { kind, media, ms } of call.events) if (kind === "media" && (ms as number) > 0) lost.set(media as string, (lost.get(media as string) ?? 0) + (ms as number));
  const evidence = call.risk?.evidence ?? [];
  return (
    <div class="evidence">
      {flags.map((flag, index) => (
        <div class="source flag" key={`flag${index}`}>
          <p>Instruction to the system heard, not obeyed</p>
          <q>{flag.text as string}</q>
          <p class="sub">{clock(flag.at_s)} · {textSource(flag)} · {(flag.rules as string[]).map(plain).join(", ")}</p>
        </div>
      ))}
      {!evidence.length && !flags.length && <p class="empty">No evidence yet.</p>}
      {evidence.map((item) => {
        const { text, strength } = evidenceWord(call, item);
        return (
          <div class="source" key={item.source}>
            <p>{text} <span class="sub">{strength}</span></p>
            <div class="meter" aria-hidden="true"><span class={item.contribution > 0 ? "fraud" : "genuine"} style={{ width: `${Math.min(50, (50 * Math.abs(item.contribution)) / 3)}%` }} /></div>
            <p class="sub">{sourceName(item.source)}: {oddsWord(item.contribution)}{item.llr === undefined ? "" : `; LLR ${item.llr.toFixed(2)}, weight ${item.weight!.toFixed(2)}`}</p>
          </div>
        );
      })}
      {lost.size > 0 && <div class="source line-quality"><p>The line is not clean: what is missing was not judged</p>
        <p class="sub">{[...lost].map(([media, ms]) => `${mediaWord(media)}: ${(ms / 1000).toFixed(1)} s`).join(" · ")}</p></div>}
    </div>
  );
}

function Notes({ call }: { call: Call }) {
  const saying = ({ channel, at_s, text }: CallEvent) => `${channel as string} ${at_s} ${text as string}`;
  const flagged = new Set(call.events.filter(({ kind }) => kind === "flag").map(saying));
  const rows = merged(call.events.filter((event) => event.kind !== "decision" && !(event.kind === "transcript" && flagged.has(saying(event)))));
  if (!rows.length) return <p class="empty">Nothing yet.</p>;
  return (
    <ol class="notes" tabIndex={0} aria-label="Heard and noted, newest first">
      {rows.slice(-NOTES).map((event, index) => ({ event, key: rows.length - index })).reverse().map(({ event, key }) => {
        const { lead, text } = noteWord(event);
        return <li key={key} data-kind={event.kind}><span class="at">{clock(event.at_s)}</span><span title={marksWord(text)}>{lead && <b>{lead} </b>}{text}{marksWord(text) && <span class="unseen"> ({marksWord(text)})</span>}</span></li>;
      })}
    </ol>
  );
}

/** Runs of media notes of one kind as one note, so that a bad line does not drown what was said. */
function merged(events: CallEvent[]): CallEvent[] {
  const rows: CallEvent[] = [];
  for (const event of events) {
    const last = rows.at(-1);
    if (event.kind === "media" && last?.kind === "media" && last.media === event.media && last.channel === event.channel) last.ms = (last.ms as number) + (event.ms as number);
    else rows.push({ ...event });
  }
  return rows;
}
