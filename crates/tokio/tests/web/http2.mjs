// WebSockets over HTTP/2 (RFC 8441) by node:http2, with frames written by hand, at one route of axum.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { CA, TLS, bounded, check, equal, says, start, stop } from "./support.mjs";

const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
const { NGHTTP2_CANCEL: CANCEL, NGHTTP2_NO_ERROR: NO_ERROR, NGHTTP2_INTERNAL_ERROR: INTERNAL_ERROR } = http2.constants;

// A frame of a client.
function frame(opcode, payload, fin = true) {
  const data = Buffer.from(payload), mask = randomBytes(4);
  const length = data.length < 126 ? [data.length] : data.length < 65536 ? [126, data.length >> 8, data.length & 255]
    : [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (data.length >> shift) & 255)];
  length[0] |= 128;
  return Buffer.concat([Buffer.from([(fin ? 128 : 0) | opcode, ...length]), mask, data.map((byte, at) => byte ^ mask[at & 3])]);
}

// A fragment, and a frame that is not whole.
const fragment = frame(TEXT, "half", false), half = frame(TEXT, "half").subarray(0, 7);
const close = (code, reason) => frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));

async function connect(server) {
  const session = http2.connect(server.url, { ca: readFileSync(CA) });
  session.on("error", () => {}); // those who wait for it hear of it
  const [settings] = await bounded(once(session, "remoteSettings"), "the settings");
  equal(settings.enableConnectProtocol, true, "SETTINGS_ENABLE_CONNECT_PROTOCOL");
  return session;
}

// A WebSocket: what it receives are frames.
async function open(session, headers = {}) {
  const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/", "sec-websocket-version": "13", ...headers });
  stream.on("error", () => {});
  const [answer] = await bounded(once(stream, "response"), "the answer");
  equal(answer[":status"], 200, "the status");
  let buffer = Buffer.alloc(0), wake = () => {}, over = false;
  stream.on("data", (data) => { buffer = Buffer.concat([buffer, data]); wake(); });
  for (const event of ["end", "close"]) stream.on(event, () => { over = true; wake(); });
  const need = async (length) => {
    while (buffer.length < length) {
      if (over) throw new Error(`the stream has ended behind ${buffer.length} bytes`);
      await bounded(new Promise((yes) => (wake = yes)), "a frame");
    }
  };
  return {
    stream, answer,
    // The next frame. A server does not mask.
    async receive() {
      await need(2);
      let [first, length] = buffer, at = 2;
      if (length === 126) { await need(4); length = buffer.readUInt16BE(2); at = 4; }
      if (length === 127) { await need(10); length = Number(buffer.readBigUInt64BE(2)); at = 10; }
      await need(at + length);
      const payload = buffer.subarray(at, at + length);
      buffer = buffer.subarray(at + length);
      return { first, payload };
    },
    async ended() {
      while (!over) await bounded(new Promise((yes) => (wake = yes)), "the end");
      equal(buffer.length, 0, "bytes behind the Close");
    },
  };
}

async function receives(socket, opcode, payload) {
  const got = await socket.receive();
  equal(got.first, 128 | opcode, "the first byte");
  if (!got.payload.equals(Buffer.from(payload))) throw new Error(`${got.payload.length} other bytes have come`);
}

