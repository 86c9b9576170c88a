// The chat in tabs of Chromium, over HTTP/2 by TLS and over HTTP/1.1.

import { createRequire } from "node:module";
import path from "node:path";
import { PATIENCE, TLS, check, equal, says, start, stop, work } from "./support.mjs";

const require = createRequire(path.join(work, "package.json"));
const { chromium } = require("playwright-core");
const { WebSocket } = require("ws");

// Background tabs have no animation frames, hence the polling.
const WAIT = { timeout: PATIENCE, polling: 100 };

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--ignore-certificate-errors", "--disable-quic"],
});
const context = await browser.newContext();
context.setDefaultTimeout(PATIENCE);
const faults = [];

async function enter(server, name, room) {
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("WebSocket connection")) faults.push(message.text());
  });
  await page.goto(server.url);
  await page.fill("#name", name);
  await page.fill("#room", room);
  await page.click("#enter");
  await page.waitForFunction((state) => document.getElementById("state").textContent === state, `${name} is in ${room}.`, WAIT);
  return page;
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.click("#say");
}

// The line, and its class: who has said it, or the server.
const hears = (page, who, text) =>
  page.waitForFunction(
    ([who, text]) =>
      [...document.querySelectorAll("#lines li")].some((line) => {
        const speaker = line.querySelector(".who")?.textContent ?? "";
        return speaker === who && line.textContent === who + text && line.classList.contains("server") === (who === "");
      }),
    [who, text],
    WAIT,
  );
const lines = (page) => page.$$eval("#lines li", (items) => items.map((item) => item.textContent));

async function rooms(label, server, version) {
  let ada, grace, alan;
  await check(`${label}: tabs come in`, async () => {
    ada = await enter(server, "Ada", "kitchen");
    await says(server, new RegExp(`Ada in kitchen \\(127.0.0.1:\\d+, ${version}\\) comes in`));
    grace = await enter(server, "Grace", "kitchen");
    await hears(ada, "", "Grace comes in");
    alan = await enter(server, "Ålan", "garden");
    await hears(alan, "", "Ålan comes in");
  });
  await check(`${label}: who is in the room hears what is said, as text`, async () => {
    await say(ada, "hello <b>all</b>\there 🚢");
    for (const page of [ada, grace]) await hears(page, "Ada", "hello <b>all</b>\there 🚢");
    await say(grace, "\tnobody");
    for (const page of [ada, grace]) await hears(page, "Grace", "\tnobody");
  });
  await check(`${label}: the others do not`, async () => {
    await say(alan, "echo?");
    await hears(alan, "Ålan", "echo?"); // behind all that was said in the kitchen
    equal(await lines(alan), ["Ålan comes in", "Ålanecho?"], "the lines in the garden");
  });
  await check(`${label}: a tab that is closed has left`, async () => {
    await grace.close();
    await hears(ada, "", "Grace has left");
    await says(server, /Grace in kitchen .* has gone/);
  });
  await check(`${label}: another room, by the same tab`, async () => {
    await ada.fill("#room", "garden");
    await ada.click("#enter", { force: true });
    await hears(alan, "", "Ada comes in");
    await says(server, /Ada in kitchen .* has gone: closed with 1000/);
  });
  await check(`${label}: binary is refused with 1003`, async () => {
    const code = await alan.evaluate(
      () =>
        new Promise((yes) => {
          const socket = new WebSocket(location.origin.replace("http", "ws") + "/rooms/garden/Robot");
          socket.onopen = () => socket.send(new Uint8Array(3));
          socket.onclose = ({ code }) => yes(code);
        }),
    );
    equal(code, 1003, "the code");
  });
  await check(`${label}: a name that is none is refused`, async () => {
    const response = await context.request.get(new URL("/rooms/garden/a%09b", server.url).href, { ignoreHTTPSErrors: true });
    equal(response.status(), 400, "the status");
  });
  await check(`${label}: SIGTERM closes all with 1001`, async () => {
    await stop(server);
    for (const page of [ada, alan]) {
      await page.waitForFunction(() => document.getElementById("state").textContent === "Disconnected: the server goes down (1001).", null, WAIT);
    }
  });
}

// A client that does not read is behind by more than what its network holds, and then by more than it may.
async function slow(server) {
  const url = server.url.replace("http", "ws") + "/rooms/loud";
  const [sloth, talker] = await Promise.all(
    ["Sloth", "Talker"].map(
      (name) =>
        new Promise((yes, no) => {
          const socket = new WebSocket(`${url}/${name}`, { perMessageDeflate: false });
          socket.on("error", no).on("open", () => yes(socket));
        }),
    ),
  );
  const ended = new Promise((yes) => sloth.on("close", (code, reason) => yes([code, reason.toString()])));
  sloth.pause();
  let heard = 0;
  const too_slow = says(server, /Sloth is too slow: disconnected/).then(() => true);
  // Some at a time, and the next ones when those have come back: the talker itself is not slow.
  const line = "x".repeat(4000);
  for (let late = false; !late; ) {
    const back = new Promise((yes) => talker.on("message", () => ++heard % 50 === 0 && yes(false)));
    for (let number = 0; number < 50; number++) talker.send(line);
    late = await Promise.race([too_slow, back]);
    talker.removeAllListeners("message");
    heard = 0;
  }
  sloth.resume();
  equal(await ended, [1013, "too slow: you have missed lines"], "the end");
  talker.close(1000);
  await says(server, /Talker in loud .* has gone: closed with 1000/);
}

const plain = await start("axum_chat");
await check("who does not read is disconnected with 1013, and hears why", () => slow(plain));
await rooms("HTTP/1.1", plain, "HTTP/1.1");
await rooms("TLS, HTTP/2", await start("axum_chat", ...TLS), "HTTP/2.0");
await check("no script has failed", async () => equal(faults, [], "faults"));
await browser.close();
process.exit();
