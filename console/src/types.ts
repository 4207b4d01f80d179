/** What the service says; see docs/asyncapi.yaml. Times are Unix seconds, `at_s` is the call's own time. */

export type Band = "unknown" | "low" | "elevated" | "high";
export type State = "ok" | "insufficient_speech" | "inconclusive" | "detector_unavailable" | "no_consent";
export type Role = "agent" | "supervisor" | "analyst" | "auditor" | "privacy" | "admin";

export interface Evidence {
  source: string;
  /** Nats that it adds to the log-odds of fraud. */
  contribution: number;
  windows: number;
  llr?: number;
  weight?: number;
}

export interface Risk {
  at_s: number;
  net_speech_s: number;
  score: number | null;
  band: Band;
  state: State;
  evidence: Evidence[];
  models?: Record<string, string>;
  policy?: string;
}

export interface Reason { code: string; text: string }

export interface CallEvent {
  kind: string;
  at_s: number;
  [fact: string]: unknown;
}

export interface Decision extends CallEvent {
  kind: "decision";
  action_id: string;
  action: string;
  tier: string;
  decision: "allow" | "step_up" | "handover" | "deny";
  state: string;
  reasons: Reason[];
  rule: string;
  person: string | null;
  challenge?: { method: "totp" | "delivered_code"; expires_at: number; tries_left: number };
}

export interface Handover {
  action_id: string;
  action: string;
  tier: string;
  source: string;
  reasons: Reason[];
  offered_at: number;
  taken_by: { person: string; at: number }[];
  approved_by: string[];
  orphaned_at: number | null;
  /** The assistant that prepared it, where a person has to confirm it first. */
  prepared_by: string | null;
  outcome: "approved" | "confirmed" | "refused" | "abandoned" | null;
}

export type Point = [at_s: number, score: number | null, state: State, band: Band];

export interface Call {
  call_id: string;
  customer_ref: string | null;
  started_at: number;
  ended: string | null;
  at_s: number;
  risk: Risk | null;
  line: Point[];
  contributions: Record<string, number>[];
  speech: [number, number][];
  handovers: Handover[];
  events: CallEvent[];
}

/** A call with only what is new of its lists. */
export interface Change extends Call { line_from: number; events_from: number; speech_from: number }

/** Percent from which a band holds. */
export interface Thresholds { elevated: number; high: number }

export type Message =
  | { type: "snapshot"; thresholds: Thresholds; calls: Change[] }
  | { type: "call"; call: Change }
  | { type: "forget"; call_id: string };

export interface Session {
  person: string | null;
  roles: Role[];
  csrf: string;
  ends_at: number;
  method: string;
  /** Whether an identity provider can be asked. */
  oidc: boolean;
}
