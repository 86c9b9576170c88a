// Many events at once: all of them, whole, in their order.

import { equal, holds } from "./npm.mjs";

export default {
  "burst": async (t) => {
    const client = await t.client();
    if (t.upgrades) await client.upgraded();
    for (const [count, size] of [[0, 5], [1, 0], [1000, 10], [20, 40_000]]) {
      equal(await client.ask("burst", "b", count, size), [], "answer");
      equal(client.take(), Array.from({ length: count }, (_, i) => ["b", i, "x".repeat(size)]), "events");
    }
  },

  "binary-burst": async (t) => {
    const client = await t.client(t.namespace());
    for (const [count, size] of [[1, 0], [300, 10], [20, 30_000]]) {
      equal(await client.ask("binary-burst", "b", count, size), [], "answer");
      const wanted = Array.from({ length: count }, (_, i) => ["b", i, Buffer.alloc(size), Buffer.from([i % 256])]);
      equal(client.take(), wanted, "events");
    }
  },

  // Right after the connection: with an upgrade, these are under way while it happens.
  "numbered events both ways, also during the upgrade": async (t) => {
    const client = await t.client(t.namespace());
    const bytes = (i) => (i % 3 === 0 ? [Buffer.from(`${i}`), { i: Buffer.from("x") }] : []);
    let next = 0;
    const send = () => {
      client.emit("echo", next, ...bytes(next));
      next++;
    };
    const ticks = setInterval(send, 2);
    const upgraded = t.upgrades ? client.upgraded() : Promise.resolve();
    let over = false;
    upgraded.finally(() => (over = true)).catch(() => {});
    for (let i = 0; i < 10; i++) send();
    let received = 0;
    const most = () => over && next >= 200;
    while (!most() || received < next) {
      await client.expect("echo", received, ...bytes(received));
      received++;
      if (most()) clearInterval(ticks);
    }
    await upgraded;
    for (let i = 0; i < 10; i++) send();
    for (; received < next; received++) await client.expect("echo", received, ...bytes(received));
  },

  "bursts to several at once": async (t) => {
    const clients = await t.clients(3, t.namespace());
    const [a, b, c] = clients;
    for (const client of [a, b]) await client.ask("join", "r");
    // Broadcasts with and without binary between events to one socket alone.
    const all = [];
    for (let i = 0; i < 50; i++) {
      const args = i % 2 === 0 ? [i, Buffer.from(`b${i}`), { x: [Buffer.from("y")] }] : [i];
      all.push(c.ask("to", { rooms: ["r"], event: "all", args }));
      all.push(a.ask("message-with-ack", Buffer.from("z")));
    }
    const burst = b.ask("binary-burst", "own", 50, 100);
    await Promise.all([...all, burst]);
    for (const client of clients) equal(await client.ask("message-with-ack"), [], "answer");
    const named = (client, wanted) => client.filter(([name]) => name === wanted).map(([, i]) => i);
    const [ofA, ofB] = [a.take(), b.take()];
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    equal(named(ofA, "all"), numbers, "events of the first");
    equal(named(ofB, "all"), numbers, "events of the second");
    equal(named(ofB, "own"), numbers, "its own");
    equal(ofA.length, 50, "all of the first");
    const [, i, bytes] = ofB.find(([name, number]) => name === "all" && number === 48);
    equal([i, bytes], [48, Buffer.from("b48")], "one of them");
  },

  "ticks": async (t) => {
    const client = await t.client();
    const begin = Date.now();
    equal(await client.ask("ticks", "t", 10, 20), [], "answer");
    holds(client.take().length < 10, "the answer comes after all of them");
    equal(await client.ask("ticks", "none", 0, 20), [], "answer");
    let last = -1;
    while (last < 9) {
      const [name, i] = await client.next("a tick");
      equal(name, "t", "name");
      holds(i > last, `${i} comes after ${last}`);
      last = i;
    }
    holds(Date.now() - begin >= 150, "ten ticks of 20 ms come in less than 150 ms");
    await client.nothing();
  },

  "ticks in their order, until the socket goes": async (t) => {
    // With another namespace the connection stays.
    const client = await t.beside(await t.client(), t.namespace()).admitted();
    client.emit("ticks", "t", 1_000_000, 1);
    for (let i = 0; i < 50; i++) await client.expect("t", i);
    client.emit("disconnect-me", false);
    for (let i = 50; ; i++) {
      const [name, one] = await client.next("the end");
      if (name === "(disconnect)") break;
      equal([name, one], ["t", i], "event");
    }
    client.socket.connect();
    await client.admitted();
    for (let i = 0; i < 10; i++) await client.nothing();
  },

  "volatile": async (t) => {
    const client = await t.client();
    if (t.upgrades) await client.upgraded();
    // Each may be dropped where no GET is held; but not always.
    let received = 0;
    for (let round = 0; received === 0; round++) {
      holds(round < 200, "never delivered");
      equal(await client.ask("volatile", "v", 20), [], "answer");
      // In order, none twice; the acknowledgement is not volatile.
      const numbers = client.take().map(([name, i]) => {
        equal(name, "v", "name");
        return i;
      });
      holds(numbers.every((i, at) => i >= 0 && i < 20 && (at === 0 || i > numbers[at - 1])), `order: ${numbers}`);
      received = numbers.length;
    }
    await client.nothing();
  },
};
