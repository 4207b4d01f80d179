/** The risk line: score over the call's own time; stretches without an honest number are hatched, never drawn as a value. */

import { s } from "./dom.js";
import { clock, decisionWord, plain, riskWord } from "./words.js";

const W = 720, H = 220, LEFT = 46, RIGHT = 12, TOP = 22, BOTTOM = 24;
const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 1200];

/** `line`: points [at_s, score or null, state, band] in order; `decisions`: events with at_s, action and decision. */
export function riskLine(line, decisions) {
  const last = line.at(-1)?.[0] ?? 0;
  const span = Math.max(30, last, ...decisions.map((event) => event.at_s)) * 1.02;
  const x = (at) => LEFT + (at / span) * (W - LEFT - RIGHT);
  const y = (score) => TOP + (1 - score / 100) * (H - TOP - BOTTOM);
  const label = line.length
    ? `Risk over ${clock(last)}; now ${line.at(-1)[1] ?? riskWord({ score: null, state: line.at(-1)[2] })}`
    : "No risk yet";

  return s("svg", { class: "line", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label },
    s("defs", {}, s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch" }))),
    [0, 25, 50, 75, 100].map((score) => s("g", {},
      s("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y(score), y2: y(score) }),
      s("text", { class: "axis", x: LEFT - 6, y: y(score) + 4, "text-anchor": "end" }, String(score)))),
    ticks(span).map((at) => s("text", { class: "axis", x: x(at), y: H - 6, "text-anchor": "middle" }, clock(at))),
    silences(line).map(([from, to, state]) => s("g", {},
      s("rect", { x: x(from), y: TOP, width: Math.max(1, x(to) - x(from)), height: H - TOP - BOTTOM, fill: "url(#hatch)", "data-state": state },
        s("title", {}, riskWord({ score: null, state }))))),
    pieces(line).map(({ band, points }) => points.length > 1
      ? s("polyline", { class: "trace", "data-band": band, points: points.map(([at, score]) => `${x(at).toFixed(1)},${y(score).toFixed(1)}`).join(" ") })
      : s("circle", { class: "dot", "data-band": band, r: 3, cx: x(points[0][0]), cy: y(points[0][1]) })),
    decisions.map((event) => s("g", { class: "mark", "data-decision": event.decision },
      s("title", {}, `${clock(event.at_s)} ${plain(event.action)}: ${decisionWord(event.decision)}`),
      s("line", { x1: x(event.at_s), x2: x(event.at_s), y1: TOP - 6, y2: H - BOTTOM }),
      s("circle", { cx: x(event.at_s), cy: TOP - 8, r: 5 }))));
}

function ticks(span) {
  const step = STEPS_S.find((seconds) => span / seconds <= 8) ?? 3600;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
}

/** Stretches in which no score is given, from the call's start or the last scored point on. */
function silences(line) {
  const stretches = [];
  let before = 0;
  for (const [at, score, state] of line) {
    const open = stretches.at(-1);
    if (score === null && open && open[1] === before && open[2] === state) open[1] = at;
    else if (score === null) stretches.push([before, at, state]);
    before = at;
  }
  return stretches;
}

/** Runs of scored points of one band; neighbours share a point, so the line has no hole where only the band changes. */
function pieces(line) {
  const runs = [];
  let previous = null;
  for (const [at, score, , band] of line) {
    if (score === null) { previous = null; continue; }
    if (previous && previous.band === band) previous.points.push([at, score]);
    else {
      const points = previous ? [previous.points.at(-1), [at, score]] : [[at, score]];
      previous = { band, points };
      runs.push(previous);
    }
  }
  return runs;
}
