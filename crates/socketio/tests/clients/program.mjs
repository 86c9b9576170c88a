// A server that a check starts and ends by itself. How it is called stands behind `--` in the arguments.

import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { given, within } from "./npm.mjs";

const command = process.argv.slice(process.argv.indexOf("--") + 1);
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const ports = given.ports.split(",");

export class Program {
  static async start(name, options = []) {
    const program = new Program();
    program.name = name;
    program.options = options;
    program.port = ports.shift();
    await program.run();
    return program;
  }

  async run() {
    const [path, ...first] = command;
    const args = [...first, "--port", `${this.port}`, ...this.options];
    const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    const log = createWriteStream(`${given.logs}/${this.name}.log`, { flags: "a" });
    child.stderr.pipe(log);
    let said = "";
    const listening = new Promise((resolve) => child.stdout.on("data", (data) => {
      said += data;
      if (said.split("\n").includes(`listening on 127.0.0.1:${this.port}`)) resolve();
    }));
    this.ended = new Promise((resolve) => child.on("exit", (status, signal) => {
      running.delete(child);
      resolve(signal ?? status);
    }));
    this.child = child;
    const early = this.ended.then((status) => Promise.reject(new Error(`the server ended with ${status}`)));
    await within(Promise.race([listening, early]), "the server to listen");
  }

  signal(name) {
    this.child.kill(name);
  }

  // It ends by itself, with status 0, and soon: two seconds are the contract's, the rest is for slow machines.
  async end() {
    const begin = Date.now();
    const status = await within(this.ended, "the end of the server");
    if (status !== 0) throw new Error(`the server ended with ${status}`);
    if (Date.now() - begin > 20_000) throw new Error("the server took its time");
  }

  // Whatever happened before.
  kill() {
    this.child.kill("SIGKILL");
  }
}
