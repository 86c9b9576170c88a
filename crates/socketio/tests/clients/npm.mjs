// npm's modules, from the folder into which `run` has installed them, and what all checks in JavaScript share.

import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

export const require = createRequire(new URL("../../../../target/socketio-clients/", import.meta.url));

// The packages of the client, by their versions.
export const VERSIONS = { "4.8": "socket.io-client", "4.0": "c40", "3": "c3" };
export const SETS = [["polling", "websocket"], ["polling"], ["websocket"]];

// The arguments of a check: NAME=VALUE.
export const given = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split("=")));

// A watchdog: no machine is so slow.
export const WATCHDOG = 120_000;

// What is promised, or an error when the watchdog bites.
export const within = (promise, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing for ${WATCHDOG / 1000} s: ${what}`)), WATCHDOG);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks until the answer is neither false nor undefined.
export const until = async (question, what) => {
  let over = false;
  const ask = async () => {
    while (!over) {
      const answer = await question();
      if (answer !== false && answer !== undefined) return answer;
      await pause(20);
    }
  };
  return within(ask(), what).finally(() => (over = true));
};

// Binary has several types, by client and transport.
export const plain = (value) => {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  }
  return value;
};

const shown = (value) => {
  const long = JSON.stringify(value, (_, one) => (typeof one === "function" ? "(a function)" : one)) ?? "undefined";
  return long.length > 300 ? `${long.slice(0, 300)}... (${long.length})` : long;
};

export const equal = (got, wanted, what = "") => {
  if (!isDeepStrictEqual(plain(got), plain(wanted))) throw new Error(`${what}: ${shown(got)}, not ${shown(wanted)}`);
};

export const holds = (condition, what) => {
  if (!condition) throw new Error(what);
};

// One socket, all that happens to it in one order: [name, ...arguments] for an event, and for what the client
// says itself ["(connect)"], ["(disconnect)", reason], ["(connect_error)", message, data].
export class Client {
  #arrived = [];
  #waiting = null;
  #quiet = new Set();

  constructor(socket) {
    this.socket = socket;
    this.engine = socket.io.engine;
    socket.onAny((name, ...args) => {
      if (!this.#quiet.has(name)) this.#put([name, ...args.filter((one) => typeof one !== "function")]);
    });
    socket.on("connect", () => this.#put(["(connect)"]));
    socket.on("disconnect", (reason, details) => {
      // Of a WebSocket, and told by newer clients only.
      this.closeCode = details?.context?.code;
      this.#put(["(disconnect)", reason]);
    });
    socket.on("connect_error", (error) => this.#put(["(connect_error)", error.message, error.data]));
  }

  get id() {
    return this.socket.id;
  }

  #put(one) {
    if (this.#waiting === null) return this.#arrived.push(one);
    this.#waiting(one);
    this.#waiting = null;
  }

  async next(what = "an event") {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    return within(new Promise((resolve) => (this.#waiting = resolve)), what);
  }

  // The very next that happens.
  async expect(...wanted) {
    equal(await this.next(shown(wanted)), wanted, "event");
  }

  // What has arrived and was not yet asked for.
  take() {
    return this.#arrived.splice(0);
  }

  // Events of that name are not among those that `next` hands out.
  ignore(name) {
    this.#quiet.add(name);
  }

  // How this client answers when it is asked `name`.
  answers(name, ...values) {
    this.ignore(name);
    this.socket.on(name, (...args) => args.at(-1)(...values));
  }

  emit(...args) {
    this.socket.emit(...args);
  }

  // The list of arguments of the acknowledgement.
  ask(...args) {
    const answer = new Promise((resolve) => this.socket.emit(...args, (...values) => resolve(values)));
    return within(answer, `the acknowledgement of ${shown(args)}`);
  }

  // There and back: all that was under way before has arrived, and it was nothing.
  async nothing() {
    equal(await this.ask("message-with-ack", "nothing"), ["nothing"], "answer");
    equal(this.take(), [], "nothing should have come");
  }

  async admitted(auth) {
    await this.expect("(connect)");
    await this.expect("auth", auth ?? {});
    return this;
  }

  upgraded() {
    const { engine } = this.socket.io;
    return until(() => engine.transport.name === "websocket", "the upgrade");
  }
}

// The log of the server, as the namespace `/admin` tells it.
export class Admin {
  constructor(io, port) {
    const options = { transports: ["websocket"], forceNew: true };
    this.client = new Client(io(`http://127.0.0.1:${port}/admin`, options));
  }

  async log() {
    return (await this.client.ask("log"))[0];
  }

  async clients() {
    return (await this.client.ask("clients"))[0];
  }

  // What the log has of the socket with that id, when its end is there.
  ended(id) {
    return until(async () => {
      const entries = (await this.log()).filter((entry) => entry.id === id);
      return entries.at(-1)?.event === "disconnect" && entries;
    }, "the end of the socket in the log");
  }
}

// What a check gets: clients of one version with one set of transports, closed at its end.
export class Bench {
  static #namespaces = 0;
  #clients = [];

  constructor(version, transports, first) {
    this.io = require(VERSIONS[version]).io;
    this.version = version;
    this.transports = transports;
    this.polling = transports.at(-1) === "polling";
    this.upgrades = transports.length > 1;
    this.first = first;
  }

  // A namespace that nobody else uses.
  namespace() {
    return `/dynamic-${this.first}${String(Bench.#namespaces++).padStart(4, "0")}`;
  }

  // A client with a connection of its own.
  raw(namespace = "/", options = {}, port = given.plain) {
    const all = { transports: this.transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50 };
    return this.#keep(new Client(this.io(`http://127.0.0.1:${port}${namespace}`, { ...all, ...options })));
  }

  // The same, admitted.
  client(namespace, options, port) {
    return this.raw(namespace, options, port).admitted(options?.auth);
  }

  clients(count, namespace, options) {
    return Promise.all(Array.from({ length: count }, () => this.client(namespace, options)));
  }

  // Another namespace over the connection of `client`.
  beside(client, namespace, options) {
    return this.#keep(new Client(client.socket.io.socket(namespace, options)));
  }

  admin(port = given.plain) {
    const admin = new Admin(this.io, port);
    this.#keep(admin.client);
    return admin;
  }

  #keep(client) {
    this.#clients.push(client);
    return client;
  }

  close() {
    for (const { socket } of this.#clients) {
      socket.io.reconnection(false);
      socket.disconnect();
      socket.io.engine?.close();
    }
  }

  // For each client: nothing has come that the check did not ask for.
  settled() {
    for (const client of this.#clients) {
      equal(client.take().filter(([name]) => name !== "(connect)"), [], "more has come than was asked for");
    }
  }
}

let failed = false;

export const report = async (name, check) => {
  try {
    await check();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL ${name}: ${error.message}`);
  }
};

export const finish = () => process.exit(failed ? 1 : 0);
