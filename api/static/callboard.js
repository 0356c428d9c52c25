/**
 * Callboard's live socket for browsers. One file, no dependency, an ES module.
 *
 *   import { Callboard } from "/js/callboard.js";
 *
 *   const board = new Callboard("wss://example.org/v1/live", {
 *     ticket: async () => (await (await fetch("/my/ticket")).json()).ticket,
 *   });
 *   const door = board.subscribe("door/1", {
 *     onState: (state, at) => draw(state),
 *     onEvent: (event) => console.log(event.name, event.data),
 *   });
 *   const shown = await board.command("door/1", "open", { code: "1234" });
 *
 * What it does for you: it reconnects with jitter, resumes every topic at its last (epoch,
 * version), applies patches, answers pings, notices silent loss, and sends commands that had no
 * answer again under the same key, so that they are carried out once. A listener that throws
 * disturbs nobody else: the error is reported as an uncaught one.
 *
 * Who you are: `ticket` (a string or a function, asked before each connection; fetch it with your
 * key from `POST /v1/tickets`), or `token` (a string or a function), or `project` to listen to
 * what a project shows everybody.
 */

const PROTOCOL = "callboard.v1.json";
const BACK_MS_MIN = 250;
const BACK_MS_MAX = 20_000;
const SILENCE_FACTOR = 1.6;

/** A refused command or subscription; `problem` is the RFC 9457 document. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail || problem.title || problem.code || "refused");
    this.name = "Refused";
    this.problem = problem;
  }
}

/** The server does not want us back; `code` is the close code. */
export class Closed extends Error {
  constructor(code) {
    super(`the live socket was closed for good: ${code}`);
    this.name = "Closed";
    this.code = code;
  }
}

/** Apply an RFC 6902 patch; the value that went in is left as it was. */
export function applyPatch(value, operations) {
  let result = structuredClone(value);
  for (const operation of operations) result = applyOne(result, operation);
  return result;
}

function applyOne(value, { op, path, from, value: given }) {
  const to = parts(path);
  switch (op) {
    case "add":
      return add(value, to, structuredClone(given));
    case "remove":
      return remove(value, to);
    case "replace":
      look(value, to);
      return add(remove(value, to), to, structuredClone(given));
    case "move": {
      const moved = look(value, parts(from));
      return add(remove(value, parts(from)), to, moved);
    }
    case "copy":
      return add(value, to, structuredClone(look(value, parts(from))));
    case "test":
      if (JSON.stringify(look(value, to)) !== JSON.stringify(given)) throw new Error("test failed");
      return value;
  }
  throw new Error(`there is no operation ${op}`);
}

function parts(pointer) {
  if (pointer === "") return [];
  return pointer.slice(1).split("/").map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"));
}

function look(value, path) {
  for (const part of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, part)) {
      throw new Error(`there is nothing at ${part}`);
    }
    value = value[part];
  }
  return value;
}

function add(value, path, given) {
  if (path.length === 0) return given;
  const parent = look(value, path.slice(0, -1));
  const last = path[path.length - 1];
  if (Array.isArray(parent)) {
    const index = last === "-" ? parent.length : Number(last);
    if (!(index <= parent.length)) throw new Error("beyond the end");
    parent.splice(index, 0, given);
  } else if (parent !== null && typeof parent === "object") {
    // never through a setter: a member may be called __proto__
    Object.defineProperty(parent, last, {
      value: given, writable: true, enumerable: true, configurable: true,
    });
  } else {
    throw new Error("nothing can be added there");
  }
  return value;
}

function remove(value, path) {
  if (path.length === 0) return null;
  look(value, path);
  const parent = look(value, path.slice(0, -1));
  const last = path[path.length - 1];
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return value;
}

/** One topic. `state`, `epoch` and `version` say where it stands. */
class Subscription {
  constructor(board, topic, options) {
    this.board = board;
    this.topic = topic;
    this.options = options;
    this.mode = options.mode || "snapshot";
    this.state = undefined;
    this.epoch = options.at ? options.at.epoch : "";
    this.version = options.at ? options.at.version : -1;
  }

  /** Hear no more. */
  close() {
    this.board._forget(this);
  }

