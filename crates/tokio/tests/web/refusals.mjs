// What is no handshake, or one of a stranger, is refused with the right status over both versions of HTTP.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { CA, TLS, bounded, check, equal, start, stop } from "./support.mjs";

const ca = readFileSync(CA);
const HANDSHAKE = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
const CONNECT = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/", "sec-websocket-version": "13" };

// The status, the headers and the body that answer a handshake with these headers changed; null takes one away.
async function by_http1(server, method, changed) {
  const headers = Object.fromEntries(Object.entries({ ...HANDSHAKE, ...changed }).filter(([, value]) => value !== null));
  const client = server.url.startsWith("https") ? https : http;
  const request = client.request(server.url, { method, headers, ca, agent: false, servername: "localhost" });
  const answer = Promise.race([once(request, "response"), once(request, "upgrade")]);
  request.end();
  const [response, socket] = await bounded(answer, "the answer");
  if (response.statusCode === 101) {
    socket.destroy();
    return { status: 101, headers: response.headers, body: "" };
  }
  const parts = [];
  for await (const part of response) parts.push(part);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() };
}

async function by_http2(session, changed) {
  const headers = Object.fromEntries(Object.entries({ ...CONNECT, ...changed }).filter(([, value]) => value !== null));
  const stream = session.request(headers, { endStream: false });
  const [answer] = await bounded(once(stream, "response"), "the answer");
  if (answer[":status"] === 200) {
    stream.close();
    return { status: 200, headers: answer, body: "" };
  }
  stream.end();
  const parts = [];
  for await (const part of stream) parts.push(part);
  return { status: answer[":status"], headers: answer, body: Buffer.concat(parts).toString() };
}

function expect(answer, status, headers = {}) {
  equal(answer.status, status, "the status");
  for (const [name, value] of Object.entries(headers)) equal(answer.headers[name], value, name);
  if (status >= 400 && answer.body === "") throw new Error("no text for a person");
}

for (const [label, options] of [["plain", []], ["TLS", TLS]]) {
  const server = await start("axum_echo", ...options);
  const { origin, port } = new URL(server.url);
  const VERSION = { "sec-websocket-version": "13" };
  for (const [what, method, changed, status, headers] of [
    ["a page of its own", "GET", { origin }, 101],
    ["a program, by another of its names", "GET", { host: `127.0.0.1:${port}` }, 101],
    ["another origin", "GET", { origin: "https://evil.example" }, 403],
    ["another port is another origin", "GET", { origin: "http://localhost:1" }, 403],
    ["an origin that is none", "GET", { origin: "null" }, 403],
    ["a name that is not the server's", "GET", { host: `evil.example:${port}` }, 421],
    ["DNS rebinding: page and server by the same foreign name", "GET", { host: "evil.example", origin: "http://evil.example" }, 421],
    ["version 8", "GET", { "sec-websocket-version": "8" }, 426, VERSION],
    ["no version", "GET", { "sec-websocket-version": null }, 426, VERSION],
    ["no key", "GET", { "sec-websocket-key": null }, 400],
    ["a key that is too short", "GET", { "sec-websocket-key": "c2hvcnQ=" }, 400],
    ["an upgrade to something else", "GET", { upgrade: "h2c" }, 426],
    ["POST", "POST", { "content-length": "0" }, 405, { allow: "GET" }],
  ]) {
    await check(`${label}, HTTP/1.1: ${what}: ${status}`, async () => expect(await by_http1(server, method, changed), status, headers));
  }
  const session = http2.connect(server.url, { ca });
  await bounded(once(session, "remoteSettings"), "the settings");
  for (const [what, changed, status, headers] of [
    ["a page of its own", { origin }, 200],
    ["a program, by another of its names", { ":authority": `127.0.0.1:${port}` }, 200],
    ["another origin", { origin: "https://evil.example" }, 403],
    ["another port is another origin", { origin: "https://localhost:1" }, 403],
    ["an origin that is none", { origin: "null" }, 403],
    ["a name that is not the server's", { ":authority": `evil.example:${port}` }, 421],
    ["DNS rebinding: page and server by the same foreign name", { ":authority": "evil.example", origin: "https://evil.example" }, 421],
    ["version 8", { "sec-websocket-version": "8" }, 426, VERSION],
    ["no version", { "sec-websocket-version": null }, 426, VERSION],
    ["another protocol", { ":protocol": "connect-udp" }, 501],
    ["GET", { ":method": "GET", ":protocol": null }, 405],
    ["POST", { ":method": "POST", ":protocol": null }, 405],
  ]) {
    await check(`${label}, HTTP/2: ${what}: ${status}`, async () => expect(await by_http2(session, changed), status, headers));
  }
  session.destroy();
  await check(`${label}: the server ends`, () => stop(server));
}
process.exit();
