// Clients that are cut off and come back (S21 to S24). Only those of 4.6 and later know how.

import { equal, given, holds } from "./npm.mjs";

const port = given.recovery;

// The next event, without its offset. The secrets are not among what `auth` has said.
const next = async (client) => {
  const event = await client.next();
  if (event[0].startsWith("(")) return event;
  holds(typeof event.pop() === "string", `no offset in ${event}`);
  if (event[0] !== "auth") return event;
  const { pid, offset, ...auth } = event[1];
  return ["auth", auth];
};

const expect = async (client, ...wanted) => equal(await next(client), wanted, "event");

const join = async (t, namespace) => {
  const client = t.raw(namespace, {}, port);
  await expect(client, "(connect)");
  await expect(client, "auth", {});
  return client;
};

// The ways in which a connection ends, and how the client calls that.
const LOSSES = [
  [(client) => client.socket.io.engine.close(), "forced close"],
  [(client) => client.emit("kill"), "transport close"],
];

// The connection ends, the server knows, and the client does not come back yet.
const lose = async (client, admin, [cut, reason]) => {
  const { id } = client;
  client.socket.io.reconnection(false);
  cut(client);
  await expect(client, "(disconnect)", reason);
  await admin.ended(id);
};

const comesBack = (client) => {
  client.socket.io.reconnection(true);
  client.socket.connect();
};

const comeBack = {
  "ten losses in one session": async (t) => {
    const name = t.namespace();
    const [client, other] = [await join(t, name), await join(t, name)];
    const admin = t.admin(port);
    const { id } = client;
    holds(!client.socket.recovered, "recovered at first");
    await client.ask("join", ["r"]);
    await client.ask("set-data", Buffer.from("kept"));
    for (let i = 0; i < 10; i++) {
      await lose(client, admin, LOSSES[i % LOSSES.length]);
      await other.ask("to", { rooms: ["r"], event: "room", args: [i, Buffer.from("x")] });
      await other.ask("to", { rooms: [id], event: "own", args: [i] });
      await other.ask("to", { event: "dropped", volatile: true });
      await other.ask("to", { except: ["r"], event: "not for it" });
      await other.ask("to", { event: "all" });
      comesBack(client);
      await expect(client, "room", i, Buffer.from("x"));
      await expect(client, "own", i);
      await expect(client, "all");
      await expect(client, "(connect)");
      await expect(client, "auth", {});
      equal([client.socket.recovered, client.id], [true, id], "the same socket");
      const [whoami] = await client.ask("whoami");
      equal([whoami.id, whoami.recovered, whoami.data], [id, true, { value: Buffer.from("kept") }], "whoami");
      equal(await client.ask("rooms"), [[id, "r"].sort()], "rooms");
    }
    await other.ask("to", { rooms: ["r"], event: "at once" });
    await expect(client, "at once");
  },

  // While events come all the time: each once, in their order, whatever happens.
  "losses while events come": async (t) => {
    const name = t.namespace();
    const [client, other] = [await join(t, name), await join(t, name)];
    const { id } = client;
    for (let i = 0, losses = 0; losses < 5; i++) {
      const sent = other.ask("to", { event: "n", args: [i] });
      if (i % 20 === 10) {
        client.socket.io.engine.close();
        losses++;
      }
      await sent;
      for (let seen = false; !seen;) {
        const event = await next(client);
        if (event[0] === "n") {
          equal(event[1], i, "number");
          seen = true;
        }
      }
    }
    await client.ask("whoami");
    equal([client.socket.recovered, client.id], [true, id], "the same socket");
    client.take();
  },

  "a client that leaves is another one when it comes again": async (t) => {
    const client = await join(t, t.namespace());
    const { id } = client;
    client.socket.disconnect();
    await expect(client, "(disconnect)", "io client disconnect");
    client.socket.connect();
    await expect(client, "(connect)");
    await expect(client, "auth", {});
    holds(client.id !== id && !client.socket.recovered, "the same socket");
  },

};

// To these an offset is an argument like any other.
const cannotComeBack = {
  "a client that cannot come back": async (t) => {
    const client = await join(t, t.namespace());
    const { id } = client;
    await lose(client, t.admin(port), LOSSES[1]);
    comesBack(client);
    await expect(client, "(connect)");
    await expect(client, "auth", {});
    holds(client.id !== id, "the same socket");
    client.emit("echo", 1);
    await expect(client, "echo", 1);
  },
};

export default (version) => (version === "4.8" ? comeBack : cannotComeBack);
