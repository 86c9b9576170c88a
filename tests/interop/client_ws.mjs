// Exercises an echo server with npm's `ws`. The rows and messages are those of common.py.
//
// usage: client_ws.mjs URL [--offer-deflate]

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';

const { WebSocket } = createRequire(new URL('../../target/interop/npm/', import.meta.url))('ws');

const SIZES = [125, 126, 65535, 65536];
const LARGE = 16 * 1024 * 1024;
const LIMIT = 64 * 1024 * 1024;
const ROW_MS = 550_000;
const CLOSE_MS = 10_000; // `ws` itself would cut the TCP connection after 30 s
const CODE = 3456;
const REASON = 'bye for now';

const url = process.argv[2];
const perMessageDeflate = process.argv.includes('--offer-deflate');

const mixedText = (size) => 'aé€𝄞'.repeat(Math.floor(size / 10)) + 'x'.repeat(size % 10);
const binary = (size) => Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, i) => i));

function pieces(data, length) {
  const cut = [];
  for (let at = 0; at < data.length; at += length) cut.push(data.subarray(at, at + length));
  return [...cut, Buffer.alloc(0)];
}

function expect(what, got, wanted) {
  if (isDeepStrictEqual(got, wanted)) return;
  const size = (value) => (value?.length > 40 ? `... (length ${value.length})` : '');
  const brief = (value) => JSON.stringify(String(value).slice(0, 40)) + size(value);
  throw new Error(`${what}: got ${brief(got)}, wanted ${brief(wanted)}`);
}

// Opens a connection, does `work` on it, and closes it, looking closely at how it ends.
async function session(work, { code = 1000, reason = '', protocols = [] } = {}) {
  const ws = new WebSocket(url, protocols, { perMessageDeflate, maxPayload: LIMIT });
  let broken = null; // `ws` keeps quiet about socket errors once the close frames have passed
  ws.on('upgrade', ({ socket }) => socket.on('error', (error) => (broken = error)));

  const signal = AbortSignal.timeout(ROW_MS);
  const end = once(ws, 'close', { signal }); // rejects on an error, too
  const early = end.then(([code]) => Promise.reject(new Error(`closed too early, ${code}`)));
  early.catch(() => {});
  const next = (event) => Promise.race([once(ws, event, { signal }), early]);
  try {
    await next('open');
    expect('extensions in use', ws.extensions, '');
    await work(ws, next);

    const asked = Date.now();
    ws.close(code, reason);
    const [gotCode, gotReason] = await end;
    if (broken) throw broken;
    expect('close code received', gotCode, code);
    if (gotReason.length > 0) expect('close reason received', gotReason.toString(), reason);
    if (Date.now() - asked > CLOSE_MS) throw new Error('the server left the TCP connection open');
  } finally {
    ws.on('error', () => {}); // what terminating a connection still opening would raise
    ws.terminate();
  }
}

const echo = (messages) =>
  session(async (ws, next) => {
    for (const message of messages) {
      const reply = next('message');
      ws.send(message);
      await expectMessage(reply, Buffer.from(message), typeof message !== 'string');
    }
  });

async function expectMessage(reply, wanted, isBinary) {
  const [got, gotIsBinary] = await reply;
  expect('whether it is binary', gotIsBinary, isBinary);
  expect('echo', got, wanted);
}

async function ping(ws, next, payload) {
  const reply = next('pong');
  ws.ping(payload);
  const [got] = await reply;
  expect('pong', got, payload);
}

const ROWS = {
  text: () =>
    echo(['', 'Hello', 'Grüße, 世界 👋', ...SIZES.flatMap((n) => ['x'.repeat(n), mixedText(n)])]),

  binary: () => echo([Buffer.alloc(0), Buffer.from([0, 255]), ...SIZES.map(binary)]),

  fragments: () =>
    session(async (ws, next) => {
      const text = Buffer.from(mixedText(40)); // three bytes a fragment cut characters in two
      const bytes = binary(70_000);
      for (const [data, length, isBinary] of [[text, 3, false], [bytes, 14_000, true]]) {
        const parts = pieces(data, length);
        const reply = next('message');
        for (const [at, part] of parts.entries()) {
          if (at === 2) await ping(ws, next, Buffer.from('between')); // answered within it
          ws.send(part, { binary: isBinary, fin: at === parts.length - 1 });
        }
        await expectMessage(reply, data, isBinary);
      }
    }),

  ping: () =>
    session(async (ws, next) => {
      ws.pong('nobody asked');
      for (const payload of [Buffer.alloc(0), Buffer.from('are you there?'), binary(125)])
        await ping(ws, next, payload);
    }),

  close: () => session(() => {}, { code: CODE, reason: REASON }),

  large: () => echo([binary(LARGE), mixedText(LARGE)]),

  subprotocol: () =>
    session((ws) => expect('subprotocol', ws.protocol, 'chat'), {
      protocols: ['chat', 'superchat'],
    }),
};

for (const [name, row] of Object.entries(ROWS)) {
  try {
    await row();
    console.log(`ok ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${name} ${error}`.replaceAll('\n', ' '));
  }
}
