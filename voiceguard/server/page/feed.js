/** The live feed: signs in with the first message, keeps the calls current, comes back after a break. */

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const REFUSED = 1008;

export class Feed {
  constructor(onChange, onState) {
    this.calls = new Map();
    this.onChange = onChange;
    this.onState = onState;
    this.attempt = 0;
  }

  open(key) {
    this.close();
    if (key !== this.key) this.attempt = 0;
    this.key = key;
    const url = new URL("../v1/live", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    if (!this.attempt) this.onState("connecting");
    socket.onopen = () => socket.send(JSON.stringify({ type: "authenticate", key }));
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      if (code === REFUSED) return this.onState("refused");
      this.onState("lost");
      const wait = RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)];
      this.timer = setTimeout(() => this.open(this.key), wait);
    };
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
  }

  #receive(message) {
    if (message.type === "snapshot") {
      this.attempt = 0;
      this.thresholds = message.thresholds;
      this.calls = new Map(message.calls.map((call) => [call.call_id, call]));
      this.onState("live");
    } else if (message.type === "call") {
      this.#merge(message.call);
    } else if (message.type === "forget") {
      this.calls.delete(message.call_id);
    }
    this.onChange();
  }

  /** A change brings the whole head of a call, and of its two lists only what is new. */
  #merge(change) {
    const known = this.calls.get(change.call_id);
    const line = known ? known.line.slice(0, change.line_from).concat(change.line) : change.line;
    const events = known ? known.events.slice(0, change.events_from).concat(change.events) : change.events;
    this.calls.set(change.call_id, { ...change, line, events });
  }
}
