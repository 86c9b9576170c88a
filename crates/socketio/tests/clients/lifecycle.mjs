// What clients see when their server ends, and when it is there again. Each check has a server of its own.
//
//     node lifecycle.mjs logs=FOLDER ports=PORT,PORT... -- SERVER...

import { Bench, SETS, VERSIONS, equal, finish, holds, pause, report, until } from "./npm.mjs";
import { Program } from "./program.mjs";

const COMBINATIONS = Object.keys(VERSIONS).flatMap((version) => SETS.map((transports) => [version, transports]));

const check = (name, body, options) => report(`lifecycle: ${name}`, async () => {
  const server = await Program.start(`lifecycle-${name.replaceAll(/\W/g, "-")}`, options);
  const benches = COMBINATIONS.map(([version, transports], i) => new Bench(version, transports, `${i}`));
  try {
    await body(server, benches);
  } finally {
    for (const bench of benches) bench.close();
    server.kill();
  }
});

// One client of each kind.
const everybody = (server, benches, namespace, options) => Promise.all(benches.map(async (bench) => {
  const client = await bench.client(namespace, options, server.port);
  if (bench.upgrades) await client.upgraded();
  return client;
}));

// What each hears when the server goes; of a WebSocket also with which code, 1006 would be none.
const seesTheEnd = async (client, bench) => {
  const [name, reason] = await client.next("the end");
  // A GET that no longer finds the server is an error of the transport.
  const reasons = bench.polling ? ["transport close", "transport error"] : ["transport close"];
  holds(name === "(disconnect)" && reasons.includes(reason), `${name} ${reason}`);
  if (!bench.polling && bench.version === "4.8") {
    holds(client.closeCode >= 1000 && client.closeCode !== 1006, `code ${client.closeCode}`);
  }
  return reason;
};

// While nobody listens, it tries.
const tries = async (client) => {
  for (;;) {
    const [name] = await client.next("an attempt");
    if (name === "(connect_error)") return;
  }
};

const restart = (signal) => async (server, benches) => {
  const clients = await everybody(server, benches, "/", { auth: { a: 1 } });
  const besides = await Promise.all(clients.map((client, i) => benches[i].beside(client, "/dynamic-1").admitted()));
  const ids = [...clients, ...besides].map(({ id }) => id);
  // So that those who poll have a GET waiting, at least some of them.
  await pause(300);
  server.signal(signal);
  const reasons = await Promise.all(clients.map((client, i) => seesTheEnd(client, benches[i])));
  holds(reasons.some((reason, i) => benches[i].polling && reason === "transport close"), "no GET is answered");
  await Promise.all(besides.map((client, i) => seesTheEnd(client, benches[i])));
  await server.end();
  await Promise.all(clients.map(tries));
  for (const client of clients) client.emit("echo", "said meanwhile", Buffer.from("x"));

  await server.run();
  await Promise.all(clients.map(async (client) => {
    let event;
    do event = await client.next("the connection"); while (event[0] === "(connect_error)");
    equal(event, ["(connect)"], "event");
    await client.expect("auth", { a: 1 });
    await client.expect("echo", "said meanwhile", Buffer.from("x"));
    await client.nothing();
  }));
  await Promise.all(besides.map(async (client) => {
    await until(() => client.socket.connected, "the other namespace");
    equal(client.take().filter(([name]) => name !== "(connect_error)"), [["(connect)"], ["auth", {}]], "events");
  }));
  holds(![...clients, ...besides].some(({ id }) => ids.includes(id)), "an id of before");
  const admin = benches[0].admin(server.port);
  const { engine, sockets } = await admin.clients();
  equal([engine, sockets["/"], sockets["/dynamic-1"]], [clients.length + 1, clients.length, clients.length], "clients");
};

