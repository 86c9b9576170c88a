// What the servers of npm packages that are measured have in common: options, and garbage.
//
//     node [--expose-gc] SERVER --modules DIR [--port N] [--ping-interval MS] [--ping-timeout MS]

import { createRequire } from "node:module";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    modules: { type: "string" },
    port: { type: "string", default: "3000" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
  },
});

export const require = createRequire(`${values.modules}/`);

export const heartbeat = {
  pingInterval: Number(values["ping-interval"]),
  pingTimeout: Number(values["ping-timeout"]),
};

export const http = createServer();

export function listen() {
  http.listen(Number(values.port), "127.0.0.1", () => {
    console.log(`listening on 127.0.0.1:${http.address().port}`);
  });
  // Whoever measures memory asks for a collection first: garbage is not what a client costs. Twice, with a turn
  // of the loop between: what was only held by a finalizer goes with the second.
  if (globalThis.gc) {
    process.on("SIGUSR2", () => {
      globalThis.gc();
      setTimeout(() => {
        globalThis.gc();
        console.log("collected");
      }, 200);
    });
  }
}