async function exercise(label, server) {
  const session = await connect(server);
  await check(`${label}: text, ping, close 3001`, async () => {
    const socket = await open(session, { "sec-websocket-protocol": "superchat, chat" });
    equal(socket.answer["sec-websocket-protocol"], "chat", "the subprotocol");
    equal(socket.answer["sec-websocket-accept"], undefined, "a header of HTTP/1.1");
    for (const text of ["", "grüße 😀", "x".repeat(70_000)]) {
      socket.stream.write(frame(TEXT, text));
      await receives(socket, TEXT, text);
    }
    socket.stream.write(frame(PING, "there?"));
    await receives(socket, PONG, "there?");
    socket.stream.write(close(3001, "enough"));
    const { first, payload } = await socket.receive();
    equal([first, payload.readUInt16BE(0)], [128 | CLOSE, 3001], "the answer");
    await socket.ended();
    socket.stream.end();
    await says(server, /by HTTP\/2.0 closed with 3001/);
  });
  await check(`${label}: 3 MB, more than the windows of flow control`, async () => {
    const socket = await open(session), data = randomBytes(3_000_000);
    socket.stream.write(frame(BINARY, data));
    await receives(socket, BINARY, data);
    socket.stream.end(close(1000, ""));
    await receives(socket, CLOSE, [3, 232]);
    await socket.ended();
    await says(server, /by HTTP\/2.0 closed with 1000/);
  });
  await check(`${label}: many on one connection, each with its own`, async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(session)));
    sockets.forEach(({ stream }, number) => stream.write(frame(TEXT, `number ${number}`)));
    for (const [number, socket] of [...sockets.entries()].reverse()) await receives(socket, TEXT, `number ${number}`);
    for (const socket of sockets) {
      socket.stream.end(close(1000, ""));
      await receives(socket, CLOSE, [3, 232]);
      await says(server, /by HTTP\/2.0 closed with 1000/);
    }
  });

  await check(`${label}: END_STREAM without a Close`, async () => {
    const socket = await open(session);
    socket.stream.end(fragment);
    await says(server, /by HTTP\/2.0 cut off inside a message/);
  });
  await check(`${label}: END_STREAM behind a Close`, async () => {
    const socket = await open(session);
    socket.stream.end(close(3002, "bye"));
    await says(server, /by HTTP\/2.0 closed with 3002/);
  });
  await check(`${label}: a frame without a mask is an error of the protocol`, async () => {
    const socket = await open(session);
    socket.stream.write(Buffer.from([0x81, 1, 0x61]));
    const { first, payload } = await socket.receive();
    equal([first, payload.readUInt16BE(0)], [128 | CLOSE, 1002], "the answer");
    await says(server, /by HTTP\/2.0 failed/);
  });
  await check(`${label}: the connection goes away with its streams`, async () => {
    const other = await connect(server), socket = await open(other);
    socket.stream.write(Buffer.concat([frame(PING, ""), fragment]));
    await receives(socket, PONG, "");
    other.destroy();
    await says(server, /by HTTP\/2.0 cut off inside a message/);
  });
  await check(`${label}: the server goes down: 1001, and the end of the stream`, async () => {
    const socket = await open(session);
    const stopped = stop(server);
    await receives(socket, CLOSE, Buffer.concat([Buffer.from([3, 233]), Buffer.from("the server goes down")]));
    socket.stream.end(close(1001, ""));
    await socket.ended();
    await stopped;
  });
  session.destroy();
}

// node:http2 sends an empty DATA with END_STREAM before each RST_STREAM, so the reset would never be what ends the
// stream. This relay takes it out. What it forwards is its own: the address of the server by another port.
async function relay(server) {
  const listener = net.createServer((client) => {
    const upstream = net.connect(Number(new URL(server.url).port), "127.0.0.1");
    upstream.pipe(client);
    let buffer = Buffer.alloc(0), head = 24; // the preface
    client.on("data", (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const length = head || (buffer.length >= 9 ? 9 + buffer.readUIntBE(0, 3) : Infinity);
        if (buffer.length < length) return;
        const [type, flags] = [buffer[3], buffer[4]];
        const is_empty_end = !head && length === 9 && type === 0 && flags === 1;
        if (!is_empty_end) upstream.write(buffer.subarray(0, length));
        buffer = buffer.subarray(length);
        head = 0;
      }
    });
    client.on("close", () => upstream.destroy());
    for (const socket of [client, upstream]) socket.on("error", () => {});
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  return { url: `http://localhost:${listener.address().port}` };
}

async function resets(server) {
  const session = await connect(await relay(server));
  for (const [name, code] of Object.entries({ CANCEL, NO_ERROR, INTERNAL_ERROR })) {
    for (const [where, bytes, said] of [
      ["between messages", Buffer.alloc(0), "ended by the peer without a close frame"],
      ["inside a message", fragment, "cut off inside a message"],
      ["inside a frame", half, "cut off inside a frame"],
      ["behind a Close", close(3003, ""), "closed with 3003"],
    ]) {
      await check(`RST_STREAM with ${name} ${where}`, async () => {
        const socket = await open(session);
        // When the answers have come, all of this has arrived: it is one DATA.
        socket.stream.write(Buffer.concat([frame(TEXT, "whole"), frame(PING, ""), bytes]));
        await receives(socket, TEXT, "whole");
        await receives(socket, PONG, "");
        socket.stream.close(code);
        await says(server, new RegExp(`by HTTP/2.0 ${said}`));
      });
    }
  }
  session.destroy();
  await stop(server);
}

await resets(await start("axum_echo"));
await exercise("prior knowledge", await start("axum_echo"));
await exercise("TLS", await start("axum_echo", ...TLS));
process.exit();
