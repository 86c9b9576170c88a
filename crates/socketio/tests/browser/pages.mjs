// Drives the pages of the example programs in two tabs of headless Chromium.
//
//     node pages.mjs WORK PROGRAMS
//
// WORK has node_modules, PROGRAMS the programs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

const [work, programs] = process.argv.slice(2).map((folder) => path.resolve(folder));
const { chromium } = createRequire(path.join(work, "package.json"))("playwright-core");
const CLIENT = path.join(work, "node_modules/socket.io/client-dist");

// A watchdog: no machine is so slow. Background tabs have no animation frames, hence the polling.
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

const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

// Starts a program. Port 0 is any free one; it says which.
async function start(program, port = 0, client = CLIENT) {
  const options = [`127.0.0.1:${port}`, "--client", client];
  const child = spawn(path.join(programs, program), options, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.on("exit", () => children.delete(child));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${program} ended with status ${code}`);
  });
  ended.catch(() => {});
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  const [url] = line.match(/http:\S+/);
  return { url, port: new URL(url).port, child };
}

async function stop({ child }) {
  const end = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await end;
  equal(code, 0, "the status of the server");
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const context = await browser.newContext();
context.setDefaultTimeout(WAIT.timeout);
const faults = [];

async function open(url) {
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.sockets = [];
  page.on("websocket", (socket) => page.sockets.push(socket.url()));
  await page.goto(url);
  return page;
}

async function until(page, what, condition, argument) {
  try {
    await page.waitForFunction(condition, argument, WAIT);
  } catch (error) {
    const body = await page.evaluate(() => document.body.innerText.slice(0, 400));
    throw new Error(`${what}: ${error.message.split("\n")[0]}; the page says ${JSON.stringify(body)}`);
  }
}

const names = (page) => page.$$eval("#names li", (items) => items.map((item) => item.textContent));

async function loginList() {
  let server = await start("login_list");
  const tabs = [await open(server.url), await open(server.url)];
  const shows = (tab, wanted) =>
    until(tab, `the names ${wanted}`, (list) => {
      const items = [...document.querySelectorAll("#names li")].map((item) => item.textContent);
      return JSON.stringify(items) === JSON.stringify(list);
    }, wanted);
  const login = async (tab, name) => {
    await tab.fill("#name", name);
    await tab.click("button");
  };
  await check("login list: both tabs connect", async () => {
    for (const tab of tabs) {
      await until(tab, "connected", () => document.getElementById("state").textContent === "connected");
      equal(await names(tab), [], "the names");
      equal(await tab.isHidden("#help"), true, "the help is hidden");
    }
  });
  await check("login list: a name appears in both tabs, whoever logs in", async () => {
    await login(tabs[0], "Ada");
    for (const tab of tabs) await shows(tab, ["Ada"]);
    await login(tabs[1], "Grace 🚢 <b>Hopper</b>");
    for (const tab of tabs) await shows(tab, ["Ada", "Grace 🚢 <b>Hopper</b>"]);
  });
  await check("login list: who comes later gets the list", async () => {
    const late = await open(server.url);
    await shows(late, ["Ada", "Grace 🚢 <b>Hopper</b>"]);
    await late.close();
  });
  await check("login list: the transport becomes a WebSocket", async () => {
    for (const tab of tabs) equal(tab.sockets.length, 1, "WebSockets");
  });
  await check("login list: the server ends, and the tabs come back to the next one", async () => {
    await stop(server);
    for (const tab of tabs) {
      await until(tab, "not connected", () => document.getElementById("state").textContent.startsWith("not connected"));
    }
    server = await start("login_list", server.port);
    for (const tab of tabs) {
      await until(tab, "connected", () => document.getElementById("state").textContent === "connected");
      await shows(tab, []);
    }
    await login(tabs[1], "again");
    for (const tab of tabs) await shows(tab, ["again"]);
  });
  for (const tab of tabs) await tab.close();
  await stop(server);
}

async function chat() {
  const server = await start("socketio_chat");
  const [ada, bob, eve] = [await open(server.url), await open(server.url), await open(server.url)];
  const has = (tab, line) =>
    until(tab, `the line ${line}`, (wanted) => document.getElementById("lines").textContent.split("\n").includes(wanted), line);
  const lacks = async (tab, line) => {
    const lines = await tab.evaluate(() => document.getElementById("lines").textContent.split("\n"));
    equal(lines.includes(line), false, `the line ${line}`);
  };
  const enter = async (tab, name, room) => {
    await tab.fill("#name", name);
    await tab.fill("#room", room);
    await tab.click("#enter button");
    await has(tab, `you are in ${room}`);
  };
  const say = async (tab, words) => {
    await tab.fill("#text", words);
    await tab.click("#say button");
  };
  const rooms = (tab, wanted) =>
    until(tab, `the rooms ${wanted}`, (text) => document.getElementById("rooms").textContent === text, wanted);
  await check("chat: a room hears who comes and what is said", async () => {
    await enter(ada, "ada", "lobby");
    await enter(bob, "bob", "lobby");
    await has(ada, "bob comes");
    await say(bob, "hello <i>all</i>");
    for (const tab of [ada, bob]) await has(tab, "bob: hello <i>all</i>");
  });
  await check("chat: other rooms do not hear it, and all see how many are where", async () => {
    await enter(eve, "eve", "kitchen");
    await say(eve, "nobody here");
    await has(eve, "eve: nobody here");
    for (const tab of [ada, bob, eve]) await rooms(tab, "kitchen: 1, lobby: 2");
    await lacks(ada, "eve: nobody here");
    await lacks(eve, "bob: hello <i>all</i>");
  });
  await check("chat: who changes the room leaves the other", async () => {
    await enter(bob, "bob", "kitchen");
    await has(ada, "bob goes");
    await has(eve, "bob comes");
    await rooms(ada, "kitchen: 2, lobby: 1");
  });
  await check("chat: who closes the tab has gone", async () => {
    await bob.close();
    await has(eve, "bob goes");
    await rooms(ada, "kitchen: 1, lobby: 1");
  });
  for (const tab of [ada, eve]) await tab.close();
  await stop(server);
}

async function withoutScript() {
  const server = await start("login_list", 0, path.join(work, "nowhere"));
  await check("without the script the page says what to do", async () => {
    const page = await open(server.url);
    await until(page, "the help", () => !document.getElementById("help").hidden);
    await page.close();
  });
  await stop(server);
}

// A part that cannot go on counts as a failure.
for (const part of [loginList, chat, withoutScript]) {
  try {
    await part();
  } catch (error) {
    await check(part.name, () => {
      throw error;
    });
  }
}
await check("no script error in any page", () => equal(faults, [], "errors"));
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
