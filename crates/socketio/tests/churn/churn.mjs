// Clients that come and go, and the memory of the server beside it.
//
//     node churn.mjs WORK SERVER MINUTES
//
// Each of some workers does one thing after the other, drawn at random: short and long visits by each transport, rooms,
// namespaces that exist or not, binary, questions that nobody answers, clients that vanish, handshakes that lead to
// nothing, packets that close. At the end nobody is there, and the memory is what it was after the first quarter.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const [work, program, minutes] = process.argv.slice(2);
const { io } = createRequire(path.resolve(work, "package.json"))("socket.io-client");
const WORKERS = 20;

const options = ["--port", "0", "--ping-interval", "2000", "--ping-timeout", "2000", "--connect-timeout", "3000", "--log", "error"];
const server = spawn(path.resolve(program), options, { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => server.kill("SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
const died = once(server, "exit").then(([code]) => {
  if (!ending) throw new Error(`the server ended with status ${code}`);
});
let ending = false;
const [line] = await once(createInterface(server.stdout), "line");
const url = `http://${line.match(/127\.0\.0\.1:\d+/)[0]}`;

const resident = () => Number(readFileSync(`/proc/${server.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]);
const draw = (list) => list[Math.floor(Math.random() * list.length)];
const counts = {};

// A client in a namespace, or null if it is not let in.
async function come(namespace = "/", auth = {}) {
  const transports = draw([["polling", "websocket"], ["polling"], ["websocket"]]);
  const socket = io(url + namespace, { transports, forceNew: true, reconnection: false, auth });
  const arrived = new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("connect_error", () => resolve(false));
  });
  if (await arrived) return socket;
  socket.io.engine?.close();
  socket.disconnect();
  return null;
}

// The answer to an event, or nothing if the connection ends before it.
const ask = (socket, ...event) =>
  new Promise((resolve) => {
    socket.once("disconnect", resolve);
    socket.emit(...event, resolve);
  });

const acts = {
  async visit() {
    const socket = await come();
    if (!socket) return;
    await ask(socket, "message-with-ack", "hello", { some: ["thing", 1.5] });
    socket.disconnect();
  },
  async rooms() {
    const socket = await come(`/dynamic-${Math.floor(Math.random() * 1000)}`);
    if (!socket) return;
    await ask(socket, "join", Array.from({ length: 20 }, () => `room ${Math.random()}`));
    await ask(socket, "to", { rooms: [draw(["a", "b"]), socket.id], event: "news", args: ["x".repeat(500)], self: true });
    socket.disconnect();
  },
  async binary() {
    const socket = await come();
    if (!socket) return;
    await ask(socket, "binary-burst", "b", 20, 20_000);
    await ask(socket, "sum", Buffer.alloc(100_000, 7));
    socket.disconnect();
  },
  async silence() {
    const socket = await come();
    if (!socket) return;
    for (let i = 0; i < 10; i++) socket.emit("ask", "nobody answers this", i, () => {});
    await ask(socket, "rooms");
    socket.disconnect();
  },
  async vanish() {
    const socket = await come();
    if (!socket) return;
    await ask(socket, "burst", "b", 100, 2000);
    socket.io.engine.transport.ws?.terminate?.();
    socket.io.engine.close();
  },
  async refused() {
    await come("/admission", { token: "bad" });
    await come("/nowhere");
  },
  async slowly() {
    const socket = await come("/admission", { token: "slow" });
    socket?.disconnect();
  },
  async handshake() {
    await new Promise((resolve) => {
      const request = http.get(`${url}/socket.io/?EIO=4&transport=polling`, (response) => response.resume().on("end", resolve));
      request.on("error", resolve);
    });
  },
  async nonsense() {
    const socket = await come();
    if (!socket) return;
    socket.io.engine.write(draw(["2[]", "9", "51-[\"half an event\",{\"_placeholder\":true,\"num\":0}]", "0/a,\"x\"", "2" + "[".repeat(10_000)]));
    await new Promise((resolve) => socket.once("disconnect", resolve));
  },
};

const end = Date.now() + Number(minutes) * 60_000;

async function worker() {
  while (Date.now() < end) {
    const act = draw(Object.keys(acts));
    await acts[act]();
    counts[act] = (counts[act] ?? 0) + 1;
    await sleep(20);
  }
}

const samples = [];
const sampling = setInterval(() => {
  samples.push(resident());
  console.log(`${samples.length} × 10 s: ${samples.at(-1)} kB`);
}, 10_000);

await Promise.race([Promise.all(Array.from({ length: WORKERS }, worker)), died]);
clearInterval(sampling);

// Abandoned sessions are gone after the heartbeat.
const watcher = io(`${url}/admin`, { forceNew: true, transports: ["websocket"] });
await once(watcher, "connect");
let clients;
do {
  await sleep(500);
  clients = await new Promise((resolve) => watcher.emit("clients", resolve));
} while (clients.engine > 1);
watcher.disconnect();
ending = true;
const last = resident();
server.kill("SIGTERM");
const [code] = server.exitCode === null ? await once(server, "exit") : [server.exitCode];

const quarter = samples.slice(0, Math.max(1, Math.floor(samples.length / 4)));
const early = Math.max(...quarter);
const late = Math.max(...samples.slice(-quarter.length));
console.log(counts);
console.log(`acts: ${Object.values(counts).reduce((a, b) => a + b, 0)} in ${minutes} minutes`);
console.log(`resident: at most ${early} kB in the first quarter, ${late} kB in the last one, ${last} kB when all have gone`);
console.log(`the server ended with status ${code}`);
// A fifth and a megabyte for chance.
const isFlat = late <= early * 1.2 + 1024;
if (!isFlat || code !== 0) {
  console.log("FAILED");
  process.exit(1);
}
console.log("flat");
process.exit(0);
