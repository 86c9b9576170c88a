// The modes `login` and `chat`, clients of all kinds together.
//
//     node modes.mjs login=PORT chat=PORT

import { Bench, SETS, VERSIONS, equal, finish, given, report } from "./npm.mjs";

const COMBINATIONS = Object.keys(VERSIONS).flatMap((version) => SETS.map((transports) => [version, transports]));
const benches = COMBINATIONS.map(([version, transports]) => new Bench(version, transports, "0"));

// The namespaces of the mode `app` are not there.
const onlyRoot = async (client) => {
  for (const name of ["/admin", "/custom", "/dynamic-1"]) {
    await benches[0].beside(client, name).expect("(connect_error)", "Invalid namespace", undefined);
  }
  equal(client.take(), [], "more");
};

const GREETING = "hello \u00fc \u{1f600} \u2028";

await report("login: a list for all", async () => {
  const clients = [];
  const names = [];
  for (const bench of benches) {
    const client = bench.raw("/", {}, given.login);
    clients.push(client);
    await client.expect("(connect)");
    await client.expect("login", names);
    const name = `${GREETING} ${clients.length}`;
    names.push(name);
    client.emit("login", name);
    // Everybody, itself included.
    for (const one of clients) await one.expect("login", names);
  }
  // Not a name.
  for (const wrong of [5, null, ["x"], { name: "x" }, Buffer.from("x")]) clients[0].emit("login", wrong);
  clients[0].emit("login");
  // Twice the same, and an empty one.
  for (const name of [names[0], ""]) {
    names.push(name);
    clients[0].emit("login", name);
    for (const one of clients) await one.expect("login", names);
  }
  // Who goes stays on the list.
  clients[0].socket.disconnect();
  await clients[0].expect("(disconnect)", "io client disconnect");
  const last = benches[0].raw("/", {}, given.login);
  await last.expect("(connect)");
  await last.expect("login", names);
  for (const one of clients.slice(1)) equal(one.take(), [], "more");
  await onlyRoot(last);
});

await report("chat: lines for all", async () => {
  const clients = [];
  const all = async (line) => {
    for (const { client } of clients) await client.expect("line", line);
  };
  for (const bench of benches) {
    const client = bench.raw("/", {}, given.chat);
    await client.expect("(connect)");
    clients.push({ client, name: `user${clients.length + 1}` });
    await all(`user${clients.length} comes in`);
  }
  for (const { client, name } of clients) {
    client.emit("say", GREETING);
    await all(`${name} says: ${GREETING}`);
  }
  for (const wrong of [5, null, ["x"], {}]) clients[0].client.emit("say", wrong);
  clients[0].client.emit("say", "");
  await all("user1 says: ");

  // One leaves, one is cut off: the others hear of it.
  const [{ client: leaves, name: first }] = clients.splice(0, 1);
  leaves.socket.disconnect();
  await leaves.expect("(disconnect)", "io client disconnect");
  await all(`${first} left`);
  const [{ client: closes, name: second }] = clients.splice(3, 1);
  closes.socket.io.reconnection(false);
  closes.socket.io.engine.close();
  await closes.expect("(disconnect)", "forced close");
  await all(`${second} left`);

  // Numbers are not used again.
  leaves.socket.connect();
  await leaves.expect("(connect)");
  clients.push({ client: leaves, name: `user${benches.length + 1}` });
  await all(`user${benches.length + 1} comes in`);
  // Several at once: the same order for all.
  for (const { client, name } of clients) client.emit("say", `at once ${name}`);
  const orders = [];
  for (const { client } of clients) {
    const order = [];
    for (let i = 0; i < clients.length; i++) order.push((await client.next())[1]);
    orders.push(order);
  }
  equal([...orders[0]].sort(), clients.map(({ name }) => `${name} says: at once ${name}`).sort(), "lines");
  for (const order of orders) equal(order, orders[0], "order");
  await onlyRoot(leaves);
});

for (const bench of benches) bench.close();
finish();
