// npm's modules, from the folder into which `run` has installed them.

import { createRequire } from "node:module";

export const require = createRequire(new URL("../../../../target/engineio-clients/", import.meta.url));

// The arguments of a check: NAME=VALUE.
export const given = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split("=")));

// A watchdog: no machine is so slow.
export const WATCHDOG = 120_000;

// What is promised, or an error when the watchdog bites.
export const within = (promise, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing for ${WATCHDOG / 1000} s: ${what}`)), WATCHDOG);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