  _frame() {
    const frame = { t: "sub", id: this.topic, topic: this.topic };
    if (this.mode !== "snapshot") frame.mode = this.mode;
    else if (this.options.onState) frame.delta = this._delta();
    if (this.version >= 0) frame.at = { epoch: this.epoch, version: this.version };
    return frame;
  }

  _delta() {
    return this.options.onEvent ? ["jsonpatch", "data"] : ["jsonpatch"];
  }

  _startOver() {
    this.version = -1;
    this.board._say(this._frame());
  }

  _hear(frame) {
    if (frame.t === "subd") this._subscribed(frame);
    else if (frame.t === "ev") this._told(frame);
    else if (frame.t === "eph") this._tell("onPassing", frame.name, frame.data);
  }

  _subscribed(frame) {
    if (frame.recovered) return;
    this.epoch = frame.epoch;
    this.version = frame.version;
    this.state = frame.state;
    if ("state" in frame) this._tell("onState", this.state, this._at());
    this._tell("onSnapshot", this.state, this._at());
  }

  _told(frame) {
    if (frame.epoch === this.epoch && frame.version <= this.version) return;
    const dense = this.mode !== "latest" && !("actor" in frame);
    if (dense && frame.version !== this.version + 1) {
      this.board._say(this._frame());
      return;
    }
    try {
      if ("patch" in frame) this.state = applyPatch(this.state, frame.patch);
    } catch {
      this._startOver();
      return;
    }
    if ("state" in frame) this.state = frame.state;
    this.epoch = frame.epoch;
    this.version = frame.version;
    this._tell("onEvent", frame);
    if ("patch" in frame || "state" in frame) this._tell("onState", this.state, this._at());
  }

  _at() {
    return { epoch: this.epoch, version: this.version };
  }

  _tell(name, ...values) {
    call(this.options[name], ...values);
  }
}

/**
 * A connection that comes back by itself.
 *
 * Options: `ticket`, `token`, `project` (who you are), `client` (a name for the server's log),
 * `onStatus(status)` with `connecting`, `open`, `waiting` or `closed`, `WebSocket` (a constructor,
 * where there is no global one).
 */
export class Callboard {
  constructor(url, options = {}) {
    this.url = url;
    this.options = options;
    this.status = "";
    this._subscriptions = new Map();
    this._orders = new Map();
    this._number = 0;
    this._backMs = 0;
    this._socket = null;
    this._isOpen = false;
    this._error = null;
    this._connect();
  }

  /**
   * Listen to a topic. Options: `onState(state, at)`, `onEvent(frame)`, `onSnapshot(state, at)`,
   * `onPassing(name, data)`, `onError(error)`, `mode` (`snapshot`, `events`, `latest`), and `at`
   * (`{epoch, version}`) to go on from an earlier visit.
   *
   * Events are told before the state they led to. With `onState`, what was missed in a gap comes
   * as a new state and `onSnapshot`; without it, event by event. In mode `latest` events have no
   * `data`. A Callboard hears a topic once: whoever needs it in two modes opens two.
   */
  subscribe(topic, options = {}) {
    if (this._error) throw this._error;
    if (this._subscriptions.has(topic)) {
      throw new Error(`${topic} is already heard here: close that subscription, or open another Callboard`);
    }
    const subscription = new Subscription(this, topic, options);
    this._subscriptions.set(topic, subscription);
    this._say(subscription._frame());
    return subscription;
  }

  /** Have an actor carry out a command, once; resolves to what it shows afterwards. */
  command(topic, name, data = {}, { key = newKey() } = {}) {
    if (this._error) return Promise.reject(this._error);
    const id = ++this._number;
    const frame = { t: "cmd", id, topic, name, data, key };
    return new Promise((resolve, reject) => {
      this._orders.set(id, { frame, resolve, reject });
      this._say(frame);
    });
  }

  /** Leave, for good. */
  close() {
    this._finish(new Closed(1000));
    if (this._socket) this._socket.close(1000);
  }

  // --- the connection

