/** Signing in, and setting up password and authenticator from a link. */

import { useEffect, useState } from "preact/hooks";
import { address, call } from "./api";
import { useRequest } from "./hooks";

const FAILURES: Record<string, string> = {
  "#sign-in-refused": "The identity provider did not sign you in, or gives you no role here.",
  "#sign-in-unavailable": "The identity provider cannot be reached now.",
};

interface SignInProps { oidc: boolean; ended: boolean; onDone: () => void }

export function SignIn({ oidc, ended, onDone }: SignInProps) {
  const { busy, error, run } = useRequest();
  const [failure] = useState(() => FAILURES[location.hash] ?? "");
  return (
    <main class="sign-in">
      <form onSubmit={(event) => {
        event.preventDefault();
        const given = new FormData(event.currentTarget);
        const form = event.currentTarget;
        run(async () => {
          try {
            await call("POST", "v1/session", { name: given.get("name"), password: given.get("password"), code: String(given.get("code")).trim() });
          } finally {
            (form.elements.namedItem("code") as HTMLInputElement).value = "";
          }
          if (location.hash in FAILURES) history.replaceState(null, "", "#");
          onDone();
        });
      }}>
        <h2>Sign in</h2>
        {ended && <p role="status" class="sub">You have been signed out.</p>}
        <label for="name">Name</label>
        <input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck={false} maxLength={64} required autofocus />
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" maxLength={1024} required />
        <label for="code">Code of your authenticator</label>
        <input id="code" name="code" autocomplete="one-time-code" minLength={6} maxLength={40} required aria-describedby="code-hint" />
        <p id="code-hint" class="sub">Six digits, or one of your recovery codes.</p>
        <button type="submit" disabled={busy}>Sign in</button>
        <p class="error" role="alert">{error || failure}</p>
        {oidc && <a class="other" href={address("v1/oidc/start").href}>Sign in with your organisation</a>}
      </form>
    </main>
  );
}

interface Begun { name: string; secret: string; qr: string[] }

export function SetUp({ token, onDone }: { token: string; onDone: () => void }) {
  const [begun, setBegun] = useState<Begun | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const { busy, error, run } = useRequest();
  useEffect(() => { run(async () => setBegun(await call<Begun>("POST", "v1/setup", { token }))); }, [token]);
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  return (
    <main class="sign-in">
      <form onSubmit={(event) => {
        event.preventDefault();
        const given = new FormData(event.currentTarget);
        run(async () => {
          if (given.get("password") !== given.get("again")) throw new Error("The two passwords differ.");
          const done = await call<{ recovery_codes: string[] }>("POST", "v1/setup/finish", { token, password: given.get("password"), code: given.get("code") });
          setCodes(done.recovery_codes);
        });
      }}>
        <h2>Welcome{begun ? `, ${begun.name}` : ""}</h2>
        {begun && <>
          <input type="hidden" name="username" autocomplete="username" value={begun.name} />
          <p>1. Scan this with an authenticator app.</p>
          <Qr rows={begun.qr} />
          <details><summary>It cannot scan?</summary><p>Enter this key by hand:</p><code class="secret">{begun.secret.match(/.{1,4}/g)!.join(" ")}</code></details>
          <label for="set-code">2. The six digits that it shows</label>
          <input id="set-code" name="code" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxLength={6} required />
          <label for="new-password">3. A password of at least 12 characters</label>
          <input id="new-password" name="password" type="password" autocomplete="new-password" minLength={12} maxLength={128} required />
          <label for="again">The same again</label>
          <input id="again" name="again" type="password" autocomplete="new-password" maxLength={128} required />
          <button type="submit" disabled={busy}>Finish</button>
        </>}
        <p class="error" role="alert">{error}</p>
      </form>
    </main>
  );
}

function Qr({ rows }: { rows: string[] }) {
  const path = rows.flatMap((row, y) => [...row].map((module, x) => (module === "1" ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return <svg class="qr" viewBox={`0 0 ${rows.length} ${rows.length}`} role="img" aria-label="QR code of the authenticator's key" shape-rendering="crispEdges"><rect width={rows.length} height={rows.length} fill="#fff" /><path d={path} fill="#000" /></svg>;
}

function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  return (
    <main class="sign-in"><div class="panel">
      <h2>Your recovery codes</h2>
      <p>Each is good once, when the authenticator is not at hand. They are shown only now: print them, or keep them in a password manager.</p>
      <ul class="codes">{codes.map((code) => <li key={code}><code>{code}</code></li>)}</ul>
      <button type="button" onClick={onDone}>I have kept them</button>
    </div></main>
  );
}
