/** What those see who do not follow calls: people and keys, the watch list, customers' voices, verdicts. */

import { useEffect, useState } from "preact/hooks";
import { call } from "./api";
import { useRequest } from "./hooks";
import type { Role } from "./types";
import { capital, dateAndTime, plain } from "./words";

type Row = Record<string, unknown>;

function useRows(path: string, name: string): { rows: Row[] | null; error: string; again: () => void } {
  const [rows, setRows] = useState<Row[] | null>(null);
  const { error, run } = useRequest();
  const again = () => run(async () => setRows((await call<Record<string, Row[]>>("GET", path))[name]!));
  useEffect(() => { again(); }, [path]);
  return { rows, error, again };
}

interface TableProps { caption: string; columns: [title: string, cell: (row: Row) => preact.ComponentChildren][]; rows: Row[] | null; error: string; of: (row: Row) => string }

function Table({ caption, columns, rows, error, of }: TableProps) {
  return (
    <section class="table" tabIndex={0} aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead><tr>{columns.map(([title]) => <th key={title} scope="col">{title}</th>)}</tr></thead>
        <tbody>{rows?.map((row) => <tr key={of(row)}>{columns.map(([title, cell]) => <td key={title}>{cell(row)}</td>)}</tr>)}</tbody>
      </table>
      {rows?.length === 0 && <p class="empty">There is nothing yet.</p>}
      <p class="error" role="alert">{error}</p>
    </section>
  );
}

const words = (value: unknown) => (value as string[]).map(plain).join(", ");
const time = (value: unknown) => dateAndTime(value as number | null);

export function People() {
  const people = useRows("v1/people", "people"), keys = useRows("v1/keys", "keys");
  return (
    <main class="page" aria-label="People and keys">
      <Table caption="People" {...people} of={(row) => row.name as string} columns={[
        ["Name", (row) => row.name as string], ["Roles", (row) => words(row.roles)],
        ["State", (row) => (row.disabled_at ? "disabled" : row.is_set_up ? "set up" : "not set up yet")], ["Last signed in", (row) => time(row.signed_in_at)],
      ]} />
      <Table caption="Machines' keys" {...keys} of={(row) => row.name as string} columns={[
        ["Name", (row) => row.name as string], ["Scopes", (row) => words(row.scopes)], ["Made", (row) => time(row.created_at)], ["Last used", (row) => time(row.last_used_at)],
      ]} />
      <p class="sub">They are changed with <code>voiceguard users</code> and <code>voiceguard keys</code>.</p>
    </main>
  );
}

/** Entries and proposals; another person than the author agrees, whoever may takes off. */
export function WatchList({ person, roles }: { person: string; roles: Role[] }) {
  const list = useRows("v1/watchlist", "entries");
  const { busy, error, run } = useRequest();
  const state = (row: Row) => (row.ended_at ? `ended: ${row.end_reason as string}` : row.reviewed_by ? `agreed by ${row.reviewed_by as string}` : (row.review_at as number) <= (row.created_at as number) ? "proposed" : "in force");
  const act = (work: () => Promise<unknown>) => run(async () => { await work(); list.again(); });
  return (
    <main class="page" aria-label="Watch list">
      <Table caption="Watch list" {...list} error={error || list.error} of={(row) => row.entry_id as string} columns={[
        ["Put there", (row) => time(row.created_at)], ["By", (row) => row.author as string], ["Why", (row) => row.reason as string], ["State", state],
        ["", (row) => row.ended_at ? null : <span class="inline">
          {roles.includes("analyst") && row.author !== person && <button type="button" class="quiet" disabled={busy} onClick={() => act(() => call("POST", `v1/watchlist/${row.entry_id as string}/review`, { days: 30 }))}>Agree</button>}
          {(roles.includes("analyst") || roles.includes("privacy")) && <button type="button" class="refuse" disabled={busy} onClick={() => act(() => call("DELETE", `v1/watchlist/${row.entry_id as string}?reason=taken%20off%20at%20the%20desk`))}>Take off</button>}
        </span>],
      ]} />
    </main>
  );
}

export function Verdicts() {
  const list = useRows("v1/verdicts", "verdicts");
  return (
    <main class="page" aria-label="Verdicts">
      <Table caption="What calls turned out to be" {...list} of={(row) => String(row.verdict_id)} columns={[
        ["Call", (row) => row.call_id as string], ["Verdict", (row) => capital(row.verdict as string)], ["By", (row) => row.author as string], ["When", (row) => time(row.at)], ["Note", (row) => row.note as string],
      ]} />
    </main>
  );
}

/** What is kept of one customer's voice, and its erasure. */
export function Voices({ roles }: { roles: Role[] }) {
  const [ref, setRef] = useState("");
  const [rows, setRows] = useState<Row[] | null>(null);
  const [reason, setReason] = useState("");
  const { busy, error, run } = useRequest();
  const path = `v1/customers/${encodeURIComponent(ref.trim())}`;
  const look = () => run(async () => setRows((await call<{ voiceprints: Row[] }>("GET", `${path}/voiceprints`)).voiceprints));
  return (
    <main class="page" aria-label="Customers' voices">
      <form class="act" onSubmit={(event) => { event.preventDefault(); look(); }}>
        <label for="customer">Customer's reference</label>
        <div class="inline"><input id="customer" required maxLength={128} value={ref} onInput={(event) => setRef(event.currentTarget.value)} /><button type="submit" disabled={busy}>Look up</button></div>
      </form>
      {rows && <Table caption="Voiceprints" rows={rows} error={error} of={(row) => row.voiceprint_id as string} columns={[
        ["Made", (row) => time(row.created_at)], ["By", (row) => row.author as string], ["Speech", (row) => `${(row.net_speech_s as number).toFixed(0)} s`], ["Erased", (row) => (row.ended_at ? `${time(row.ended_at)}: ${row.end_reason as string}` : "kept")],
      ]} />}
      {rows?.some((row) => !row.ended_at) && roles.includes("privacy") && <form class="act" onSubmit={(event) => {
        event.preventDefault();
        run(async () => { await call("DELETE", `${path}/voiceprint?reason=${encodeURIComponent(reason)}`); look(); });
      }}>
        <label for="erase-reason">Erase this voice and its key, because</label>
        <div class="inline"><input id="erase-reason" required maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} /><button type="submit" class="refuse" disabled={busy}>Erase</button></div>
      </form>}
      {!rows && <p class="error" role="alert">{error}</p>}
    </main>
  );
}
