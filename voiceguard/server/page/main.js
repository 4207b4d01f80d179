/** Signs in, follows the feed and shows the list and the chosen call. */

import { Feed } from "./feed.js";
import { callLink, callList } from "./list.js";
import { CallView } from "./call.js";

const KEY = "voiceguard.key", THEME = "voiceguard.theme";
const FEED_WORDS = { connecting: "Connecting…", live: "Live", lost: "Disconnected, trying again…", refused: "Signed out" };
const $ = (id) => document.getElementById(id);
const view = new CallView($("call"), answerHandover);
const feed = new Feed(schedule, feedState);
let drawn = 0;

function schedule() {
  if (!drawn) drawn = requestAnimationFrame(draw);
}

function draw() {
  drawn = 0;
  const chosen = [...feed.calls.values()].find((call) => callLink(call) === location.hash);
  const focused = document.activeElement?.closest?.(".item")?.getAttribute("href");
  $("list").replaceChildren(...callList(feed.calls.values(), chosen));
  if (focused) [...$("list").querySelectorAll(".item")].find((item) => item.getAttribute("href") === focused)?.focus();
  $("console").dataset.view = chosen ? "call" : "list";
  view.show(chosen, feed.thresholds);
}

async function answerHandover(actionId, verdict, reason) {
  const response = await fetch(new URL(`../v1/actions/${encodeURIComponent(actionId)}/handover`, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem(KEY)}` },
    body: JSON.stringify({ verdict, reason }),
  });
  if (response.ok) return;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.title ?? `The server answered ${response.status}.`);
}

function feedState(state) {
  $("feed").dataset.feed = state;
  $("feed").textContent = FEED_WORDS[state];
  const signedIn = state !== "refused";
  $("console").dataset.feed = state;
  $("sign-in").hidden = signedIn;
  $("console").hidden = $("sign-out").hidden = !signedIn;
  if (state === "refused") {
    sessionStorage.removeItem(KEY);
    $("sign-in-error").textContent = "This key was not accepted.";
    $("key").focus();
  }
}

function signOut() {
  feed.close();
  feed.calls.clear();
  sessionStorage.removeItem(KEY);
  feedState("refused");
  $("sign-in-error").textContent = "";
  schedule();
}

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
}

$("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("key").value.trim());
  $("key").value = $("sign-in-error").textContent = "";
  feed.open(sessionStorage.getItem(KEY));
});
$("sign-out").addEventListener("click", signOut);
$("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  localStorage.setItem(THEME, dark ? "light" : "dark");
  theme(localStorage.getItem(THEME));
});
addEventListener("hashchange", schedule);
addEventListener("resize", schedule);

theme(localStorage.getItem(THEME) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
if (sessionStorage.getItem(KEY)) feed.open(sessionStorage.getItem(KEY));
else signOut();
