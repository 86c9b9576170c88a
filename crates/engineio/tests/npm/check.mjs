// Random packets and payloads, encoded and decoded by npm's engine.io-parser and by ours: both have to
// agree, in both directions.
//
//     node check.mjs CODEC [COUNT]

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { encodePayload, decodePayload } = require("engine.io-parser");
const [codec, count = "10000"] = process.argv.slice(2);

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const hex = (data) => Buffer.from(data).toString("hex");

// A generator with a seed, so that a failure comes again.
let state = 0x2545f491;
const below = (n) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
};

const CHARACTERS = ["a", "Z", "0", "4", "b", "{", '"', "\\", "\n", "\0", "\u00e4", "\u20ac", "\u{1f600}", " "];
const text = () => Array.from({ length: below(12) }, () => CHARACTERS[below(CHARACTERS.length)]).join("");
const bytes = () => Buffer.from(Array.from({ length: below(40) }, () => below(256)));
const packet = () => {
  if (below(3) === 0) return { type: "message", data: bytes() };
  const data = text();
  return data === "" ? { type: TYPES[below(7)] } : { type: TYPES[below(7)], data };
};

// In the words of the pipe.
const written = ({ type, data }) => {
  if (type === "error") return "!";
  if (Buffer.isBuffer(data)) return `b${hex(data)}`;
  return `${TYPES.indexOf(type)}${hex(data ?? "")}`;
};

const encode = (packets) => new Promise((resolve) => encodePayload(packets, resolve));
const decode = (body) => decodePayload(body, "nodebuffer").map(written).join(" ");

// A payload with a fault somewhere, but with no base64 that is none: there npm guesses, and ours refuses.
const broken = (body) => {
  const at = below(body.length + 1);
  const faults = ["\u001e", "7", "\u001e\u001e", "", "x"];
  return body.slice(0, at) + faults[below(faults.length)] + body.slice(at + below(2));
};
const hasBase64 = (body) => body.split("\u001e").some((part) => part.startsWith("b"));

const questions = [];
const answers = [];
for (let i = 0; i < Number(count); i++) {
  const packets = Array.from({ length: 1 + below(6) }, packet);
  const body = await encode(packets);
  questions.push(`encode ${packets.map(written).join(" ")}`, `decode ${hex(body)}`);
  answers.push(hex(body), decode(body));
  const other = broken(body);
  if (!hasBase64(other) && !/[\ud800-\udfff]/.test(other.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""))) {
    questions.push(`decode ${hex(other)}`);
    answers.push(decode(other));
  }
}

const { stdout, status, error } = spawnSync(codec, { input: questions.join("\n") + "\n", maxBuffer: 1 << 30 });
if (error || status !== 0) throw error ?? new Error(`the codec ended with ${status}`);
const ours = stdout.toString().trimEnd().split("\n");
const at = answers.findIndex((answer, i) => answer !== ours[i]);
if (at >= 0 || ours.length !== answers.length) {
  console.error(`${questions[at]}\n  npm:  ${answers[at]}\n  ours: ${ours[at]}`);
  process.exit(1);
}
console.log(`${count} payloads, ${answers.length} answers: npm's engine.io-parser and ours agree`);
