/** The risk line: score over the call's own time. A score holds until the next one; stretches without an honest number
 * are hatched, never drawn as a value. The scale is by square root, since a risk is high long before it is likely. */

import { s } from "./dom.js";
import { clock, decisionWord, plain, riskWord } from "./words.js";

const H = 220, LEFT = 34, RIGHT = 62, TOP = 22, BOTTOM = 24;
const SCORES = [0, 25, 50, 100];
const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 1200];
const TICK_PX = 70;

/**
 * `call.line`: points [at_s, score or null, state, band] in order; `decisions`: events with at_s, action and decision;
 * `thresholds`: percent from which a band holds, by its name; `width`: of the drawing, px.
 */
export function riskLine(call, decisions, thresholds, width) {
  const now = call.at_s;
  const span = Math.max(30, now) * 1.02;
  const x = (at) => LEFT + (at / span) * (width - LEFT - RIGHT);
  const y = (score) => TOP + (1 - Math.sqrt(score / 100)) * (H - TOP - BOTTOM);
  const [, score, state] = call.line.at(-1) ?? [0, null, "insufficient_speech"];
  const bounds = Object.entries(thresholds).filter(([, from]) => from > 0);

  return s("svg", { class: "line", viewBox: `0 0 ${width} ${H}`, role: "img", "aria-label": `Risk over ${clock(now)}, now ${score ?? riskWord({ score, state })}` },
    s("defs", {}, s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch" }))),
    SCORES.map((at) => s("g", {},
      s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(at), y2: y(at) }),
      s("text", { class: "axis", x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }, String(at)))),
    bounds.map(([band, from]) => s("g", { class: "bound", "data-band": band },
      s("line", { x1: LEFT, x2: width - RIGHT, y1: y(from), y2: y(from) }),
      s("text", { x: LEFT - 6, y: y(from) + 4, "text-anchor": "end" }, String(Math.round(from))),
      s("text", { x: width - RIGHT + 6, y: y(from) + 4 }, band))),
    ticks(span, width - LEFT - RIGHT).map((at) => s("text", { class: "axis", x: x(at), y: H - 6, "text-anchor": "middle" }, clock(at))),
    silences(call.line, now).map(([from, to, why]) => s("rect", {
      x: x(from), y: TOP, width: Math.max(1, x(to) - x(from)), height: H - TOP - BOTTOM, fill: "url(#hatch)", "data-state": why,
    }, s("title", {}, riskWord({ score: null, state: why })))),
    pieces(call.line, now).map(({ band, points }) =>
      s("polyline", { class: "trace", "data-band": band, points: points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ") })),
    decisions.map((event) => s("g", { class: "mark", "data-decision": event.decision },
      s("title", {}, `${clock(event.at_s)} ${plain(event.action)}: ${decisionWord(event)}`),
      s("line", { x1: x(event.at_s), x2: x(event.at_s), y1: TOP - 6, y2: H - BOTTOM }),
      s("circle", { cx: x(event.at_s), cy: TOP - 8, r: 5 }))));
}

function ticks(span, width) {
  const step = STEPS_S.find((seconds) => (seconds / span) * width >= TICK_PX) ?? 3600;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
}

/** Stretches [from, to, state] in which no score is given; what comes before the first score is one. */
function silences(line, now) {
  const stretches = [];
  line.forEach(([at, score, state], index) => {
    if (score !== null) return;
    const to = line[index + 1]?.[0] ?? now;
    const open = stretches.at(-1);
    if (open && open[1] === at && open[2] === state) open[1] = to;
    else stretches.push([index ? at : 0, to, state]);
  });
  return stretches;
}

/** Runs of scores of one band as steps; neighbours share a point, so the line has no hole where only the band changes. */
function pieces(line, now) {
  const runs = [];
  let run = null;
  line.forEach(([at, score, , band], index) => {
    if (score === null) { run = null; return; }
    if (run?.band !== band) {
      run = { band, points: run ? [run.points.at(-1)] : [] };
      runs.push(run);
    }
    run.points.push([at, score], [line[index + 1]?.[0] ?? now, score]);
  });
  return runs;
}
