/** What components share. */

import { useEffect, useReducer, useState } from "preact/hooks";
import type { Feed } from "./feed";

/** Render again when the feed has news, at most once in `ms`. */
export function useFeed(feed: Feed, ms = 0): void {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    let timer = 0;
    let last = 0;
    const now = () => {
      timer = 0;
      last = performance.now();
      render(undefined);
    };
    const leave = feed.listen(() => {
      if (timer) return;
      const wait = last + ms - performance.now();
      if (wait <= 0) now();
      else timer = window.setTimeout(now, wait);
    });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [feed, ms]);
}

/** Render again every second: for what counts down. */
export function useSeconds(running: boolean): number {
  const [now, set] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (!running) return;
    set(Date.now() / 1000);
    const timer = setInterval(() => set(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

export function useHash(): string {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const change = () => set(location.hash);
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return hash;
}

/** A request under way: whether it runs, what went wrong, and how to begin one. */
export function useRequest(): { busy: boolean; error: string; run: (work: () => Promise<void>) => Promise<void>; clear: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setError("");
    try {
      await work();
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run, clear: () => setError("") };
}
