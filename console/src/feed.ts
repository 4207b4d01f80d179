/** The live feed: keeps the calls current, tells of changes once a frame, and comes back after a break. */

import { address } from "./api";
import type { Call, Change, Message, Thresholds } from "./types";

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const REFUSED = 1008;

export type FeedState = "connecting" | "live" | "lost" | "refused";

export class Feed {
  calls = new Map<string, Call>();
  thresholds: Thresholds = { elevated: 0, high: 0 };
  state: FeedState = "connecting";
  #listeners = new Set<() => void>();
  #socket: WebSocket | null = null;
  #attempt = 0;
  #timer = 0;
  #frame = 0;

  /** Be told, at most once a frame, that something changed. Returns the way out. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  open(): void {
    this.close();
    const url = address("v1/live");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.#socket = new WebSocket(url));
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data as string) as Message);
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      if (code === REFUSED) return this.#say("refused");
      this.#say("lost");
      const wait = RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)];
      this.#timer = window.setTimeout(() => this.open(), wait);
    };
  }

  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  receive(message: Message): void {
    if (message.type === "snapshot") {
      this.#attempt = 0;
      this.thresholds = message.thresholds;
      this.calls = new Map(message.calls.map((call) => [call.call_id, call]));
      this.#say("live");
    } else if (message.type === "call") this.#merge(message.call);
    else this.calls.delete(message.call_id);
    this.#frame ||= requestAnimationFrame(() => this.#tell());
  }

  /** A change brings the whole head of a call, and of its lists only what is new. */
  #merge(change: Change): void {
    const known = this.calls.get(change.call_id);
    const joined = <T>(old: T[] | undefined, from: number, news: T[]) => {
      if (!old) return news;
      // The old list is nobody's but ours, so it may grow in place: long calls would else be copied every second.
      old.length = Math.min(old.length, from);
      old.push(...news);
      return old;
    };
    this.calls.set(change.call_id, {
      ...change,
      line: joined(known?.line, change.line_from, change.line),
      contributions: joined(known?.contributions, change.line_from, change.contributions),
      speech: joined(known?.speech, change.speech_from, change.speech),
      events: joined(known?.events, change.events_from, change.events),
    });
  }

  #say(state: FeedState): void {
    this.state = state;
    this.#tell();
  }

  #tell(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const listener of this.#listeners) listener();
  }
}