  async _connect() {
    if (this._error) return;
    this._setStatus("connecting");
    let hello;
    try {
      hello = await this._greeting();
    } catch {
      this._comeBack();
      return;
    }
    if (this._error) return;
    const Socket = this.options.WebSocket || globalThis.WebSocket;
    const socket = new Socket(this.url, [PROTOCOL]);
    this._socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(hello));
    socket.onmessage = (message) => {
      if (socket === this._socket) this._read(message.data);
    };
    socket.onclose = (event) => {
      if (socket === this._socket) this._closed(event.code);
    };
    socket.onerror = () => {};
  }

  async _greeting() {
    const { ticket, token, project = "", client = "callboard.js" } = this.options;
    if (ticket) return { t: "auth", ticket: await ask(ticket) };
    if (token) return { t: "auth", token: await ask(token) };
    return { t: "hello", project, client };
  }

  _read(text) {
    const decoded = JSON.parse(text);
    for (const frame of Array.isArray(decoded) ? decoded : [decoded]) this._hear(frame);
  }

  _hear(frame) {
    switch (frame.t) {
      case "welcome":
        return this._welcomed(frame);
      case "ping":
        return this._pinged(frame);
      case "res":
        return this._answered(frame);
      case "bye":
        this._backMs = frame.retry_ms;
        return;
      case "err":
      case "unsubd":
        return this._refused(frame);
      default:
        this._subscriptions.get(frame.topic)?._hear(frame);
    }
  }

  _welcomed(frame) {
    this._isOpen = true;
    this._backMs = 0;
    this._pingMs = frame.ping_ms;
    this._listenForSilence();
    this._setStatus("open");
    for (const subscription of this._subscriptions.values()) this._say(subscription._frame());
    for (const order of this._orders.values()) this._say(order.frame);
  }

  _pinged(frame) {
    this._listenForSilence();
    this._say({ t: "pong" });
    for (const [topic, version] of Object.entries(frame.at || {})) {
      const subscription = this._subscriptions.get(topic);
      if (subscription && subscription.version >= 0 && subscription.version < version) {
        this._say(subscription._frame());
      }
    }
  }

  _answered(frame) {
    const order = this._orders.get(frame.id);
    if (!order) return;
    this._orders.delete(frame.id);
    if (frame.ok) order.resolve(frame.data);
    else order.reject(new Refused(frame.problem));
  }

  _refused(frame) {
    if (frame.code === "asked") return;
    const topic = frame.topic || frame.problem?.topic;
    const subscription = this._subscriptions.get(topic);
    if (!subscription) return;
    this._subscriptions.delete(topic);
    subscription._tell("onError", new Refused(frame.problem || { code: frame.code }));
  }

  _forget(subscription) {
    if (this._subscriptions.get(subscription.topic) !== subscription) return;
    this._subscriptions.delete(subscription.topic);
    this._say({ t: "unsub", topic: subscription.topic });
  }

  _say(frame) {
    if (this._isOpen) this._socket.send(JSON.stringify(frame));
  }

  // --- coming back

  _closed(code) {
    this._isOpen = false;
    this._socket = null;
    clearTimeout(this._silence);
    if (code >= 4400 && code < 4500) this._finish(new Closed(code));
    else if (!this._error) this._comeBack();
  }

  _comeBack() {
    const wait = this._backMs || BACK_MS_MIN;
    this._backMs = Math.min(BACK_MS_MAX, wait * 2);
    this._setStatus("waiting");
    this._timer = setTimeout(() => this._connect(), wait * (0.5 + Math.random() / 2));
  }

  _listenForSilence() {
    clearTimeout(this._silence);
    const socket = this._socket;
    this._silence = setTimeout(() => {
      if (socket !== this._socket) return;
      this._closed(4508);
      socket.close();
    }, this._pingMs * SILENCE_FACTOR);
  }

  _finish(error) {
    if (this._error) return;
    this._error = error;
    clearTimeout(this._timer);
    clearTimeout(this._silence);
    for (const subscription of this._subscriptions.values()) subscription._tell("onError", error);
    for (const order of this._orders.values()) order.reject(error);
    this._subscriptions.clear();
    this._orders.clear();
    this._setStatus("closed");
  }

  _setStatus(status) {
    this.status = status;
    call(this.options.onStatus, status);
  }
}

/** Call a page's listener. What it throws is the page's, and is reported as such: we go on. */
function call(listener, ...values) {
  try {
    listener?.(...values);
  } catch (error) {
    if (globalThis.reportError) globalThis.reportError(error);
    else setTimeout(() => { throw error; });
  }
}

function ask(value) {
  return typeof value === "function" ? value() : value;
}

function newKey() {
  if (globalThis.crypto?.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
