// 200 clients upgrade while each sends numbered messages, before, during and after the upgrade: none of the
// answers may be lost, none may come twice, and their order stays.
//
//     node upgrade.mjs plain=PORT ROUNDS

import { given, require, within } from "./npm.mjs";

const { Socket } = require("engine.io-client");

const CLIENTS = 200;
const IN_FLIGHT = 4;
const AFTERWARDS = 20;
const EVERY = 5; // ms
const rounds = Number(process.argv.at(-1));

// One timer for all: with one for each a slow machine would run timers and nothing else.
const ticking = new Set();
setInterval(() => ticking.forEach((tick) => tick()), EVERY);

// Resolves to how many messages came before the upgrade and after it.
const client = (number) => new Promise((resolve, reject) => {
  const socket = new Socket(`ws://127.0.0.1:${given.plain}`, { transports: ["polling", "websocket"] });
  let sent = 0;
  let received = 0;
  let receivedAtUpgrade = null;
  let closing = false;
  const send = (count) => {
    for (; count > 0; count--) socket.send(`${number}:${sent++}`);
  };

  // Some at any time, also while no answer comes, and more of them exactly where a transport takes over.
  const tick = () => send(1);
  socket.on("open", () => {
    ticking.add(tick);
    send(IN_FLIGHT);
  });
  socket.on("upgrading", () => send(IN_FLIGHT));
  socket.on("upgrade", () => {
    receivedAtUpgrade = received;
    send(IN_FLIGHT);
  });
  socket.on("message", (data) => {
    const wanted = `${number}:${received++}`;
    if (data !== wanted) return reject(new Error(`${data} came, not ${wanted}`));
    const enough = receivedAtUpgrade !== null && received - receivedAtUpgrade >= AFTERWARDS;
    if (!enough) return send(1);
    // All that are under way still have to come, and no more than these: a last one, and its answer.
    if (!closing) {
      closing = true;
      ticking.delete(tick);
      return send(1);
    }
    if (received === sent) socket.close();
  });
  socket.on("upgradeError", (error) => reject(error));
  socket.on("close", (reason, details) => {
    ticking.delete(tick);
    if (closing && received === sent) return resolve([receivedAtUpgrade, received - receivedAtUpgrade]);
    const when = receivedAtUpgrade === null ? "before the upgrade" : "after the upgrade";
    const why = `${reason}, ${details?.description ?? details}, ${when}, session ${socket.id}`;
    reject(new Error(`closed with ${received} of ${sent} received: ${why}`));
  });
});

for (let round = 1; round <= rounds; round++) {
  try {
    const all = Array.from({ length: CLIENTS }, (_, number) => client(number));
    const counts = await within(Promise.all(all), "the answers");
    const [before, after] = [0, 1].map((i) => counts.reduce((sum, one) => sum + one[i], 0));
    // Without messages before the upgrade nothing would have been tried.
    if (before === 0) throw new Error("no message came before an upgrade");
    console.log(`ok   upgrade round ${round}: ${CLIENTS} clients, ${before} messages before, ${after} after`);
  } catch (error) {
    console.log(`FAIL upgrade round ${round}: ${error.message}`);
    process.exit(1);
  }
}
process.exit(0);