await Promise.all([
  check("the server ends and comes again", restart("SIGTERM")),
  check("the same with SIGINT", restart("SIGINT")),

  check("/admin closes", async (server, benches) => {
    const clients = await everybody(server, benches, "/", { reconnection: false });
    const admin = benches[0].admin(server.port);
    equal(await admin.client.ask("close"), [], "answer");
    await Promise.all(clients.map((client, i) => seesTheEnd(client, benches[i])));
    await server.end();
  }),

  // Of a polling client only as much as one response holds.
  check("what is queued goes out", async (server, benches) => {
    const clients = await everybody(server, benches, "/dynamic-1", { reconnection: false });
    const admins = await Promise.all(clients.map(async (client, i) => {
      const admin = benches[i].beside(client, "/admin");
      await admin.expect("(connect)");
      return admin;
    }));
    const [counts, answers] = [clients, clients].map(() => clients.map(() => 0));
    clients.forEach((client, i) => {
      client.ignore("b");
      client.socket.on("b", (number, data) => {
        if (number === counts[i] && data.length === 500) counts[i]++;
      });
      client.socket.emit("burst", "b", benches[i].polling ? 8 : 2000, 500, () => answers[i]++);
    });
    // Whose burst is the last, ends the server; so each has its own.
    const last = admins.length - 1;
    equal(await admins[last].ask("close"), [], "answer");
    await Promise.all(clients.map((client, i) => seesTheEnd(client, benches[i])));
    await server.end();
    holds(!benches[last].polling, "the one that ends the server");
    equal([counts[last], answers[last]], [2000, 1], "events and answer of the one that ends the server");
    clients.forEach((_, i) => {
      // Others may have been heard later than `close`; but what is begun is finished.
      const all = benches[i].polling ? 8 : 2000;
      const { version, transports } = benches[i];
      holds([0, all].includes(counts[i]), `${counts[i]} of ${all} events of ${version} ${transports}`);
    });
  }),

  check("gone while the admission waits", async (server, benches) => {
    const admin = benches[0].admin(server.port);
    const admitted = new Set();
    // Goes, and says who was admitted meanwhile, before the server has seen that.
    const go = async (bench) => {
      const client = await bench.client("/", { reconnection: false }, server.port);
      const { id } = client;
      // A client that closes in the middle of its upgrade may be gone without a word.
      if (bench.upgrades) await client.upgraded();
      bench.beside(client, "/admission", { auth: { token: "slow" } });
      // What is said after it is answered: so the server has heard of it.
      await client.nothing();
      client.socket.io.engine.close();
      await client.expect("(disconnect)", "forced close");
      const isEnd = (entry) => entry.id === id && entry.event === "disconnect";
      const log = await until(async () => {
        const log = await admin.log();
        return log.some(isEnd) && log;
      }, "the end");
      const before = log.slice(0, log.findIndex(isEnd));
      return before.filter(({ nsp, id }) => nsp === "/admission" && !admitted.has(id)).map(({ id }) => id);
    };
    // The admission takes a second, which may be over before a busy machine comes to that. Then it is tried again.
    for (const bench of benches) {
      let meanwhile;
      do {
        meanwhile = await go(bench);
        meanwhile.forEach((id) => admitted.add(id));
        holds(admitted.size < 100, "the admission takes no time");
      } while (meanwhile.length > 0);
    }
    const later = await benches[0].client("/admission", { auth: { token: "slow" } }, server.port);
    const log = (await admin.log()).filter(({ nsp, id }) => nsp === "/admission" && !admitted.has(id));
    equal(log, [{ nsp: "/admission", id: later.id, event: "connect" }], "log of the namespace");
    const { sockets } = await admin.clients();
    equal([sockets["/admission"], sockets["/"] ?? 0], [1, 0], "sockets");
  }),

  check("the log has the last 1000", async (server, benches) => {
    const [bench] = benches;
    const admin = bench.admin(server.port);
    const root = await bench.client("/", {}, server.port);
    const ids = [];
    const client = bench.beside(root, "/custom");
    for (let i = 0; i < 340; i++) {
      await client.admitted();
      ids.push(client.id);
      client.socket.disconnect();
      await client.expect("(disconnect)", "io client disconnect");
      // In one burst with what it said last, the new CONNECT would be the second to a namespace.
      await root.nothing();
      client.socket.connect();
    }
    await client.admitted();
    const log = await admin.log();
    equal(log.length, 1000, "entries");
    const last = { nsp: "/custom", id: client.id, event: "connect" };
    equal(log.at(-1), last, "the last one");
    // 1 of the last connection, 333 whole ones, and none of the first.
    const before = { ...last, id: ids[339], event: "disconnect", reason: "client namespace disconnect" };
    equal(log.at(-2), before, "the one before");
    equal(log[1].id, ids[7], "the second");
    holds(!log.some(({ id }) => id === root.id || ids.slice(0, 7).includes(id)), "older ones");
  }),
]);
finish();
