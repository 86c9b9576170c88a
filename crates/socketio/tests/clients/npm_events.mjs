// One socket and the server: events, acknowledgements, binary, what it is told about itself.

import { equal, holds, plain } from "./npm.mjs";

const UNICODE = "z\u00fcrich \u{1f600} \u2028\u2029\u20ac \u0000\u001e \"\\/ \u{10ffff} \ufeff";
const VALUES = [
  [], [null], [""], [[]], [{}], [0, -1, 1.5, 1e300, 2 ** 53 - 1], [true, false], [UNICODE],
  [{ [UNICODE]: [UNICODE, { deep: [[[{ er: null }]]] }] }, "x", 7], ["__proto__", "constructor", { toString: 1 }],
  Array.from({ length: 200 }, (_, i) => i),
];
const bytes = (...all) => Buffer.from(all);
const EACH_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const BINARIES = [
  [EACH_BYTE], [bytes()], [bytes(1), "text", bytes(2, 3)], [{ a: [{ b: [{ c: bytes(4) }] }, bytes(5)], d: bytes() }],
  [[[[bytes(6)]]], null, { _placeholder: false, num: 1 }], Array.from({ length: 10 }, (_, i) => bytes(i, 0x1e)),
];

const PI = "3.14159265358979323846";

// With an acknowledgement asked for, none comes; and nothing else.
const WRONG = [
  ["sum"], ["sum", "text"], ["sum", 1], ["sum", [bytes(1)]], ["bytes"], ["bytes", "5"], ["bytes", null],
  ["ask"], ["ask", 5], ["ask", null], ["join"], ["join", 5], ["join", [1]], ["join", { a: 1 }],
  ["leave"], ["leave", 5], ["leave", ["a"]],
  ["to"], ["to", null], ["to", "room"], ["to", {}], ["to", { event: 5 }], ["to", { event: "x", rooms: "all" }],
  ["to", { event: "x", except: [1] }], ["to", { event: "x", args: "y" }], ["to", { event: "x", self: 1 }],
  ["ask-all"], ["ask-all", { timeout: 10 }], ["ask-all", { event: "x", timeout: "y" }],
  ["sockets"], ["sockets", 1], ["sockets", { rooms: 1 }], ["sockets-join", {}], ["sockets-join", { room: 1 }],
  ["sockets-leave", {}], ["sockets-leave", { room: null }],
  ["sockets-disconnect"], ["sockets-disconnect", { close: "yes" }],
  ["disconnect-me"], ["disconnect-me", "yes"], ["burst"], ["burst", "x"], ["burst", 1, 1, 1], ["burst", "x", "1", 1],
  ["binary-burst", "x", 1], ["ticks", "x", 1], ["ticks", "x", 1, "1"], ["volatile"], ["volatile", "x", "1"],
];
// Nobody says what these do, but they end nothing.
const ODD = [
  ["bytes", -1], ["bytes", 1.5], ["burst", "x", -1, 1], ["burst", "x", 1, -1], ["volatile", "x", -1], ["set-data"],
  ["to", { event: "disconnect" }], ["ask", "connect"], ["burst", "newListener", 1, 1], ["volatile", "disconnecting", 1],
  ["ask-all", { event: "x" }], ["to", { event: "", self: false }], ["error"], ["error", "text"],
  ["__proto__"], ["constructor"], ["toString"], ["hasOwnProperty", 1], [""], [UNICODE],
  ["x".repeat(10000)], ["ping"], ["pong"], ["close"], ["end"],
];

