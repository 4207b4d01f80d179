/** Risk over the call's own time, with the caller's speech and each source of evidence as strips under it.
 *
 * A score holds until the next one; stretches without an honest number are hatched, never drawn as a value. The scale is
 * by square root, since a risk is high long before it is likely.
 */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { actions } from "./need";
import type { Call, Thresholds } from "./types";
import { clock, isDecision, riskWord, sourceName } from "./words";

const HEIGHT = 210, STRIP = 16, GAP = 6, LEFT = 108, RIGHT = 14;
const NATS = 3;

interface Props { call: Call; thresholds: Thresholds; theme: string }

export function RiskLine({ call, thresholds, theme }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const strips = useRef<HTMLCanvasElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef({ call, thresholds });
  shown.current = { call, thresholds };
  const sources = [...new Set(call.contributions.flatMap((each) => Object.keys(each)))];
  const tall = (sources.length + 1) * (STRIP + GAP);

  useEffect(() => {
    const made = new uPlot(options(box.current!.clientWidth, () => shown.current), [[], []], box.current!);
    plot.current = made;
    const watch = new ResizeObserver(() => {
      made.setSize({ width: box.current!.clientWidth, height: HEIGHT });
      drawStrips(strips.current!, shown.current.call, made);
    });
    watch.observe(box.current!);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [call.call_id, theme]);

  useEffect(() => {
    const made = plot.current!;
    made.setData([[...call.line.map(([at]) => at), call.at_s], [...call.line.map(([, score]) => score), call.line.at(-1)?.[1] ?? null]], false);
    made.setScale("x", { min: 0, max: span(call) });
    drawStrips(strips.current!, call, made);
  });

  const [, score, state] = call.line.at(-1) ?? [0, null, "insufficient_speech" as const];
  const word = score === null ? riskWord({ score, state, band: "unknown", at_s: 0, net_speech_s: 0, evidence: [] }) : `${score} of 100`;
  return (
    <figure class="plot" aria-label={`Risk over ${clock(call.at_s)}, now ${word}. Speech and evidence over the same time.`}>
      <div class="chart" role="img" aria-label={`Line of the risk, now ${word}`} data-points={call.line.filter(([, value]) => value !== null).length} ref={box} style={{ height: `${HEIGHT}px` }} />
      <div class="strips">
        <canvas ref={strips} aria-hidden="true" style={{ height: `${tall}px` }} />
        <ol class="strip-names" aria-hidden="true">
          <li>Caller speaks</li>
          {sources.map((source) => <li key={source}>{sourceName(source)}</li>)}
        </ol>
      </div>
      <figcaption class="sub">Hatched: no honest number. Strips: red speaks for fraud, green against; the stronger, the darker.</figcaption>
    </figure>
  );
}

const span = (call: Call) => Math.max(30, call.at_s) * 1.02;
const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function options(width: number, now: () => { call: Call; thresholds: Thresholds }): uPlot.Options {
  const soft = color("soft"), edge = color("edge");
  const axis = { stroke: soft, grid: { stroke: edge, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width, height: HEIGHT, padding: [18, RIGHT, 0, 0], cursor: { show: false }, legend: { show: false },
    scales: {
      x: { time: false, auto: false, range: (_, min, max) => [min, max] },
      y: { auto: false, range: [0, 100], distr: 100, fwd: Math.sqrt },
    },
    series: [{}, { stroke: color("ink"), width: 2, spanGaps: false, points: { show: false }, paths: uPlot.paths.stepped!({ align: 1 }) }],
    axes: [
      { ...axis, values: (_, at) => at.map(clock), size: 26, grid: { show: false } },
      { ...axis, size: LEFT, filter: (_, splits) => splits, splits: () => [0, now().thresholds.elevated, now().thresholds.high, 50, 100], values: (_, at) => at.map((value) => scaleWord(value, now().thresholds)) },
    ],
    hooks: {
      drawClear: [(made) => {
        const { thresholds, call } = now();
        zone(made, thresholds.elevated, thresholds.high, color("elevated-ground"));
        zone(made, thresholds.high, 100, color("high-ground"));
        for (const [from, to] of silences(call)) hatch(made, from, to);
      }],
      draw: [(made) => marks(made, now().call)],
    },
  };
}

/** Bands are words, at the numbers from which they hold. */
function scaleWord(value: number, { elevated, high }: Thresholds): string {
  if (value === elevated) return `elevated ${Math.round(value)}`;
  if (value === high) return `high ${Math.round(value)}`;
  return String(value);
}

function zone(made: uPlot, from: number, to: number, fill: string): void {
  const { left, width } = made.bbox;
  const top = made.valToPos(to, "y", true), bottom = made.valToPos(from, "y", true);
  made.ctx.fillStyle = fill;
  made.ctx.fillRect(left, top, width, bottom - top);
}

/** Stretches in which no score is given; what comes before the first score is one. */
function silences(call: Call): [number, number][] {
  const found: [number, number][] = [];
  call.line.forEach(([at, score], index) => {
    if (score !== null) return;
    const to = call.line[index + 1]?.[0] ?? call.at_s;
    const open = found.at(-1);
    if (open && open[1] === at) open[1] = to;
    else found.push([index ? at : 0, to]);
  });
  return found;
}

function hatch(made: uPlot, from: number, to: number): void {
  const { top, height } = made.bbox;
  const left = made.valToPos(from, "x", true), right = made.valToPos(to, "x", true);
  const draw = made.ctx;
  draw.save();
  draw.beginPath();
  draw.rect(left, top, right - left, height);
  draw.clip();
  draw.strokeStyle = color("edge");
  draw.lineWidth = 2 * devicePixelRatio;
  draw.beginPath();
  for (let x = left - height; x < right; x += 9 * devicePixelRatio) {
    draw.moveTo(x, top + height);
    draw.lineTo(x + height, top);
  }
  draw.stroke();
  draw.restore();
}

/** Decisions, as a line with a dot in the colour of what was decided. */
function marks(made: uPlot, call: Call): void {
  const draw = made.ctx, { top, height } = made.bbox;
  const last = new Set(actions(call));
  for (const event of call.events) {
    if (!isDecision(event)) continue;
    const x = made.valToPos(event.at_s, "x", true);
    draw.strokeStyle = color("soft");
    draw.lineWidth = devicePixelRatio;
    draw.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    draw.beginPath();
    draw.moveTo(x, top - 4 * devicePixelRatio);
    draw.lineTo(x, top + height);
    draw.stroke();
    draw.setLineDash([]);
    draw.fillStyle = color({ allow: "low", step_up: "elevated", handover: "high", deny: "high" }[event.decision]);
    draw.beginPath();
    draw.arc(x, top - 8 * devicePixelRatio, (last.has(event) ? 5 : 3) * devicePixelRatio, 0, 2 * Math.PI);
    draw.fill();
  }
}

function drawStrips(canvas: HTMLCanvasElement, call: Call, made: uPlot): void {
  const ratio = devicePixelRatio, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const draw = canvas.getContext("2d")!;
  const left = made.bbox.left / ratio, wide = made.bbox.width / ratio;
  const x = (at: number) => left + (at / span(call)) * wide;
  const row = (index: number) => index * (STRIP + GAP);
  const sources = [...new Set(call.contributions.flatMap((each) => Object.keys(each)))];
  draw.scale(ratio, ratio);
  draw.fillStyle = color("raised");
  for (let index = 0; index <= sources.length; index++) draw.fillRect(left, row(index), wide, STRIP);
  draw.fillStyle = color("soft");
  for (const [from, to] of call.speech) draw.fillRect(x(from), row(0), Math.max(1, x(to) - x(from)), STRIP);
  const against = color("low"), forFraud = color("high");
  call.line.forEach(([at], index) => {
    const until = call.line[index + 1]?.[0] ?? call.at_s;
    sources.forEach((source, place) => {
      const nats = call.contributions[index]?.[source];
      if (nats === undefined) return;
      draw.globalAlpha = Math.min(1, 0.08 + Math.abs(nats) / NATS);
      draw.fillStyle = nats > 0 ? forFraud : against;
      draw.fillRect(x(at), row(place + 1), Math.max(1, x(until) - x(at)), STRIP);
    });
  });
}
