// permessage-deflate with npm's `ws`. What rows are, `deflate.py` says; the messages are those of
// common.py.
//
// usage: deflate_ws.mjs client URL ROW...
//        deflate_ws.mjs server HOST [PORT ROW]...

import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';

const { WebSocket, WebSocketServer } = createRequire(
  new URL('../../target/interop/npm/', import.meta.url),
)('ws');

const LIMIT = 64 * 1024 * 1024;
const ROW_MS = 550_000;
const LIFETIME_MS = 36_000_000; // `run` ends it long before

const OPTIONS = {
  server_no_context_takeover: 'serverNoContextTakeover',
  client_no_context_takeover: 'clientNoContextTakeover',
  server_max_window_bits: 'serverMaxWindowBits',
  client_max_window_bits: 'clientMaxWindowBits',
};

// Every message is compressed, however small.
function perMessageDeflate(row) {
  const options = { threshold: 0 };
  for (const parameter of row.split(',')) {
    const [name, value] = parameter.split('=');
    if (name in OPTIONS) options[OPTIONS[name]] = value ? Number(value) : true;
  }
  return options;
}

const DISTANCES = [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 40000];

const mixedText = (size) => 'aé€𝄞'.repeat(Math.floor(size / 10)) + 'x'.repeat(size % 10);
const stripes = (size) => Buffer.alloc(size, Uint8Array.from({ length: 16 }, (_, i) => i));
// A stream cipher: it cannot be compressed, and is the same in each run.
const noise = (size) =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16, size % 251)).update(
    Buffer.alloc(size),
  );

const mixed = (sizes) => sizes.flatMap((size) => [mixedText(size), stripes(size), noise(size)]);

function messages(row) {
  if (row === 'large') return mixed([1 << 20, 16 << 20]);
  const far = Buffer.concat(DISTANCES.flatMap((n) => [noise(n), noise(n)]));
  return [...mixed([0, 1, 125, 126, 1000, 65536]), far, far];
}

function pieces(data, length) {
  const cut = [];
  for (let at = 0; at < data.length; at += length) cut.push(data.subarray(at, at + length));
  return [...cut, Buffer.alloc(0)];
}

async function runRow(url, row) {
  const ws = new WebSocket(url, { perMessageDeflate: perMessageDeflate(row), maxPayload: LIMIT });
  const signal = AbortSignal.timeout(ROW_MS);
  const end = once(ws, 'close', { signal });
  const early = end.then(([code]) => Promise.reject(new Error(`closed too early, ${code}`)));
  early.catch(() => {});
  const next = (event) => Promise.race([once(ws, event, { signal }), early]);
  const expectEcho = async (reply, wanted, wantedBinary) => {
    const [got, isBinary] = await reply;
    if (isBinary !== wantedBinary || !got.equals(wanted))
      throw new Error(`wrong echo of ${wanted.length} bytes: ${got.length} bytes`);
  };
  try {
    await next('open');
    for (const message of messages(row)) {
      const reply = next('message');
      ws.send(message);
      await expectEcho(reply, Buffer.from(message), typeof message !== 'string');
    }
    const text = Buffer.from(mixedText(40));
    const bytes = stripes(70_000);
    for (const [data, length, isBinary] of [[text, 3, false], [bytes, 14_000, true]]) {
      const parts = pieces(data, length);
      const reply = next('message');
      for (const [at, part] of parts.entries())
        ws.send(part, { binary: isBinary, fin: at === parts.length - 1 });
      await expectEcho(reply, data, isBinary);
    }
    ws.close(1000);
    const [code] = await end;
    if (code !== 1000) throw new Error(`close code ${code}`);
  } finally {
    ws.on('error', () => {}); // what terminating a connection still opening would raise
    ws.terminate();
  }
}

function serve(host, port, row) {
  const options = { perMessageDeflate: perMessageDeflate(row), maxPayload: LIMIT };
  new WebSocketServer({ host, port, ...options }).on('connection', (ws) => {
    console.log('opened');
    let failure = null;
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    ws.on('error', (error) => (failure = error));
    ws.on('close', (code, reason) => {
      if (failure) console.log(`unclean ${failure}`);
      else if (code === 1006) console.log('unclean: no close frame');
      else console.log(`closed ${code} ${reason}`);
    });
  });
}

const [role, where, ...rest] = process.argv.slice(2);
if (role === 'server') {
  setTimeout(() => process.exit(), LIFETIME_MS);
  for (let at = 0; at < rest.length; at += 2) serve(where, Number(rest[at]), rest[at + 1]);
} else {
  for (const row of rest) {
    try {
      await runRow(where, row);
      console.log(`ok ${row}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`FAIL ${row} ${error}`.replaceAll('\n', ' '));
    }
  }
}
