// Rooms, broadcasts, and acts on several sockets at once.

import { equal } from "./npm.mjs";

// Each of `wanted` gets exactly one `name`, and then nothing more is under way to anybody.
const only = async (clients, wanted, name, ...args) => {
  for (const client of wanted) await client.expect(name, ...args);
  for (const client of clients) await client.nothing();
};

const sorted = (...rooms) => rooms.sort();

export default {
  "join, leave, rooms": async (t) => {
    const [client, other] = await t.clients(2, t.namespace());
    const rooms = async (one) => (await one.ask("rooms"))[0];
    equal(await rooms(client), [client.id], "at first");
    equal(await client.ask("join", "b"), [], "join");
    equal(await client.ask("join", ["a", "\u00fc \u{1f600}", ""]), [], "join");
    equal(await client.ask("join", "b"), [], "join twice");
    equal(await client.ask("join", []), [], "join nothing");
    equal(await rooms(client), sorted(client.id, "a", "b", "\u00fc \u{1f600}", ""), "rooms");
    equal(await rooms(other), [other.id], "rooms of the other");
    equal(await client.ask("leave", "a"), [], "leave");
    equal(await client.ask("leave", "unknown"), [], "leave a room that is not there");
    equal(await client.ask("leave", ""), [], "leave");
    equal(await rooms(client), sorted(client.id, "b", "\u00fc \u{1f600}"), "rooms");
    // Also the room of its own id can be left.
    equal(await client.ask("leave", client.id), [], "leave");
    equal(await rooms(client), sorted("b", "\u00fc \u{1f600}"), "rooms");
    await other.ask("to", { rooms: [client.id], event: "x" });
    await client.nothing();
  },

  "to all": async (t) => {
    const clients = await t.clients(3, t.namespace());
    const [sender, ...others] = clients;
    const stranger = await t.client(t.namespace());
    equal(await sender.ask("to", { event: "x", args: [1, { a: Buffer.from("b") }], self: true }), [], "answer");
    await only(clients, clients, "x", 1, { a: Buffer.from("b") });
    await sender.ask("to", { event: "x" });
    await only(clients, others, "x");
    await sender.ask("to", { event: "x", args: ["y"], self: false, rooms: [], except: [], compress: false });
    await only(clients, others, "x", "y");
    await stranger.nothing();
  },

  "to a union of rooms, once": async (t) => {
    const clients = await t.clients(4, t.namespace());
    const [sender, both, one, none] = clients;
    await sender.ask("join", ["a", "b"]);
    await both.ask("join", ["a", "b"]);
    await one.ask("join", "b");
    await sender.ask("to", { rooms: ["a", "b", "unknown"], event: "x", self: true });
    await only(clients, [sender, both, one], "x");
    await sender.ask("to", { rooms: ["a", "b"], event: "x" });
    await only(clients, [both, one], "x");
    await sender.ask("to", { rooms: ["a", "a"], event: "x", compress: true });
    await only(clients, [both], "x");
    // From outside of the rooms, and with one's own id as one of them.
    await none.ask("to", { rooms: ["a", none.id], event: "x", self: true });
    await only(clients, [sender, both, none], "x");
    await none.ask("to", { rooms: ["a", none.id], event: "x" });
    await only(clients, [sender, both], "x");
    await sender.ask("to", { rooms: ["unknown"], event: "x", self: true });
    await only(clients, [], "x");
    await one.ask("leave", "b");
    await sender.ask("to", { rooms: ["b"], event: "x", self: true });
    await only(clients, [sender, both], "x");
  },

  "except": async (t) => {
    const clients = await t.clients(4, t.namespace());
    const [sender, a, ab, b] = clients;
    await a.ask("join", "a");
    await ab.ask("join", ["a", "b"]);
    await b.ask("join", "b");
    await sender.ask("to", { except: ["a"], event: "x" });
    await only(clients, [b], "x");
    await sender.ask("to", { except: ["a"], event: "x", self: true });
    await only(clients, [sender, b], "x");
    await sender.ask("to", { rooms: ["a"], except: ["b"], event: "x" });
    await only(clients, [a], "x");
    await sender.ask("to", { rooms: ["a", "b"], except: [ab.id, "unknown"], event: "x", self: true });
    await only(clients, [a, b], "x");
    await sender.ask("to", { except: [sender.id, "a", "b"], event: "x", self: true });
    await only(clients, [], "x");
    await sender.ask("to", { rooms: [a.id, b.id], except: [a.id], event: "x" });
    await only(clients, [b], "x");
  },

  "rooms in the root namespace, next to many others": async (t) => {
    const clients = await t.clients(3);
    const [sender, member] = clients;
    const room = t.namespace();
    await member.ask("join", room);
    await sender.ask("to", { rooms: [room], event: "x", self: true });
    await only(clients, [member], "x");
    await sender.ask("to", { rooms: [sender.id, member.id], event: "x", self: true });
    await only(clients, [sender, member], "x");
  },

  "rooms of namespaces are separate": async (t) => {
    const [namespace, second] = [t.namespace(), t.namespace()];
    const first = await t.client(namespace);
    const beside = await t.beside(first, second).admitted();
    const clients = [first, beside];
    await first.ask("join", "a");
    await beside.ask("to", { rooms: ["a"], event: "x", self: true });
    await only(clients, [], "x");
    await first.ask("to", { rooms: ["a"], event: "x", self: true });
    await only(clients, [first], "x");
    await beside.ask("to", { rooms: [first.id], event: "x", self: true });
    await beside.ask("to", { event: "y", self: true });
    await only(clients, [beside], "y");
    equal((await beside.ask("rooms"))[0], [beside.id], "rooms");
  },

  "volatile, to many": async (t) => {
    const clients = await t.clients(3, t.namespace());
    const [sender, ...others] = clients;
    // Each may be dropped, but not for ever; and it is said once.
    const missing = new Set(others);
    for (let i = 0; missing.size > 0; i++) {
      if (i === 200) throw new Error("never delivered");
      await sender.ask("to", { event: "x", args: [i], volatile: true });
      for (const client of others) {
        equal(await client.ask("message-with-ack"), [], "answer");
        const events = client.take();
        if (events.length > 0) missing.delete(client);
        equal(events, events.length > 0 ? [["x", i]] : [], "events");
      }
    }
    await sender.nothing();
  },

  "ask-all": async (t) => {
    const clients = await t.clients(3, t.namespace());
    const [a, b, c] = clients;
    const ask = async (wish) => {
      const [{ error, answers }, ...more] = await a.ask("ask-all", { timeout: 60_000, ...wish });
      equal(more, [], "more arguments");
      return [error, answers.map((one) => (Buffer.isBuffer(one) ? "binary" : one)).sort()];
    };
    a.answers("question", "a", 1);
    b.answers("question", "b");
    c.answers("question", Buffer.from("c"));
    equal(await ask({ event: "question", args: [1, Buffer.from("x")] }), [false, ["a", "b", "binary"]], "all");
    await b.ask("join", "r");
    await c.ask("join", ["r", "s"]);
    equal(await ask({ event: "question", rooms: ["r", "s"] }), [false, ["b", "binary"]], "some");
    equal(await ask({ event: "question", rooms: ["r", a.id], except: ["s"] }), [false, ["a", "b"]], "except");
    equal(await ask({ event: "question", rooms: ["unknown"] }), [false, []], "nobody");
    // Some do not answer.
    equal(await ask({ event: "silent", timeout: 50 }), [true, []], "silence");
    for (const client of clients) await client.expect("silent");
    a.answers("half", "a");
    equal(await ask({ event: "half", timeout: 1500, rooms: [a.id, b.id] }), [true, ["a"]], "half of them");
    await b.expect("half");
    for (const client of clients) await client.nothing();
  },

  "ask-all, arguments": async (t) => {
    const [a, b] = await t.clients(2, t.namespace());
    const question = a.ask("ask-all", { rooms: [b.id], event: "q", args: [1, [Buffer.from("x")]], timeout: 60_000 });
    b.socket.on("q", (...args) => args.pop()("yes", "not this one"));
    await b.expect("q", 1, [Buffer.from("x")]);
    equal(await question, [{ error: false, answers: ["yes"] }], "answer");
  },

  "sockets": async (t) => {
    const clients = await t.clients(3, t.namespace());
    const [a, b, c] = clients;
    await a.ask("join", ["y", "x"]);
    await b.ask("join", "x");
    await b.ask("set-data", { some: ["data", Buffer.from("b")] });
    const shown = {
      a: { id: a.id, rooms: sorted(a.id, "x", "y"), data: {} },
      b: { id: b.id, rooms: sorted(b.id, "x"), data: { value: { some: ["data", Buffer.from("b")] } } },
      c: { id: c.id, rooms: [c.id], data: {} },
    };
    const are = async (wish, ...wanted) => {
      const list = wanted.map((name) => shown[name]).sort((one, other) => (one.id < other.id ? -1 : 1));
      equal(await c.ask("sockets", wish), [list], "sockets");
    };
    await are({}, "a", "b", "c");
    await are({ rooms: [], except: [] }, "a", "b", "c");
    await are({ rooms: ["x", "y"] }, "a", "b");
    await are({ rooms: ["y", c.id] }, "a", "c");
    await are({ except: ["x"] }, "c");
    await are({ rooms: ["x"], except: ["y"] }, "b");
    await are({ rooms: ["unknown"] });
    b.socket.disconnect();
    await b.expect("(disconnect)", "io client disconnect");
    while ((await c.ask("sockets", {}))[0].length > 2);
    await are({}, "a", "c");
    await are({ rooms: ["x"] }, "a");
  },

  "sockets-join, sockets-leave": async (t) => {
    const clients = await t.clients(3, t.namespace());
    const [a, b, c] = clients;
    const rooms = (...wanted) => Promise.all(clients.map(async (client, i) => {
      equal((await client.ask("rooms"))[0], sorted(client.id, ...wanted[i]), `rooms of ${i}`);
    }));
    equal(await a.ask("sockets-join", { room: "all" }), [], "answer");
    await rooms(["all"], ["all"], ["all"]);
    equal(await a.ask("sockets-join", { rooms: [b.id, c.id], room: "some" }), [], "answer");
    await rooms(["all"], ["all", "some"], ["all", "some"]);
    equal(await a.ask("sockets-join", { rooms: ["unknown"], room: "none" }), [], "answer");
    equal(await a.ask("sockets-leave", { rooms: [b.id], room: "some" }), [], "answer");
    await rooms(["all"], ["all"], ["all", "some"]);
    equal(await a.ask("sockets-leave", { rooms: ["some"], room: "all" }), [], "answer");
    await rooms(["all"], ["all"], ["some"]);
    equal(await a.ask("sockets-leave", { room: "all" }), [], "answer");
    await rooms([], [], ["some"]);
    await a.ask("to", { rooms: ["all"], event: "x", self: true });
    await a.ask("to", { rooms: ["some"], event: "x", self: true });
    await only(clients, [c], "x");
  },

  "sockets-disconnect": async (t) => {
    const namespace = t.namespace();
    const clients = await t.clients(4, namespace);
    const [a, b, c, d] = clients;
    const beside = await Promise.all([b, c].map((client) => t.beside(client, t.namespace()).admitted()));
    await a.ask("join", "r");
    await b.ask("join", "r");
    // Namespaces only, the sender among them.
    equal(await a.ask("sockets-disconnect", { rooms: ["r"], close: false }), [], "answer");
    for (const client of [a, b]) await client.expect("(disconnect)", "io server disconnect");
    await beside[0].nothing();
    await d.nothing();
    equal((await d.ask("sockets", {}))[0].map(({ id }) => id), sorted(c.id, d.id), "those who stay");
    // And with the transports.
    equal(await d.ask("sockets-disconnect", { rooms: [c.id], close: true }), [], "answer");
    await c.expect("(disconnect)", "io server disconnect");
    await beside[1].expect("(disconnect)", "io server disconnect");
    await d.nothing();
    // All, without `rooms` and `close`.
    equal(await d.ask("sockets-disconnect", {}), [], "answer");
    await d.expect("(disconnect)", "io server disconnect");
    for (const client of [a, b]) {
      client.socket.connect();
      await client.admitted();
    }
    equal((await a.ask("sockets", {}))[0].map(({ id }) => id), sorted(a.id, b.id), "those who came again");
  },
};
