// Chromium's own WebSocket against one route of axum, by all ways to it: HTTP/1.1, TLS with HTTP/1.1, TLS with HTTP/2.

import { createRequire } from "node:module";
import path from "node:path";
import { PATIENCE, TLS, check, equal, says, start, stop, work } from "./support.mjs";

const { chromium } = createRequire(path.join(work, "package.json"))("playwright-core");

async function browser(...options) {
  const flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
  const opened = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    // The authority of the tests is not one that the system trusts.
    args: [...flags, "--ignore-certificate-errors", "--disable-quic", ...options],
  });
  const context = await opened.newContext();
  context.setDefaultTimeout(PATIENCE);
  return { opened, context };
}

// In the page: opens a socket, does something with it, and tells how it ended.
const session = ([url, protocols, act]) =>
  new Promise((yes, no) => {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    const seen = {};
    socket.onopen = () => Object.assign(seen, { protocol: socket.protocol, extensions: socket.extensions });
    socket.onclose = ({ code, reason, wasClean }) => yes({ ...seen, code, reason, wasClean });
    // What to do is text, since functions do not get into the page.
    Promise.resolve(new Function("socket", "seen", `return (${act})(socket, seen)`)(socket, seen)).catch(no);
  });

const opened = "await new Promise((yes) => socket.addEventListener('open', yes));";
const answer = "new Promise((yes) => socket.addEventListener('message', ({ data }) => yes(data), { once: true }))";

async function ways(label, server, page, { version, protocol }) {
  const url = server.url.replace("http", "ws");
  const run = (act, protocols = []) => page.evaluate(session, [url, protocols, `async (socket, seen) => { ${opened} ${act} }`]);

  await check(`${label}: the page came by ${protocol}`, async () => {
    const came = await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol);
    equal(came, protocol, "the protocol");
  });
  await check(`${label}: subprotocol, compression, text, 1000 with wasClean`, async () => {
    const seen = await run(
      `for (const text of ["", "Grüße, 世界 👋", "x".repeat(70000)]) {
         const back = ${answer};
         socket.send(text);
         if (await back !== text) throw new Error("another text has come back");
       }
       socket.close(1000, "bye");`,
      ["superchat", "chat"],
    );
    equal(seen.protocol, "chat", "the subprotocol");
    if (!seen.extensions.startsWith("permessage-deflate")) throw new Error(`extensions: ${seen.extensions}`);
    equal([seen.code, seen.wasClean], [1000, true], "the end");
    await says(server, new RegExp(`opened by ${version}, subprotocol chat, extension permessage-deflate`));
    await says(server, new RegExp(`by ${version} closed with 1000`));
  });
  for (const kind of ["text", "random bytes"]) {
    await check(`${label}: 3 MB of ${kind} there and back`, async () => {
      const seen = await run(
        `let data = "aé世🌍".repeat(300000);
         if (${kind !== "text"}) {
           data = new Uint8Array(3 << 20);
           for (let at = 0; at < data.length; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
         }
         const back = ${answer};
         socket.send(data);
         const got = await back;
         const same = typeof got === "string" ? got === data : new Uint8Array(got).every((byte, at) => byte === data[at]) && got.byteLength === data.length;
         if (!same) throw new Error("something else has come back");
         socket.close();`,
      );
      equal([seen.code, seen.wasClean], [1005, true], "the end");
      await says(server, new RegExp(`by ${version} closed without a code`));
    });
  }
  await check(`${label}: 1000 messages keep their order`, async () => {
    const seen = await run(
      `let next = 0;
       const all = new Promise((yes, no) => socket.addEventListener("message", ({ data }) => {
         if (data !== String(next)) no(new Error(\`\${data} in place of \${next}\`));
         else if (++next === 1000) yes();
       }));
       for (let number = 0; number < 1000; number++) socket.send(String(number));
       await all;
       socket.close(1000);`,
    );
    equal([seen.code, seen.wasClean], [1000, true], "the end");
  });
  await check(`${label}: the server closes with 3001 and a reason, wasClean`, async () => {
    const seen = await run(`socket.send("close");`);
    equal([seen.code, seen.reason, seen.wasClean], [3001, "enough", true], "the end");
    await says(server, new RegExp(`by ${version} closed with 3001`));
  });
  await check(`${label}: the page closes with 3001 and a reason, wasClean`, async () => {
    const seen = await run(`socket.close(3001, "I have had enough");`);
    equal([seen.code, seen.wasClean], [3001, true], "the end");
    await says(server, new RegExp(`by ${version} closed with 3001`));
  });
  await check(`${label}: a page of another origin is refused`, async () => {
    const other = await page.context().newPage();
    try {
      // The same server by another name: the names differ, so the page is a stranger.
      await other.goto(server.url.replace("localhost", "127.0.0.1"));
      const seen = await other.evaluate(
        (url) =>
          new Promise((yes) => {
            const socket = new WebSocket(url);
            socket.onopen = () => yes("it is open");
            socket.onclose = ({ code, wasClean }) => yes([code, wasClean]);
          }),
        url,
      );
      equal(seen, [1006, false], "the end");
    } finally {
      await other.close();
    }
  });
  await check(`${label}: when the server goes down the page sees 1001`, async () => {
    const seen = page.evaluate(session, [url, [], `async (socket) => { ${opened} socket.send("here"); }`]);
    await says(server, new RegExp(`opened by ${version}`));
    await stop(server);
    const { code, reason, wasClean } = await seen;
    equal([code, reason, wasClean], [1001, "the server goes down", true], "the end");
  });
}

const HTTP1 = { version: "HTTP/1.1", protocol: "http/1.1" };
const HTTP2 = { version: "HTTP/2.0", protocol: "h2" };
for (const [label, options, flags, expected] of [
  ["HTTP/1.1", [], [], HTTP1],
  ["TLS, HTTP/1.1 by ALPN", TLS, ["--disable-http2"], HTTP1],
  ["TLS, HTTP/2 by ALPN", TLS, [], HTTP2],
]) {
  const { opened, context } = await browser(...flags);
  const server = await start("axum_echo", ...options);
  const page = await context.newPage();
  await page.goto(server.url); // 426 with a text: what is there is no page
  await ways(label, server, page, expected);
  await opened.close();
}
process.exit();