export default {
  "auth": async (t) => {
    const namespace = t.namespace();
    for (const auth of [undefined, {}, { token: "secret", [UNICODE]: [1, { x: null }, UNICODE] }]) {
      for (const where of ["/", namespace]) {
        const client = await t.client(where, { auth });
        await client.nothing();
      }
    }
    const called = t.raw("/", { auth: (done) => done({ from: "a function" }) });
    await called.admitted({ from: "a function" });
  },

  "message and message-back": async (t) => {
    const client = await t.client();
    for (const args of [...VALUES, ...BINARIES]) {
      client.emit("message", ...args);
      await client.expect("message-back", ...args);
    }
    client.socket.send("sent", 1);
    await client.expect("message-back", "sent", 1);
  },

  "acknowledgements": async (t) => {
    const client = await t.client();
    for (const args of [...VALUES, ...BINARIES]) equal(await client.ask("message-with-ack", ...args), args, "answer");
    // Nobody asked: nothing comes.
    client.emit("message-with-ack", 1);
    client.emit("rooms");
    // Many at once, each gets its own.
    const many = Array.from({ length: 100 }, (_, i) => client.ask("message-with-ack", i));
    equal(await Promise.all(many), many.map((_, i) => [i]), "answers");
    await client.nothing();
  },

  "echo": async (t) => {
    const client = await t.client(t.namespace());
    for (const args of VALUES) {
      client.emit("echo", ...args);
      await client.expect("echo", ...args);
    }
    if (t.upgrades) await client.upgraded();
    client.emit("echo", UNICODE);
    await client.expect("echo", UNICODE);
  },

  "binary at any depth": async (t) => {
    const client = await t.client(t.namespace());
    for (let round = 0; round < 2; round++) {
      for (const args of BINARIES) {
        client.emit("echo", ...args);
        await client.expect("echo", ...args);
      }
      if (t.upgrades) await client.upgraded();
    }
  },

  // The limit is 1,000,000 for a message, in polling after base64.
  "a megabyte": async (t) => {
    const client = await t.client();
    const large = [
      "x".repeat(999_000), "\u20ac".repeat(333_000), Buffer.alloc(t.polling ? 749_000 : 1_000_000, "abcdefg"),
      Array.from({ length: 90_000 }, (_, i) => 100_000 + i),
    ];
    if (t.upgrades) await client.upgraded();
    for (const one of large) {
      client.emit("echo", one);
      await client.expect("echo", one);
      equal(await client.ask("message-with-ack", one), [one], "answer");
    }
  },

  "sum": async (t) => {
    const client = await t.client();
    for (const size of [0, 1, 255, 65_536, 700_000]) {
      const data = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) % 256));
      const sum = data.reduce((all, one) => all + one, 0);
      equal(await client.ask("sum", data), [{ length: size, sum }], "answer");
    }
  },

  "bytes": async (t) => {
    const client = await t.client();
    for (const size of [0, 1, 125, 126, 251, 252, 65_535, 65_536, 2_000_000]) {
      const [data, ...more] = await client.ask("bytes", size);
      equal(more, [], "more arguments");
      const buffer = plain(data);
      holds(Buffer.isBuffer(buffer), "the answer is not binary");
      holds(buffer.equals(Buffer.from(Array.from({ length: size }, (_, i) => i % 251))), `not those ${size} bytes`);
    }
  },

  "whoami": async (t) => {
    const query = { token: "a b&c=d/\u00fc+%", empty: "" };
    const auth = { token: [1, { x: UNICODE }] };
    for (const nsp of ["/", t.namespace()]) {
      const client = await t.client(nsp, { query, auth });
      if (t.upgrades) await client.upgraded();
      // The client upgrades when the server has agreed, and says so afterwards.
      const ask = async () => (await client.ask("whoami"))[0];
      const me = await ask();
      const { token, empty, EIO } = me.query;
      equal({ token, empty, EIO }, { ...query, EIO: "4" }, "query");
      equal(me.query.transport, t.transports[0], "the parameter transport");
      const { id } = client;
      const wanted = { id, nsp, transport: t.transports.at(-1), recovered: false, auth, query: me.query, data: {} };
      equal(me, wanted, "answer");
      holds(id !== client.socket.io.engine.id, "the id is that of the session, which is a secret");
      equal(await client.ask("set-data", { x: [1] }), [], "set-data");
      equal(await ask(), { ...wanted, data: { value: { x: [1] } } }, "with data");
    }
  },

  "set-data": async (t) => {
    const client = await t.client();
    for (const value of [null, 0, "", false, [1, [2]], { a: { b: UNICODE } }, UNICODE]) {
      equal(await client.ask("set-data", value), [], "answer");
      equal((await client.ask("whoami"))[0].data, { value }, "data");
    }
    const other = await t.client();
    equal((await other.ask("whoami"))[0].data, {}, "data of another");
  },

  "ask": async (t) => {
    const client = await t.client(t.namespace());
    const question = client.ask("ask", "question", 1, { a: UNICODE }, bytes(1, 2));
    let answer;
    client.socket.on("question", (...args) => (answer = args.pop()));
    await client.expect("question", 1, { a: UNICODE }, bytes(1, 2));
    answer("yes", [bytes(3)], null, bytes());
    equal(await question, ["ok", "yes", [bytes(3)], null, bytes()], "answer");

    client.answers("quick");
    client.answers("again", { x: 1 });
    equal(await client.ask("ask", "quick"), ["ok"], "an answer without values");
    // Twice answered is once answered.
    client.socket.on("again", (...args) => args.pop()("a second time"));
    const several = Array.from({ length: 20 }, () => client.ask("ask", "again"));
    for (const one of await Promise.all(several)) equal(one, ["ok", { x: 1 }], "answer");
    await client.nothing();
  },

  "ask, not answered": async (t) => {
    const client = await t.client();
    const [silent, other] = [client.ask("ask", "silent"), client.ask("ask", "late")];
    let late;
    client.socket.on("late", (...args) => (late = args.pop()));
    await client.expect("silent");
    await client.expect("late");
    equal(await silent, ["timeout"], "answer");
    equal(await other, ["timeout"], "answer");
    late("too late");
    await client.nothing();
  },

  "arguments of other types do nothing": async (t) => {
    const client = await t.client(t.namespace());
    const answered = [];
    for (const args of WRONG) client.socket.emit(...args, () => answered.push(args));
    await client.nothing();
    for (const args of ODD) client.socket.emit(...args, () => {});
    await client.ask("message-with-ack", PI);
    client.take();
    equal(answered, [], "answered");
    equal(await client.ask("rooms"), [[client.id]], "rooms");
  },

  "other names do nothing, and any-log": async (t) => {
    const client = await t.client(t.namespace());
    equal(await client.ask("any-log"), [[]], "at first");
    const names = ["unknown", "message-with-ack", "Message", UNICODE, "", "echo ", "blocked", "any log", "connect "];
    for (const name of names) client.emit(name, 1);
    await client.expect("blocked-error", { message: "blocked" });
    equal(await client.ask("any-log"), [names], "names");
    equal(await client.ask("any-log"), [names], "any-log itself is not in it");
    for (let i = 0; i < 120; i++) client.emit(`n${i}`, bytes(i));
    equal(await client.ask("any-log"), [Array.from({ length: 100 }, (_, i) => `n${i + 20}`)], "the last 100");
    await client.nothing();
  },

  "blocked": async (t) => {
    const client = await t.client(t.namespace());
    client.socket.emit("blocked", 1, bytes(2), () => client.emit("reached"));
    await client.expect("blocked-error", { message: "blocked" });
    client.emit("blocked");
    client.emit("message", "behind it");
    await client.expect("blocked-error", { message: "blocked" });
    await client.expect("message-back", "behind it");
    equal(await client.ask("any-log"), [["blocked", "blocked", "message"]], "names");
  },

  "out-log": async (t) => {
    const [client, other] = await t.clients(2, t.namespace());
    client.answers("question", 1);
    client.emit("echo", bytes(1));
    await client.expect("echo", bytes(1));
    await client.ask("ask", "question");
    await other.ask("to", { event: "to all" });
    await other.ask("to", { rooms: [client.id], event: "to one", args: [1] });
    await client.expect("to all");
    await client.expect("to one", 1);
    client.emit("blocked");
    await client.expect("blocked-error", { message: "blocked" });
    const names = ["auth", "echo", "question", "to all", "to one", "blocked-error"];
    equal(await client.ask("out-log"), [names], "names");
    equal(await other.ask("out-log"), [["auth"]], "names of the other");
    await client.ask("burst", "b", 99, 1);
    client.take();
    equal(await client.ask("out-log"), [["blocked-error", ...Array(99).fill("b")]], "the last 100");
  },
};
