// How sockets and connections end, what both sides say of it, and who comes again.

import { equal, holds, within } from "./npm.mjs";

const log = async (admin, id) => (await admin.ended(id)).map(({ event, reason }) => [event, reason]);

const ends = (reason) => [["connect", undefined], ["disconnecting", reason], ["disconnect", reason]];

// It stays away: nothing happens before somebody else has come, and gone.
const staysAway = async (t, client) => {
  const other = await t.client();
  await other.nothing();
  equal(client.take(), [], "events after the end");
  holds(!client.socket.connected, "connected again");
};

export default {
  "disconnect-me, the namespace": async (t) => {
    const admin = t.admin();
    const client = await t.client();
    const beside = await t.beside(client, t.namespace()).admitted();
    const { id } = beside;
    beside.emit("disconnect-me", false);
    await beside.expect("(disconnect)", "io server disconnect");
    equal(await log(admin, id), ends("server namespace disconnect"), "log");
    await client.nothing();
    await staysAway(t, beside);
    beside.socket.connect();
    await beside.admitted();
    holds(beside.id !== id, "the same id");
  },

  "disconnect-me, the transport": async (t) => {
    const admin = t.admin();
    const client = await t.client();
    const beside = await t.beside(client, t.namespace()).admitted();
    const ids = [client.id, beside.id];
    const closed = new Promise((resolve) => client.socket.io.engine.once("close", resolve));
    beside.emit("disconnect-me", true);
    for (const one of [client, beside]) await one.expect("(disconnect)", "io server disconnect");
    await within(closed, "the end of the connection");
    for (const id of ids) equal(await log(admin, id), ends("server namespace disconnect"), "log");
    await staysAway(t, client);
    client.socket.connect();
    await client.admitted();
    beside.socket.connect();
    await beside.admitted();
  },

  "kill: the client comes again": async (t) => {
    const admin = t.admin();
    const client = await t.client("/", { auth: { a: 1 } });
    const beside = await t.beside(client, t.namespace()).admitted();
    const ids = [client.id, beside.id];
    await client.ask("join", "a");
    await client.ask("set-data", 1);
    for (const one of [client, beside]) one.socket.once("disconnect", () => one.emit("echo", "said meanwhile"));
    beside.emit("kill");
    for (const one of [client, beside]) await one.expect("(disconnect)", "transport close");
    await client.admitted({ a: 1 });
    await client.expect("echo", "said meanwhile");
    await beside.admitted();
    await beside.expect("echo", "said meanwhile");
    holds(![client.id, beside.id].some((id) => ids.includes(id)), "the same id");
    for (const id of ids) equal(await log(admin, id), ends("forced close"), "log");
    // A new socket, with nothing of the old one.
    const [{ data }] = await client.ask("whoami");
    equal(data, {}, "data");
    equal((await client.ask("rooms"))[0], [client.id], "rooms");
  },

  "the client leaves the namespace": async (t) => {
    const admin = t.admin();
    const client = await t.client();
    const beside = await t.beside(client, t.namespace()).admitted();
    const { id } = beside;
    // All that it said before counts.
    beside.emit("message", "last");
    beside.socket.disconnect();
    await beside.expect("(disconnect)", "io client disconnect");
    equal(await log(admin, id), ends("client namespace disconnect"), "log");
    await client.nothing();
  },

  "the client closes the connection": async (t) => {
    const admin = t.admin();
    const client = await t.client("/", { reconnection: false });
    const beside = await t.beside(client, t.namespace()).admitted();
    if (t.upgrades) await client.upgraded();
    const ids = [client.id, beside.id];
    await beside.ask("join", "a");
    client.socket.io.engine.close();
    for (const one of [client, beside]) await one.expect("(disconnect)", "forced close");
    for (const id of ids) equal(await log(admin, id), ends("transport close"), "log");
    const [, { rooms }] = await admin.ended(ids[1]);
    equal(rooms, [ids[1], "a"].sort(), "rooms");
  },

  "nothing of a socket that is gone stays": async (t) => {
    const name = t.namespace();
    const [stays, goes] = await t.clients(2, name);
    const admin = t.admin();
    const { id } = goes;
    await goes.ask("join", "r");
    goes.emit("kill");
    await goes.expect("(disconnect)", "transport close");
    await goes.admitted();
    await admin.ended(id);
    await stays.ask("to", { rooms: [id, "r"], event: "x" });
    equal((await stays.ask("sockets", { rooms: [id, "r"] }))[0], [], "sockets");
    await goes.nothing();
    await stays.nothing();
  },

  "a question whose answer never comes": async (t) => {
    const name = t.namespace();
    const [asking, goes] = await t.clients(2, name);
    const question = asking.ask("ask-all", { rooms: [goes.id], event: "q", timeout: 500 });
    await goes.expect("q");
    goes.socket.disconnect();
    await goes.expect("(disconnect)", "io client disconnect");
    // At once, or when the time is over.
    equal(await question, [{ error: true, answers: [] }], "answer");
  },
};
