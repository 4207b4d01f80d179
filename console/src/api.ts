/** Requests to the service, with the session's cookie and the page's own token beside it. */

import type { Session } from "./types";

const ROOT = new URL("..", document.baseURI);
let csrf = "";

/** Why a request was refused, in the service's own words. */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, detail: string) {
    super(detail);
  }
}

export const address = (path: string) => new URL(path, ROOT);

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address(path), {
      method,
      headers: { "X-CSRF-Token": csrf, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, "unreachable", "The service cannot be reached.");
  }
  if (answer.status === 204) return undefined as T;
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.code ?? "", said.detail ?? `The service answered ${answer.status}.`);
  return said as T;
}

export async function session(): Promise<Session> {
  const found = await call<Session>("GET", "v1/session");
  csrf = found.csrf ?? "";
  return { ...found, roles: found.roles ?? [] };
}

const SEEN_MS = 60_000;

/** Keep the session while somebody sits before the page. */
export function keepAlive(): () => void {
  let last = Date.now();
  const act = () => {
    if (Date.now() - last < SEEN_MS) return;
    last = Date.now();
    call("POST", "v1/session/seen").catch(() => undefined);
  };
  addEventListener("pointerdown", act);
  addEventListener("keydown", act);
  return () => {
    removeEventListener("pointerdown", act);
    removeEventListener("keydown", act);
  };
}
