/** The agents' desk: who is signed in decides what there is. */

import { render } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { call, keepAlive, session as readSession } from "./api";
import type { PolicyShown } from "./acts";
import { CallView } from "./call";
import { People, Verdicts, Voices, WatchList } from "./directory";
import { Feed } from "./feed";
import { useFeed, useHash } from "./hooks";
import { CallList } from "./list";
import { open } from "./need";
import { SetUp, SignIn } from "./sign-in";
import "./style.css";
import type { Role, Session } from "./types";

const THEME = "voiceguard.theme";
const FEED_WORDS = { connecting: "Connecting…", live: "Live", lost: "Disconnected, trying again…", refused: "Signed out" };
const PAGES: { hash: string; title: string; roles: Role[] }[] = [
  { hash: "#", title: "Calls", roles: ["agent", "supervisor", "analyst", "auditor"] },
  { hash: "#watchlist", title: "Watch list", roles: ["analyst", "auditor", "privacy"] },
  { hash: "#verdicts", title: "Verdicts", roles: ["analyst", "auditor"] },
  { hash: "#voices", title: "Voices", roles: ["auditor", "privacy"] },
  { hash: "#people", title: "People", roles: ["auditor", "admin"] },
];

function useTheme(): [string, () => void] {
  const [theme, setTheme] = useState(() => localStorage.getItem(THEME) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  document.documentElement.dataset.theme = theme;
  return [theme, () => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem(THEME, next);
    document.documentElement.dataset.theme = next;
    setTheme(next);
  }];
}

function App() {
  const hash = useHash();
  const [who, setWho] = useState<Session | null>(null);
  const [ended, setEnded] = useState(false);
  const [theme, turn] = useTheme();
  const look = useCallback(() => { readSession().then(setWho, () => setTimeout(look, 2000)); }, []);
  useEffect(look, []);
  const setup = /^#setup=(.+)$/.exec(hash)?.[1];
  const done = () => {
    setEnded(false);
    if (setup) location.hash = "";
    look();
  };
  const signOut = () => call("DELETE", "v1/session").catch(() => undefined).then(() => {
    setEnded(true);
    location.hash = "";
    look();
  });
  const lost = useCallback(() => {
    setEnded(true);
    look();
  }, []);
  const signedIn = who !== null && who.person !== null && !setup;
  return (
    <>
      {signedIn ? <Desk key={`${who.person} ${who.roles.join()}`} who={who} hash={hash} theme={theme} onTheme={turn} onSignOut={signOut} onLost={lost} />
        : <>
          <Bar theme={theme} onTheme={turn} />
          {setup ? <SetUp token={setup} onDone={done} /> : who && <SignIn oidc={who.oidc} ended={ended} onDone={done} />}
        </>}
    </>
  );
}

interface BarProps { theme: string; onTheme: () => void; children?: preact.ComponentChildren }

function Bar({ theme, onTheme, children }: BarProps) {
  return (
    <header class="bar">
      <h1><img src="icon.svg" alt="" width="22" height="22" />voiceguard</h1>
      {children}
      <button class="quiet" type="button" onClick={onTheme} aria-label={theme === "dark" ? "Light colours" : "Dark colours"}>{theme === "dark" ? "☀" : "☾"}</button>
    </header>
  );
}

interface DeskProps { who: Session; hash: string; theme: string; onTheme: () => void; onSignOut: () => void; onLost: () => void }

function Desk({ who, hash, theme, onTheme, onSignOut, onLost }: DeskProps) {
  const follows = who.roles.some((role) => PAGES[0]!.roles.includes(role));
  const feed = useMemo(() => new Feed(), []);
  const pages = PAGES.filter(({ roles }) => roles.some((role) => who.roles.includes(role)));
  const page = pages.find((each) => each.hash !== "#" && each.hash === hash) ?? pages[0];
  useEffect(() => {
    const stop = keepAlive();
    if (follows) feed.open();
    return () => {
      stop();
      feed.close();
    };
  }, [feed]);
  return (
    <>
      <Bar theme={theme} onTheme={onTheme}>
        {follows && <Alarm feed={feed} />}
        {pages.length > 1 && <nav class="pages" aria-label="Pages">{pages.map((each) => (
          <a key={each.hash} href={each.hash} aria-current={each === page ? "page" : undefined}>{each.title}</a>
        ))}</nav>}
        {follows && <FeedState feed={feed} onLost={onLost} />}
        <span class="who" title={who.roles.join(", ")}>{who.person}</span>
        <button class="quiet" type="button" onClick={onSignOut}>Sign out</button>
      </Bar>
      {page?.hash === "#" ? <Calls feed={feed} who={who} hash={hash} theme={theme} /> : null}
      {page?.hash === "#watchlist" && <WatchList person={who.person!} roles={who.roles} />}
      {page?.hash === "#verdicts" && <Verdicts />}
      {page?.hash === "#voices" && <Voices roles={who.roles} />}
      {page?.hash === "#people" && <People />}
    </>
  );
}

function FeedState({ feed, onLost }: { feed: Feed; onLost: () => void }) {
  useFeed(feed, 500);
  const refused = feed.state === "refused";
  useEffect(() => { if (refused) onLost(); }, [refused]);
  return <p class="feed" role="status" data-feed={feed.state}>{FEED_WORDS[feed.state]}</p>;
}

/** Left of everything else in the bar, so that nothing moves when it comes. */
function Alarm({ feed }: { feed: Feed }) {
  useFeed(feed, 500);
  const orphans = [...feed.calls.values()].flatMap(open).filter(({ orphaned_at }) => orphaned_at !== null).length;
  if (!orphans) return null;
  return <p class="alarm" role="alert">{orphans === 1 ? "A handover is" : `${orphans} handovers are`} with nobody</p>;
}

function Calls({ feed, who, hash, theme }: { feed: Feed; who: Session; hash: string; theme: string }) {
  const [policy, setPolicy] = useState<PolicyShown | null>(null);
  useEffect(() => { call<PolicyShown>("GET", "v1/policy").then(setPolicy, () => undefined); }, []);
  const chosen = /^#call=(.+)$/.exec(hash)?.[1];
  const callId = chosen === undefined ? null : decodeURIComponent(chosen);
  const decides = who.roles.includes("agent") || who.roles.includes("supervisor");
  return (
    <main class="console" data-view={callId === null ? "list" : "call"}>
      <CallList feed={feed} person={who.person!} decides={decides} chosen={callId} />
      <Chosen feed={feed} callId={callId} who={who} policy={policy} theme={theme} />
    </main>
  );
}

interface ChosenProps { feed: Feed; callId: string | null; who: Session; policy: PolicyShown | null; theme: string }

function Chosen({ feed, callId, who, policy, theme }: ChosenProps) {
  useFeed(feed, 100);
  const found = callId === null ? undefined : feed.calls.get(callId);
  if (!found) return <section class="call" aria-label="Call"><p class="empty">{callId === null ? "Choose a call: it opens here. Keys: j and k move, n goes to the neediest, / finds." : "This call is not here any more."}</p>{callId !== null && <a href="#">← All calls</a>}</section>;
  return <CallView key={found.call_id} call={found} thresholds={feed.thresholds} person={who.person!} roles={who.roles} policy={policy} theme={theme} fresh={feed.state === "live"} />;
}

render(<App />, document.getElementById("app")!);
