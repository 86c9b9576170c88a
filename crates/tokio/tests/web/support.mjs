// What the scripts share: checks and their lines, our servers and what they say.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";

// Where node_modules and the certificates are, and our programs.
export const [work, programs] = process.argv.slice(2).map((folder) => path.resolve(folder));
export const CA = path.join(work, "certificates/ca.pem");
export const TLS = ["--tls", ...["pem", "key"].map((kind) => path.join(work, `certificates/ecdsa.${kind}`))];

// A watchdog: no machine is so slow.
export const PATIENCE = 120_000;

export async function check(name, action) {
  try {
    await bounded(action(), "the check", 2 * PATIENCE); // what it waits for may tell more
    console.log(`ok ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${name}: ${String(error?.message ?? error).split("\n")[0]}`);
  }
}

export function equal(got, wanted, what) {
  const [g, w] = [got, wanted].map((value) => JSON.stringify(value));
  if (g !== w) throw new Error(`${what}: ${g?.slice(0, 300)}, not ${w?.slice(0, 300)}`);
}

export async function bounded(promise, what, time = PATIENCE) {
  let timer;
  const late = new Promise((_, no) => (timer = setTimeout(no, time, new Error(`${what} takes too long`))));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

// Starts a program at a free port. What it says can be waited for, each line once.
export async function start(program, ...options) {
  const child = spawn(path.join(programs, program), ["127.0.0.1:0", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const server = { program, child, lines: [], waiting: [], ended: once(child, "exit") };
  server.ended.then(() => children.delete(child));
  const hear = (line) => {
    server.lines.push(line);
    for (const look of server.waiting) look();
  };
  for (const output of [child.stdout, child.stderr]) createInterface(output).on("line", hear);
  server.url = (await says(server, /https?:\/\/\S+(?=,)/)).replace("127.0.0.1", "localhost");
  return server;
}

// Waits for a line that matches, takes it and all before it away, and returns what has matched.
export async function says(server, pattern) {
  let look;
  const found = new Promise((yes) => {
    look = () => {
      const at = server.lines.findIndex((line) => pattern.test(line));
      if (at >= 0) yes(server.lines.splice(0, at + 1)[at].match(pattern)[0]);
    };
  });
  server.waiting.push(look);
  look();
  try {
    const gone = server.ended.then(([code]) => {
      throw new Error(`${server.program} has ended with status ${code}`);
    });
    gone.catch(() => {});
    return await bounded(Promise.race([found, gone]), `a line like ${pattern} of ${server.program}`);
  } catch (error) {
    throw new Error(`${error.message}; it said ${JSON.stringify(server.lines.slice(-5))}`);
  } finally {
    server.waiting.splice(server.waiting.indexOf(look), 1);
  }
}

// Ends it as an administrator does.
export async function stop(server) {
  server.child.kill("SIGTERM");
  const [code] = await bounded(server.ended, "the end of the server");
  equal(code, 0, "the status of the server");
}
