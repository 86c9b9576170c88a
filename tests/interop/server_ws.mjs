// An echo server on npm's `ws`; reports how each connection ended.
//
// usage: server_ws.mjs HOST PORT

import { createRequire } from 'node:module';

const { WebSocketServer } = createRequire(
  new URL('../../target/interop/npm/', import.meta.url),
)('ws');

const LIFETIME_MS = 36_000_000; // `run` ends it long before
setTimeout(() => process.exit(), LIFETIME_MS);

const server = new WebSocketServer({
  host: process.argv[2],
  port: Number(process.argv[3]),
  maxPayload: 64 * 1024 * 1024,
  perMessageDeflate: true, // ours never offers it
  handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
});

server.on('connection', (ws) => {
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
