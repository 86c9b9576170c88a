// Drives the page of push_or_poll.
//
//     node pages.mjs WORK PROGRAM

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

const [work, program] = process.argv.slice(2).map((name) => path.resolve(name));
const { chromium } = createRequire(path.join(work, "package.json"))("playwright-core");
const WAYS = ["poll", "longpoll", "push"];

// A watchdog: no machine is so slow.
const WAIT = { timeout: 300_000, polling: 100 };

let passed = 0;
let failed = 0;

async function check(name, action) {
  try {
    await action();
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${String(error.message).split("\n")[0]}`);
  }
}

function equal(got, wanted, what) {
  const [g, w] = [got, wanted].map((value) => JSON.stringify(value));
  if (g !== w) throw new Error(`${what}: ${g}, not ${w}`);
}

function atLeast(got, least, what) {
  if (!(got >= least)) throw new Error(`${what}: ${got}, not ${least} at least`);
}

let child;
process.on("exit", () => child?.kill("SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

// Four ports in a row, outside of those that the system gives away by itself.
async function start() {
  for (let port = 20_000; port < 30_000; port += 4) {
    child = spawn(program, ["--port", String(port), "--every", "100"], { stdio: ["ignore", "pipe", "pipe"] });
    const line = await Promise.race([
      once(createInterface(child.stdout), "line").then(([line]) => line),
      once(child, "exit").then(() => undefined),
    ]);
    if (line) return line.match(/http:\S+/)[0];
  }
  throw new Error("no free ports");
}

const url = await start();
const port = Number(new URL(url).port);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const context = await browser.newContext();
const faults = [];

// A tab, and what the tools of the browser see of its connections.
async function open() {
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  // They come in any order.
  const [requests, asked, answered, frames] = [new Map(), new Map(), new Map(), []];
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => requests.set(requestId, request));
  devtools.on("Network.webSocketCreated", ({ requestId, url }) => requests.set(requestId, { method: "GET", url }));
  devtools.on("Network.requestWillBeSentExtraInfo", ({ requestId, headers }) => asked.set(requestId, headers));
  devtools.on("Network.responseReceivedExtraInfo", (answer) => answered.set(answer.requestId, answer));
  devtools.on("Network.webSocketHandshakeResponseReceived", ({ requestId, response }) => {
    asked.set(requestId, response.requestHeaders);
    answered.set(requestId, response);
  });
  for (const [event, direction] of [["webSocketFrameSent", "received"], ["webSocketFrameReceived", "sent"]]) {
    devtools.on(`Network.${event}`, ({ response }) => frames.push([direction, Buffer.byteLength(response.payloadData)]));
  }
  await page.goto(url);
  await page.locator("input").fill("200");
  return { page, seen: () => seen(requests, asked, answered, frames) };
}

// Of each way the requests, and the bytes to the server and from it, heads included. Bodies have the length that their heads say.
function seen(requests, asked, answered, frames) {
  const found = Object.fromEntries(WAYS.map((way) => [way, { requests: 0, received: 0, sent: 0 }]));
  for (const [id, headers] of asked) {
    const { method, url, postData } = requests.get(id);
    const { port: to, pathname, search } = new URL(url);
    const of = found[WAYS[Number(to) - port - 1]];
    if (!of) continue;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join("")}\r\n`;
    const answer = answered.get(id);
    of.requests++;
    of.received += Buffer.byteLength(head) + Buffer.byteLength(postData ?? "");
    of.sent += Buffer.byteLength(answer.headersText) + Number(answer.headers["Content-Length"] ?? 0);
  }
  // RFC 6455, section 5.2: what stands in front of a payload, with a mask from the client.
  for (const [direction, length] of frames) {
    found.push[direction] += (length < 126 ? 2 : 4) + (direction === "received" ? 4 : 0) + length;
  }
  return found;
}

const shown = (page, way, row) =>
  page.evaluate(([way, row, rows]) => {
    const cells = document.querySelectorAll(`[data-way=${way}] td`);
    return Number(cells[rows.indexOf(row)].dataset.value);
  }, [way, row, ["requests", "server", "connections", "received", "sent", "events", "each", "delay", "mean", "worst"]]);

async function events(page, number) {
  for (const way of WAYS) {
    await page.waitForFunction(
      ([way, number]) => Number(document.querySelectorAll(`[data-way=${way}] td`)[5].dataset.value) >= number,
      [way, number],
      WAIT,
    );
  }
}

// Nothing goes on any more when the server has counted nothing for a while.
async function stop(tabs) {
  for (const { page } of tabs) {
    for (const way of WAYS) await page.locator(`[data-way=${way}] button`, { hasText: "stop" }).click();
  }
  let last;
  for (;;) {
    const { now, last: number, ...counts } = await tabs[0].page.evaluate(() => window.counts());
    if (last === JSON.stringify(counts)) break;
    last = JSON.stringify(counts);
    await new Promise((done) => setTimeout(done, 1000));
  }
  for (const { page } of tabs) await page.evaluate(() => window.counts());
}

const first = await open();
await check("each way gets the news", () => events(first.page, 20));
await stop([first]);
for (const way of WAYS) {
  await check(`${way}: the page, the browser and the server have counted the same requests`, async () => {
    const { requests } = first.seen()[way];
    atLeast(requests, 1, "requests");
    equal(await shown(first.page, way, "requests"), requests, "the page");
    equal(await shown(first.page, way, "server"), requests, "the server");
  });
}
for (const way of ["poll", "longpoll"]) {
  await check(`${way}: the server has counted the bytes that the browser has seen`, async () => {
    equal(await shown(first.page, way, "received"), first.seen()[way].received, "to the server");
    equal(await shown(first.page, way, "sent"), first.seen()[way].sent, "to the page");
  });
}
await check("push: the server has counted the bytes that the browser has seen, and both Closes", async () => {
  // The tools of the browser do not show Closes: one without a code and with a mask, and its answer.
  equal(await shown(first.page, "push", "received"), first.seen().push.received + 6, "to the server");
  equal(await shown(first.page, "push", "sent"), first.seen().push.sent + 2, "to the page");
});
await check("push: one connection, and the least bytes for each event", async () => {
  equal(await shown(first.page, "push", "connections"), 1, "connections");
  const [poll, longpoll, push] = await Promise.all(WAYS.map((way) => shown(first.page, way, "each")));
  atLeast(poll, push, "bytes of polling");
  atLeast(longpoll, 2 * push, "bytes of long-polling");
});
await check("asking at an interval is the latest", async () => {
  const [poll, longpoll, push] = await Promise.all(WAYS.map((way) => shown(first.page, way, "mean")));
  atLeast(poll, Math.max(longpoll, push), "the delay of polling");
});

const second = await open();
for (const way of WAYS) await first.page.locator(`[data-way=${way}] button`, { hasText: "start" }).click();
await check("two tabs at the same time get the news", async () => {
  await events(second.page, 20);
  await events(first.page, 40);
});
await stop([first, second]);
for (const way of WAYS) {
  await check(`${way}: the server has counted the requests of both tabs`, async () => {
    const requests = first.seen()[way].requests + second.seen()[way].requests;
    equal(await shown(first.page, way, "server"), requests, "the server");
  });
}
await check("no script has failed", async () => equal(faults, [], "faults"));

await browser.close();
await check("the server ends in order", async () => {
  const end = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await end;
  equal(code, 0, "its status");
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
