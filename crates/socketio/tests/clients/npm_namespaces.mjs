// Namespaces, who is admitted to them, and what `/admin` tells.

import { equal, holds, until } from "./npm.mjs";

const GONE = ["(connect_error)", "Invalid namespace", undefined];

export default {
  "namespaces on one connection": async (t) => {
    const root = await t.client("/", { auth: { a: 1 } });
    const name = t.namespace();
    const [one, two] = [t.beside(root, name, { auth: { b: 2 } }), t.beside(root, t.namespace())];
    await one.admitted({ b: 2 });
    await two.admitted();
    holds(new Set([root.id, one.id, two.id]).size === 3, "ids are the same");
    for (const client of [root, one, two]) {
      client.emit("echo", client.id, Buffer.from(client.id));
      await client.expect("echo", client.id, Buffer.from(client.id));
      const [{ id, nsp }] = await client.ask("whoami");
      equal([id, nsp], [client.id, client.socket.nsp], "whoami");
    }
    await one.ask("to", { event: "x", self: true });
    await one.expect("x");
    one.socket.disconnect();
    await one.expect("(disconnect)", "io client disconnect");
    for (const client of [root, two]) await client.nothing();
    // And again, as somebody new.
    const { id } = root;
    one.socket.connect();
    await one.admitted({ b: 2 });
    equal((await one.ask("rooms"))[0], [one.id], "rooms");
    equal(root.id, id, "the id of the root");
  },

  "unknown namespaces": async (t) => {
    const dynamic = ["/dynamic-", "/dynamic-1x", "/dynamic-x1", "/dynamic-1/2"];
    const unknown = ["/unknown", ...dynamic, "/Admin", "/custom/", "/admissio"];
    const root = await t.client();
    for (const name of unknown) {
      const alone = t.raw(name);
      const beside = t.beside(root, name);
      for (const client of [alone, beside]) await client.expect(...GONE);
      await root.nothing();
    }
    // The connection stays open: another namespace can still be joined over it.
    const alone = t.raw("/unknown");
    await alone.expect(...GONE);
    await t.beside(alone, t.namespace()).admitted();
  },

  "/custom": async (t) => {
    const client = await t.client("/custom", { auth: { token: "123" } });
    client.emit("message", 1, Buffer.from("x"));
    await client.expect("message-back", 1, Buffer.from("x"));
    let answered = false;
    for (const [name, ...args] of [["message-with-ack", 1], ["echo", 1], ["join", "a"], ["rooms"], ["blocked"]]) {
      client.socket.emit(name, ...args, () => (answered = true));
    }
    client.emit("disconnect-me", true);
    client.emit("message", "last");
    await client.expect("message-back", "last");
    holds(!answered, "/custom knows other events");
    equal(client.take(), [], "events");
  },

  "admission": async (t) => {
    const good = await t.client("/admission", { auth: { token: "good", more: [1] } });
    equal((await good.ask("whoami"))[0].data, { first: 1, second: 2 }, "data");
    await good.ask("set-data", 3);
    const [[me]] = await good.ask("sockets", { rooms: [good.id] });
    equal(me, { id: good.id, rooms: [good.id], data: { first: 1, second: 2, value: 3 } }, "this socket");
    good.emit("message", "hello");
    await good.expect("message-back", "hello");
    const slow = await t.client("/admission", { auth: { token: "slow" } });
    equal((await slow.ask("whoami"))[0].data, { first: 1, second: 2 }, "data");
    // Steps wait for each their own: the quick one is first.
    const [later, sooner] = ["slow", "good"].map((token) => t.raw("/admission", { auth: { token } }));
    await sooner.admitted({ token: "good" });
    equal(later.take(), [], "the slow one");
    await later.admitted({ token: "slow" });
  },

  "refusals": async (t) => {
    const data = { code: 401, hint: "token" };
    const refusals = [["plain", "plain", undefined], ["other", "not authorized", data], [5, "not authorized", data]];
    for (const [token, ...wanted] of refusals) {
      const root = await t.client();
      const auth = { token };
      for (const client of [t.raw("/admission", { auth }), t.beside(root, "/admission", { auth })]) {
        await client.expect("(connect_error)", ...wanted);
        // It may try again, with something better.
        client.socket.auth = { token: "good" };
        client.socket.connect();
        await client.admitted({ token: "good" });
        client.socket.disconnect();
        await client.expect("(disconnect)", "io client disconnect");
      }
      await root.nothing();
    }
    const none = t.raw("/admission");
    await none.expect("(connect_error)", "not authorized", data);
  },

  "emits wait for the admission": async (t) => {
    const client = t.raw("/admission", { auth: { token: "good" } });
    for (let i = 0; i < 5; i++) client.emit("echo", i, Buffer.from([i]));
    await client.admitted({ token: "good" });
    for (let i = 0; i < 5; i++) await client.expect("echo", i, Buffer.from([i]));
  },

  "the log": async (t) => {
    const admin = t.admin();
    const [name, room] = [t.namespace(), "a room"];
    const client = await t.client(name);
    const { id } = client;
    await client.ask("join", [room, "b"]);
    await client.ask("leave", "b");
    const connected = (await admin.log()).filter((entry) => entry.id === id);
    equal(connected, [{ nsp: name, id, event: "connect" }], "at first");
    client.socket.disconnect();
    const reason = "client namespace disconnect";
    equal(await admin.ended(id), [
      { nsp: name, id, event: "connect" },
      { nsp: name, id, event: "disconnecting", reason, rooms: [id, room].sort() },
      { nsp: name, id, event: "disconnect", reason },
    ], "the log");
    const log = await admin.log();
    holds(log.length <= 1000, "more than 1000 entries");
    holds(log.every(({ nsp }) => nsp !== "/admin"), "/admin is in the log");
    await client.expect("(disconnect)", "io client disconnect");
  },

  "/admin": async (t) => {
    const admin = t.admin();
    await admin.client.expect("(connect)");
    for (const name of ["message-with-ack", "rooms", "whoami"]) {
      admin.client.socket.emit(name, 1, () => admin.client.emit("answered"));
    }
    admin.client.emit("message", 1);
    const name = t.namespace();
    const clients = await t.clients(3, name);
    const beside = await t.beside(clients[0], name.replace("dynamic-", "dynamic-0")).admitted();
    const { engine, sockets, ...more } = await admin.clients();
    equal(more, {}, "more keys");
    equal([sockets[name], sockets[beside.socket.nsp]], [3, 1], "sockets");
    holds(engine >= 4, `sessions: ${engine}`);
    clients[1].socket.disconnect();
    await clients[1].expect("(disconnect)", "io client disconnect");
    await until(async () => (await admin.clients()).sockets[name] === 2, "two sockets");
    equal(admin.client.take(), [], "/admin knows no other events");
  },
};
