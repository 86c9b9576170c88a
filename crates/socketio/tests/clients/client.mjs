// npm's client of one version against the mode `app`, with each set of transports.
//
//     node client.mjs version=4.8 plain=PORT quick=PORT recovery=PORT
//
// The server `quick` has a heartbeat of 300 ms, and `recovery` lets clients come back.

import { Bench, SETS, VERSIONS, equal, finish, given, report } from "./npm.mjs";
import ends from "./npm_ends.mjs";
import events from "./npm_events.mjs";
import namespaces from "./npm_namespaces.mjs";
import order from "./npm_order.mjs";
import recovery from "./npm_recovery.mjs";
import rooms from "./npm_rooms.mjs";

const checks = { ...events, ...rooms, ...order, ...namespaces, ...ends, ...recovery(given.version) };
const first = Object.keys(VERSIONS).indexOf(given.version) + 1;

const run = (some) => Promise.all(SETS.map(async (transports, number) => {
  for (const [name, check] of Object.entries(some)) {
    if (!name.includes(given.only ?? "")) continue;
    await report(`npm ${given.version} ${transports.join("+")}: ${name}`, async () => {
      const bench = new Bench(given.version, transports, `${first}${number}`);
      try {
        await check(bench);
        bench.settled();
      } finally {
        bench.close();
      }
    });
  }
}));

const sixPings = async (t) => {
  const client = await t.client("/", { reconnection: false }, given.quick);
  let pings = 0;
  const six = new Promise((resolve) => client.socket.io.engine.on("packet", ({ type }) => {
    if (type === "ping" && ++pings === 6) resolve("six");
  }));
  const next = client.next("six pings");
  equal(await Promise.race([six, next]), "six", "pings");
  client.emit("message", "still here");
  equal(await next, ["message-back", "still here"], "afterwards");
};

await run(checks);
// When this process has nothing else to do.
await run({
  "six pings": async (t) => {
    // The heartbeat is short, so a machine that stops for a moment may rightly lose the session. A server that
    // does not take an answer for one loses it each time.
    for (let attempt = 1; ; attempt++) {
      try {
        return await sixPings(t);
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  },
});
finish();
