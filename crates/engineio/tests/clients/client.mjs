// npm's client against a server that sends every message back, with each set of transports.
//
//     node client.mjs plain=PORT patient=PORT quick=PORT close-npm=PORT pid=PID
//
// The server `quick` pings after 300 ms, `patient` not within the hour; PID is the server of `close-npm`, which
// is ended here.

import { given, require, within } from "./npm.mjs";

const { Socket } = require("engine.io-client");

const SETS = [["polling", "websocket"], ["polling"], ["websocket"]];

class Client {
  #arrived = [];
  #waiting = null;
  #failure = null;

  constructor(port, transports, query = {}) {
    this.socket = new Socket(`ws://127.0.0.1:${port}`, { transports, query });
    this.upgraded = new Promise((resolve) => this.socket.once("upgrade", resolve));
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
    this.opened = new Promise((resolve, reject) => {
      this.socket.once("open", resolve);
      this.socket.once("error", reject);
    });
    this.socket.on("message", (data) => this.#settle(data));
    this.closed.then((reason) => {
      this.#failure = new Error(`closed: ${reason}`);
      this.#waiting?.reject(this.#failure);
    });
  }

  #settle(data) {
    if (this.#waiting === null) return this.#arrived.push(data);
    this.#waiting.resolve(data);
    this.#waiting = null;
  }

  // The next message. This client says `undefined` for an empty text.
  async next() {
    if (this.#arrived.length > 0) return this.#arrived.shift() ?? "";
    if (this.#failure !== null) throw this.#failure;
    const promise = new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
    return (await within(promise, "a message")) ?? "";
  }

  // Sends it, and wants the same back: text as text, binary as binary.
  async echoes(data) {
    this.socket.send(data);
    const back = await this.next();
    const [sent, got] = [data, back].map((one) => (typeof one === "string" ? one : Buffer.from(one)));
    const same = typeof sent === "string" ? sent === got : Buffer.isBuffer(got) && sent.equals(got);
    if (!same) throw new Error(`sent ${described(sent)}, got ${described(got)}`);
  }

  async close() {
    this.socket.close();
    await within(this.closed, "the close event");
  }
}

const described = (data) => {
  const shown = typeof data === "string" ? JSON.stringify(data) : `binary ${data.toString("hex")}`;
  return `${shown.slice(0, 80)} (${data.length})`;
};

const equal = (got, wanted, what) => {
  if (got !== wanted) throw new Error(`${what}: ${got}, not ${wanted}`);
};

// What the server says of a session: nothing changes by asking with a method that sessions do not have.
const sessionEnds = async (port, sid) => {
  const target = `http://127.0.0.1:${port}/engine.io/?EIO=4&transport=polling&sid=${sid}`;
  for (;;) {
    const response = await fetch(target, { method: "PUT" });
    const body = await response.text();
    if (body.includes('"code":1')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

// One client for the length of a check.
const on = (port, transports, check, query) => async () => {
  const client = new Client(port, transports, query);
  try {
    await within(client.opened, "the open event");
    await check(client);
  } finally {
    client.socket.close();
  }
};

const TEXTS = ["hello", "", "z\u00fcrich \u{1f600} \u2028 \u2029 \u20ac \u0000 \"\\ \u{10ffff}", "4", "b", "bAQID"];
const BINARIES = [Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.alloc(0), Buffer.from([0x1e, 0x34])];

const checks = (transports) => {
  const upgrades = transports.length > 1;
  const end = transports.at(-1);
  const settled = (client) => upgrades && within(client.upgraded, "the upgrade event");

  return {
    "texts come back": on(given.plain, transports, async (client) => {
      for (const text of TEXTS) await client.echoes(text);
      await settled(client);
      for (const text of TEXTS) await client.echoes(text);
      equal(client.socket.transport.name, end, "the transport");
    }),
    "binary comes back": on(given.plain, transports, async (client) => {
      for (const bytes of BINARIES) await client.echoes(bytes);
      await settled(client);
      for (const bytes of BINARIES) await client.echoes(bytes);
    }),
    // The limit is 1,000,000: with the digit of the packet, and in polling after base64.
    "large messages come back": on(given.plain, transports, async (client) => {
      await settled(client);
      const polling = end === "polling";
      await client.echoes("x".repeat(polling ? 900_000 : 999_999));
      await client.echoes("\u20ac".repeat(300_000));
      await client.echoes(Buffer.alloc(polling ? 600_000 : 1_000_000, "abc"));
    }),
    "500 messages come back in order": on(given.plain, transports, async (client) => {
      for (let i = 0; i < 500; i++) client.socket.send(i % 5 === 0 ? Buffer.from(`m${i}`) : `m${i}`);
      for (let i = 0; i < 500; i++) {
        equal(Buffer.from(await client.next()).toString(), `m${i}`, `message ${i}`);
      }
      await settled(client);
      await client.echoes("the last one");
    }),
    "a parameter of the user does no harm": on(
      given.plain, transports, (client) => client.echoes("hello"), { token: "a b&c=d/\u00fc", sids: "1" },
    ),
    "the client stays for six pings": async () => {
      // The heartbeat is short, so a machine that stops for a moment may rightly lose the session. A server
      // that does not take an answer for one loses it each time.
      for (let attempt = 1; ; attempt++) {
        try {
          return await on(given.quick, transports, async (client) => {
            let pings = 0;
            const six = new Promise((resolve) => client.socket.on("ping", () => ++pings === 6 && resolve()));
            const lost = client.closed.then((reason) => Promise.reject(new Error(`closed: ${reason}`)));
            await within(Promise.race([six, lost]), "six pings");
            await client.echoes("still here");
          })();
        } catch (error) {
          if (attempt === 5) throw error;
        }
      }
    },
    "the client closes, and the session ends": on(given.patient, transports, async (client) => {
      await client.echoes("hello");
      await settled(client);
      await client.close();
      await within(sessionEnds(given.patient, client.socket.id), "the end of the session");
    }),
  };
};

let failed = false;
const report = async (name, check) => {
  try {
    await check();
    console.log(`ok   npm ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL npm ${name}: ${error.message} ${error.description ?? ""}`);
  }
};

await Promise.all(SETS.map(async (transports) => {
  for (const [name, check] of Object.entries(checks(transports))) {
    await report(`${transports.join("+")}: ${name}`, check);
  }
}));

await report("the server ends: each client sees a close event", async () => {
  const clients = SETS.map((transports) => new Client(given["close-npm"], transports));
  for (const client of clients) {
    await within(client.opened, "the open event");
    await client.echoes("hello");
  }
  await within(clients[0].upgraded, "the upgrade event");
  process.kill(Number(given.pid), "SIGTERM");
  await within(Promise.all(clients.map((client) => client.closed)), "a close event");
});

process.exit(failed ? 1 : 0);
