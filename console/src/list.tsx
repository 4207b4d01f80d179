/** The live list: what needs somebody first. Only the rows in sight are in the document, however many calls there are. */

import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Feed } from "./feed";
import { useFeed } from "./hooks";
import { sorted, type Row } from "./need";
import { timeOfDay } from "./words";

const ROW_PX = 68;
const SPARE_ROWS = 4;
/** The order is looked over so often: quicker, and rows would run away from under the eye. */
const SORT_MS = 250;

export const callLink = (callId: string) => `#call=${encodeURIComponent(callId)}`;

interface Props { feed: Feed; person: string; decides: boolean; chosen: string | null }

export function CallList({ feed, person, decides, chosen }: Props) {
  useFeed(feed, SORT_MS);
  const [filter, setFilter] = useState("");
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const box = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const wanted = filter.trim().toLowerCase();
  const all = sorted(feed.calls.values(), person, decides);
  const rows = wanted ? all.filter(({ call }) => `${call.call_id} ${call.customer_ref ?? ""}`.toLowerCase().includes(wanted)) : all;
  const live = all.filter(({ call }) => !call.ended).length;
  const urgent = all.filter(({ need }) => need.urgent).length;
  const at = rows.findIndex(({ call }) => call.call_id === chosen);

  useLayoutEffect(() => {
    const element = box.current!;
    const watch = new ResizeObserver(() => setHeight(element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const choose = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    const place = rows.indexOf(row) * ROW_PX;
    const element = box.current!;
    if (place < element.scrollTop) element.scrollTop = place;
    else if (place + ROW_PX > element.scrollTop + element.clientHeight) element.scrollTop = place + ROW_PX - element.clientHeight;
    history.replaceState(null, "", callLink(row.call.call_id));
    dispatchEvent(new HashChangeEvent("hashchange"));
  };

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest("input, textarea, select");
      if (event.key === "Escape" && event.target === search.current) box.current!.focus();
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") {
        event.preventDefault();
        search.current!.focus();
      } else if (event.key === "j") choose(at + 1);
      else if (event.key === "k") choose(at < 0 ? 0 : at - 1);
      else if (event.key === "n") choose(0);
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });

  const step = (event: KeyboardEvent) => {
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: rows.length - 1, PageDown: at + 10, PageUp: Math.max(0, at - 10) }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to);
  };

  const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE_ROWS);
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW_PX) + SPARE_ROWS);
  const inSight = at >= first && at < last;
  return (
    <nav class="list" aria-label="Calls">
      <div class="list-head">
        <h2>Calls <span class="sub">{live} live{urgent ? `, ${urgent} need you` : ""}</span></h2>
        <input ref={search} type="search" aria-label="Find a call or customer (key /)" placeholder="Find  /" value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)} />
      </div>
      <div ref={box} class="rows" role="listbox" tabIndex={0} aria-label="Calls by need" onKeyDown={step}
        aria-activedescendant={inSight ? `call-${at}` : undefined} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        {rows.length === 0 && <p class="empty" role="presentation">{wanted ? "No call matches." : "No calls yet. They appear here the moment a stream starts."}</p>}
        <div class="tall" role="presentation" style={{ height: `${rows.length * ROW_PX}px` }}>
          {rows.slice(first, last).map((row, index) => (
            <Item key={row.call.call_id} row={row} place={first + index} of={rows.length} chosen={first + index === at}
              onChoose={() => choose(first + index)}
              look={`${row.call.risk?.score} ${row.call.risk?.band} ${row.need.text} ${row.call.ended}`} />
          ))}
        </div>
      </div>
    </nav>
  );
}

interface ItemProps { row: Row; place: number; of: number; chosen: boolean; look: string; onChoose: () => void }

const Item = memo(function Item({ row: { call, need }, place, of, chosen, onChoose }: ItemProps) {
  const risk = call.risk;
  return (
    <div id={`call-${place}`} class="item" role="option" aria-selected={chosen} aria-setsize={of} aria-posinset={place + 1}
      data-call={call.call_id} data-ended={Boolean(call.ended)} style={{ transform: `translateY(${place * ROW_PX}px)` }} onClick={onChoose}>
      <span class="score" data-band={risk?.band ?? "unknown"} aria-hidden="true">{risk && risk.score !== null ? risk.score : "–"}</span>
      <strong>{call.call_id}</strong>
      <span class="sub when">{call.ended ? "ended" : timeOfDay(call.started_at)}</span>
      <span class={need.urgent ? "word urgent" : "word sub"}>{need.text}</span>
    </div>
  );
}, (before, after) => before.look === after.look && before.place === after.place && before.of === after.of && before.chosen === after.chosen);
