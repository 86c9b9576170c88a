// Drives the example servers through their pages in headless Chromium.
// Started by ./run: node pages.mjs WORK, where WORK holds node_modules and
// receives the screenshots; ECHO_SERVER and CHAT_SERVER name the commands.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';

const work = path.resolve(process.argv[2] ?? '.');
const { chromium } = createRequire(path.join(work, 'package.json'))('playwright-core');

// Watchdogs: no machine is so slow. Background tabs have no animation frames, hence the polling.
const WAIT = { timeout: 300_000, polling: 100 };
const WHOLE_RUN = 3_600_000;

// ---- checks ----------------------------------------------------------------

let passed = 0, failed = 0;

async function check(name, action) {
  try {
    await action();
    passed++;
    console.log(`ok      ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAILED  ${name}\n        ${String(e.message).split('\n').slice(0, 6).join('\n        ')}`);
  }
}
function equal(got, want, what = 'value') {
  const [g, w] = [got, want].map((v) => JSON.stringify(v));
  if (g !== w) throw new Error(`${what}: got ${g}, expected ${w}`);
}

// Waits for a condition in the page; the message says what the page had instead.
async function until(page, what, condition, arg) {
  try {
    await page.waitForFunction(condition, arg, WAIT);
  } catch (e) {
    const body = await page.evaluate(() => (document.querySelector('#entries, #lines') ?? document.body).innerText.slice(-400)).catch(() => '');
    throw new Error(`${what}: ${e.message.split('\n')[0]}; the page ends with ${JSON.stringify(body)}`);
  }
}
const text = (page, id) => page.evaluate((i) => document.getElementById(i).textContent, id);
const hidden = (page, id) => page.evaluate((i) => document.getElementById(i).hidden, id);

// ---- servers ---------------------------------------------------------------

const children = new Set();

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

async function start(command, port, ...more) {
  const [program, ...args] = existsSync(command) ? [command] : command.split(/\s+/).filter(Boolean);
  const child = spawn(program, [...args, `127.0.0.1:${port}`, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let output = '';
  const keep = (data) => { output = (output + data).slice(-2000); };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const server = { url: `http://127.0.0.1:${port}/`, child, ended: false, output: () => output };
  child.on('error', (e) => { server.ended = true; keep(e.message); });
  child.on('exit', () => { server.ended = true; children.delete(child); });
  for (const start = Date.now(); Date.now() - start < WAIT.timeout;) {
    if (server.ended) break;
    try {
      const answer = await fetch(server.url, { signal: AbortSignal.timeout(WAIT.timeout) });
      server.status = answer.status;
      server.type = answer.headers.get('content-type');
      await answer.arrayBuffer();
      return server;
    } catch { await new Promise((r) => setTimeout(r, 100)); }
  }
  throw new Error(`the server ${command} does not answer at port ${port}: ${output}`);
}

async function stop(server) {   // SIGTERM, and wait for its end
  if (server.ended) return;
  const end = once(server.child, 'exit');
  server.child.kill('SIGTERM');
  await Promise.race([end, new Promise((_, no) => setTimeout(no, WAIT.timeout, new Error('the server does not end after SIGTERM')).unref())]);
}

function killAll() { for (const child of children) child.kill('SIGKILL'); }
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
setTimeout(() => {
  console.log(`FAILED  the whole run took more than ${WHOLE_RUN / 1000} s`);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
}, WHOLE_RUN).unref();

// ---- the browser -----------------------------------------------------------

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
context.setDefaultTimeout(WAIT.timeout);

const faults = [];     // script errors and refusals of the content security policy
const requests = [];   // everything the pages load
context.on('request', (r) => requests.push(r.url()));
async function open(url) {
  const page = await context.newPage();
  page.on('pageerror', (e) => faults.push(String(e)));
  page.on('console', (m) => {
    if (m.type() === 'error' && !m.text().startsWith('WebSocket connection to')) faults.push(m.text());
  });
  await page.goto(url);
  return page;
}

const LOOKS = [
  ['wide-light', 1200, 900, 'light'], ['wide-dark', 1200, 900, 'dark'],
  ['narrow-light', 380, 800, 'light'], ['narrow-dark', 380, 800, 'dark'],
];
async function pictures(page, name, fullPage) {
  const before = page.viewportSize();
  for (const [look, width, height, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: path.join(work, `${name}-${look}.png`), fullPage });
    equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `width of the content at ${look}`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}

// ---- the echo page ---------------------------------------------------------

const state = (page, n) => until(page, `readyState ${n}`, (s) =>
  document.querySelector('#states [aria-current]')?.dataset.state === String(s), n);

// The newest entry of the log with these properties.
async function logged(page, kind, type, size, body) {
  await until(page, `${kind} ${type} of ${size} bytes`, ([k, t, s, b]) =>
    [...document.querySelectorAll(`#entries .${k}.${t}`)].some((li) =>
      li.querySelector('.size').textContent.replaceAll(',', '').startsWith(`${s} byte`) &&
      (b === null || li.querySelector('.body').textContent === b)), [kind, type, size, body ?? null]);
}
async function sendText(page, message) {
  await page.check('#mode-text');
  await page.fill('#message', message);
  await page.press('#message', 'Enter');
}
async function sendHex(page, typed) {
  await page.check('#mode-hex');
  await page.fill('#hex', typed);
  await page.press('#hex', 'Enter');
}
async function complains(page, box, part) {
  await until(page, `complaint “${part}”`, ([b, p]) => {
    const e = document.getElementById(b);
    return !e.hidden && e.textContent.includes(p);
  }, [box, part]);
}
async function closedWith(page, code, reason, clean, meaning) {
  await until(page, 'the close event', () => !document.getElementById('closed').hidden);
  equal(await text(page, 'closed-code'), String(code), 'code');
  if (reason !== undefined) equal(await text(page, 'closed-reason'), reason, 'reason');
  equal(await text(page, 'closed-clean'), String(clean), 'wasClean');
  if (meaning && !(await text(page, 'closed-meaning')).includes(meaning)) throw new Error(`no word of “${meaning}” about the code ${code}`);
}

// 16 MiB there and back, through a socket of the page's own.
const LARGE = ['binary', 'random binary', 'non-ASCII text'];
async function large(page, url, what) {
  equal(await page.evaluate(async ([url, what]) => {
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    await new Promise((yes, no) => { ws.onopen = yes; ws.onclose = no; });
    let out = new Uint8Array(16 << 20);
    if (what === 'binary') out.forEach((_, i) => { out[i] = i * 31 + (i >> 8); });
    else if (what === 'random binary') for (let at = 0; at < out.length; at += 65536) crypto.getRandomValues(out.subarray(at, at + 65536));
    else out = 'aé世🌍'.repeat(1677721);
    const back = new Promise((yes, no) => { ws.onmessage = (e) => yes(e.data); ws.onclose = (e) => no(new Error('closed ' + e.code)); });
    ws.send(out);
    const data = await back, got = typeof data === 'string' ? data : new Uint8Array(data);
    ws.close();
    return got === out || (got.length === out.length && got.every((b, i) => b === out[i]));
  }, [url.replace('http', 'ws'), what]), true);
}

async function echoChecks() {
  const server = await start(process.env.ECHO_SERVER, await freePort());
  await check('echo: the server answers a browser with the page', async () => {
    equal(server.status, 200, 'status');
    equal(server.type, 'text/html; charset=utf-8', 'content type');
  });
  const page = await open(server.url);

  await check('echo: the page connects by itself and shows readyState 1 OPEN', async () => {
    await state(page, 1);
    equal(await page.inputValue('#url'), server.url.replace('http', 'ws'), 'address');
    equal(await page.evaluate(() => document.querySelectorAll('#states [aria-current]').length), 1, 'states shown as present');
    equal(await text(page, 'detail'), 'Agreed on: no subprotocol, no extension.', 'what the page says of it');
  });
  await check('echo: text comes back, Enter sends it', async () => {
    await sendText(page, 'Hello!');
    await logged(page, 'sent', 'text', 6, 'Hello!');
    await logged(page, 'received', 'text', 6, 'Hello!');
    equal(await page.inputValue('#message'), '', 'the field after sending');
  });
  await check('echo: non-ASCII text comes back, its size counted in UTF-8', async () => {
    const message = 'Grüße, 世界 🌍 \u{10ffff} e\u0301';
    await sendText(page, message);
    await logged(page, 'received', 'text', Buffer.byteLength(message), message);
  });
  await check('echo: an empty text message comes back', async () => {
    await sendText(page, '');
    await logged(page, 'received', 'text', 0);
  });
  await check('echo: HTML in a message is shown as text', async () => {
    const message = '<img src=x onerror="document.title=1"><b>bold</b>';
    await sendText(page, message);
    await logged(page, 'received', 'text', message.length, message);
    equal(await page.evaluate(() => document.querySelectorAll('#entries img, #entries b').length), 0, 'elements made from messages');
  });
  await check('echo: binary typed in hexadecimal comes back as binary', async () => {
    await sendHex(page, '00 7f:80,FF 0xc3-28');
    await logged(page, 'sent', 'binary', 6, '00 7f 80 ff c3 28');
    await logged(page, 'received', 'binary', 6, '00 7f 80 ff c3 28');
  });
  await check('echo: random bytes come back, 1 MiB in one message', async () => {
    await page.check('#mode-random');
    await page.fill('#random-size', '1048576');
    await page.click('#send');
    await logged(page, 'received', 'binary', 1048576);
  });
  await check('echo: a file comes back as binary', async () => {
    await page.check('#mode-file');
    await page.setInputFiles('#file', { name: 'small.bin', mimeType: 'application/octet-stream', buffer: Buffer.from([1, 2, 3, 254, 255]) });
    await page.click('#send');
    await logged(page, 'received', 'binary', 5, '01 02 03 fe ff');
  });
  await check('echo: counters agree and a round-trip time is shown', async () => {
    equal(await text(page, 'sent-count'), '7', 'sent');
    equal(await text(page, 'received-count'), '7', 'received');
    equal(await text(page, 'received-bytes'), await text(page, 'sent-bytes'), 'bytes received');
    if (!/^[\d.,]+ ms$/.test(await text(page, 'rtt'))) throw new Error('no round-trip time');
  });

  await check('echo: wrong input is explained and nothing is sent', async () => {
    const before = await text(page, 'sent-count');
    await sendHex(page, '0g');
    await complains(page, 'send-error', 'not a hexadecimal digit');
    await sendHex(page, 'abc');
    await complains(page, 'send-error', 'two hexadecimal digits');
    await sendHex(page, '');
    await complains(page, 'send-error', 'at least one byte');
    await page.check('#mode-random');
    await page.fill('#random-size', '99999999');
    await page.click('#send');
    await complains(page, 'send-error', 'whole number');
    equal(await text(page, 'sent-count'), before, 'sent');
  });
  await check('echo: a close code or reason that is not allowed is explained', async () => {
    const tryClose = async (code, reason, complaint) => {
      await page.fill('#close-code', code);
      await page.fill('#close-reason', reason);
      await page.click('#close');
      await complains(page, 'close-error', complaint);
    };
    await tryClose('1001', '', '1000, or 3000 to 4999');
    await tryClose('5000', '', '1000, or 3000 to 4999');
    await tryClose('three', '', '1000, or 3000 to 4999');
    await tryClose('', 'why', 'needs a code');
    await tryClose('1000', 'ü'.repeat(62), '124 bytes');
    await state(page, 1);
  });
  await pictures(page, 'echo-open', true);

  for (const what of LARGE) {
    await check(`echo: 16 MiB of ${what} come back as they were`, () => large(page, server.url, what));
  }
  await check('echo: of the subprotocols offered, the first that the server knows is chosen', async () => {
    equal(await page.evaluate(async (url) => {
      const ws = new WebSocket(url, ['superchat', 'chat', 'echo']);
      await new Promise((yes, no) => { ws.onopen = yes; ws.onclose = no; });
      ws.close();
      return ws.protocol;
    }, server.url.replace('http', 'ws')), 'chat');
  });
  await check('echo: 1000 messages in one go come back in order, the log keeps 500', async () => {
    await page.click('#clear');
    await page.evaluate(() => {
      window.arrived = [];
      socket.addEventListener('message', (e) => window.arrived.push(e.data));
      for (let i = 0; i < 1000; i++) transmit('number ' + i);
    });
    await until(page, '1000 messages received', () => document.getElementById('received-count').textContent === '1,000');
    await until(page, 'the log shows the last', () => document.querySelector('#entries li:last-child .body').textContent === 'number 999');
    equal(await page.evaluate(() => window.arrived.every((m, i) => m === 'number ' + i)), true, 'in order');
    equal(await page.evaluate(() => document.querySelectorAll('#entries li').length), 500, 'entries in the log');
  });

  await page.evaluate(() => {
    window.states = [];
    const look = () => {
      const s = Number(document.querySelector('#states [aria-current]').dataset.state);
      if (window.states.at(-1) !== s) window.states.push(s);
    };
    new MutationObserver(look).observe(document.getElementById('states'), { subtree: true, attributes: true });
  });
  await check('echo: closes with code 3456 and a reason, clean', async () => {
    await page.fill('#close-code', '3456');
    await page.fill('#close-reason', 'enough für heute');
    await page.press('#close-reason', 'Enter');
    await closedWith(page, 3456, 'enough für heute', true, 'library');
  });
  await pictures(page, 'echo-closed', true);
  await check('echo: not connected, nothing can be sent', async () => {
    equal(await page.isDisabled('#send'), true, 'Send disabled');
    equal(await page.isDisabled('#close'), true, 'Close disabled');
    await sendText(page, 'into the void');
    await complains(page, 'send-error', 'Not connected');
  });
  await check('echo: connects again; the strip went 2 CLOSING, 3 CLOSED, 0 CONNECTING, 1 OPEN', async () => {
    await page.click('#connect');
    await state(page, 1);
    equal(await page.evaluate(() => window.states), [2, 3, 0, 1], 'states seen');
    equal(await hidden(page, 'closed'), true, 'the old close event is put away');
  });
  await check('echo: a close without a code shows 1005, clean', async () => {
    await page.click('#disconnect');
    await closedWith(page, 1005, '(none)', true, 'carried none');
  });
  await check('echo: a wrong address or subprotocol is explained', async () => {
    const good = await page.inputValue('#url');
    for (const [url, protocols, part] of [
      ['nonsense', '', 'not an address'], ['http://127.0.0.1/', '', 'ws://'],
      [good + '#part', '', 'after #'], [good, 'two words', 'subprotocol'], [good, 'a, a', 'only once'],
    ]) {
      await page.fill('#url', url);
      await page.fill('#protocols', protocols);
      await page.press('#protocols', 'Enter');
      await complains(page, 'connect-error', part);
    }
    await page.fill('#protocols', '');
  });
  await check('echo: an address where nobody listens shows 1006, not clean', async () => {
    await page.fill('#url', `ws://127.0.0.1:${await freePort()}/`);
    await page.click('#connect');
    await closedWith(page, 1006, '(none)', false, 'no close frame');
  });
  await check('echo: any path of the server takes a WebSocket', async () => {
    await page.fill('#url', server.url.replace('http', 'ws') + 'some/where?x=1');
    await page.click('#connect');
    await state(page, 1);
    await sendText(page, 'another path');
    await logged(page, 'received', 'text', 12, 'another path');
  });
  await check('echo: SIGTERM to the server shows close code 1001, and the server ends', async () => {
    const end = stop(server);
    end.catch(() => {});
    await closedWith(page, 1001, undefined, true, 'Going away');
    await end;
  });
  await page.close();
}

async function broadcastChecks() {
  const server = await start(process.env.ECHO_SERVER, await freePort(), '--broadcast');
  const one = await open(server.url), two = await open(server.url);
  await check('broadcast: two tabs connect', async () => { await state(one, 1); await state(two, 1); });
  await check('broadcast: text of the first tab reaches both', async () => {
    await sendText(one, 'to everybody, Grüße');
    for (const page of [one, two]) await logged(page, 'received', 'text', 21, 'to everybody, Grüße');
  });
  await check('broadcast: binary of the first tab reaches both', async () => {
    await sendHex(one, '01 02 fe ff');
    for (const page of [one, two]) await logged(page, 'received', 'binary', 4, '01 02 fe ff');
  });
  await check('broadcast: the second tab counts what it did not send', async () => {
    equal([await text(two, 'sent-count'), await text(two, 'received-count')], ['0', '2'], 'sent and received');
    equal(await two.evaluate(() => document.querySelector('#entries .received .note').textContent), 'not sent from here', 'note');
  });
  await check('broadcast: after the first tab leaves, the second goes on', async () => {
    await one.close();
    await sendText(two, 'still here');
    await logged(two, 'received', 'text', 10, 'still here');
  });
  await check('broadcast: SIGTERM to the server shows close code 1001, and the server ends', async () => {
    const end = stop(server);
    end.catch(() => {});
    await closedWith(two, 1001, undefined, true, 'Going away');
    await end;
  });
  await two.close();
}

// A server behind a relay that counts bytes: only they show that messages are compressed.
async function relayed(...more) {
  const server = await start(process.env.ECHO_SERVER, await freePort(), ...more);
  const passed = { up: 0, down: 0 };
  const relay = net.createServer((client) => {
    const upstream = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    client.on('data', (data) => { passed.up += data.length; });
    upstream.on('data', (data) => { passed.down += data.length; });
    for (const [from, to] of [[client, upstream], [upstream, client]]) from.on('error', () => to.destroy()).pipe(to);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return { server, relay, passed, url: `http://127.0.0.1:${relay.address().port}/` };
}
// Fails if `action` takes more bytes than that on the wire, in either direction.
async function within(most, passed, action) {
  const before = { ...passed };
  await action();
  const [up, down] = [passed.up - before.up, passed.down - before.down];
  if (Math.max(up, down) > most) throw new Error(`${up} bytes passed up and ${down} down, expected at most ${most}`);
}

async function deflateChecks(mode, extension) {
  const name = `deflate ${mode}`, { server, relay, passed, url } = await relayed(`--deflate=${mode}`);
  const page = await open(url);
  await check(`${name}: the page says what was agreed on`, async () => {
    await state(page, 1);
    equal(await page.evaluate(() => socket.extensions), extension, 'socket.extensions');
    equal(await text(page, 'detail'), `Agreed on: extension ${extension}.`, 'what the page says of it');
  });
  await check(`${name}: short and empty messages come back`, async () => {
    for (const message of ['', 'Hello!', 'Hello!', 'Grüße, 世界 🌍']) {
      await page.click('#clear');
      await sendText(page, message);
      await logged(page, 'received', 'text', Buffer.byteLength(message), message || '(empty)');
    }
  });
  for (const what of LARGE) {
    await check(`${name}: 16 MiB of ${what} come back as they were`, async () => {
      await within(what === 'random binary' ? 17 << 20 : 1 << 20, passed, () => large(page, url, what));
    });
  }
  await page.close();
  relay.close();
  await stop(server);
}

async function deflateBroadcastChecks() {
  const { server, relay, passed, url } = await relayed('--deflate=pooled', '--broadcast');
  const tabs = [await open(url), await open(url), await open(url)];
  await check('deflate broadcast: text and binary of one tab reach all three, compressed', async () => {
    for (const tab of tabs) await state(tab, 1);
    await within(100_000, passed, async () => {
      await tabs[0].evaluate(() => { transmit('Grüße, 世界 '.repeat(50_000)); transmit(new Uint8Array(1 << 20)); });
      for (const tab of tabs) {
        await logged(tab, 'received', 'text', 800_000);
        await logged(tab, 'received', 'binary', 1 << 20);
      }
    });
  });
  for (const tab of tabs) await tab.close();
  relay.close();
  await stop(server);
}

// ---- the chat page ---------------------------------------------------------

async function chatChecks() {
  const port = await freePort();
  let server = await start(process.env.CHAT_SERVER, port);
  await check('chat: the server answers a browser with the page', async () => {
    equal(server.status, 200, 'status');
    equal(server.type, 'text/html; charset=utf-8', 'content type');
  });
  const system = (page, line) => until(page, `line “${line}”`, (l) =>
    [...document.querySelectorAll('#lines .system .line')].some((e) => e.textContent === l), line);
  const said = (page, name, message) => until(page, `${name} says: ${message}`, ([n, m]) =>
    [...document.querySelectorAll('#lines .said')].some((e) => e.dataset.name === n && e.querySelector('.text').textContent === m), [name, message]);
  const say = async (page, message) => { await page.fill('#message', message); await page.press('#message', 'Enter'); };

  const tabs = [];
  for (const n of [1, 2, 3]) {
    await check(`chat: tab ${n} opens, and all ${n} see “user${n} comes in”`, async () => {
      tabs.push(await open(server.url));
      for (const tab of tabs) await system(tab, `user${n} comes in`);
      equal(await text(tabs[n - 1], 'state'), 'Connected', 'state');
      equal(await tabs[n - 1].isDisabled('#message'), false, 'the field is disabled');
    });
  }
  await check('chat: what tab 2 writes is “user2 says” in all three', async () => {
    await say(tabs[1], 'hello, Grüße 世界 🌍');
    for (const tab of tabs) await said(tab, 'user2', 'hello, Grüße 世界 🌍');
  });
  await check('chat: a page marks its own messages and no others', async () => {
    await say(tabs[0], 'from the first');
    for (const tab of tabs) await said(tab, 'user1', 'from the first');
    const own = (tab) => tab.evaluate(() => [...document.querySelectorAll('#lines .own')].map((e) => e.dataset.name));
    equal(await own(tabs[0]), ['user1'], 'tab 1');
    equal(await own(tabs[1]), ['user2'], 'tab 2');
    equal(await own(tabs[2]), [], 'tab 3');
  });
  await check('chat: HTML in a message is shown as text', async () => {
    const message = '<img src=x onerror="document.title=1"><b>bold</b> & more';
    await say(tabs[0], message);
    for (const tab of tabs) {
      await said(tab, 'user1', message);
      equal(await tab.evaluate(() => document.querySelectorAll('#lines img, #lines b').length), 0, 'elements made from messages');
    }
  });
  await check('chat: a message that looks like a line of the server stays a message', async () => {
    await say(tabs[1], 'user1 says: not me');
    await say(tabs[1], 'user1 left');
    for (const tab of tabs) {
      await said(tab, 'user2', 'user1 says: not me');
      await said(tab, 'user2', 'user1 left');
    }
  });
  await check('chat: many messages scroll to the newest', async () => {
    for (let i = 1; i <= 30; i++) await say(tabs[1], `line ${i}`);
    await said(tabs[0], 'user2', 'line 30');
    await until(tabs[0], 'scrolled to the end', () => {
      const box = document.getElementById('messages');
      return box.scrollHeight > box.clientHeight && box.scrollHeight - box.scrollTop - box.clientHeight < 2;
    });
  });
  await check('chat: who reads older messages is not moved, but told of new ones', async () => {
    await tabs[0].bringToFront();   // only the tab in front has scroll and resize events
    await tabs[0].evaluate(() => { document.getElementById('messages').scrollTop = 0; });
    // The page hears of it before the next frame.
    await tabs[0].evaluate(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))));
    await say(tabs[1], 'one more');
    await until(tabs[0], 'the button', () => !document.getElementById('jump').hidden);
    equal(await tabs[0].evaluate(() => document.getElementById('messages').scrollTop), 0, 'scroll position');
    await tabs[0].click('#jump');
    await until(tabs[0], 'scrolled to the end', () => document.getElementById('jump').hidden);
    await tabs[0].setViewportSize({ width: 500, height: 500 });
    await until(tabs[0], 'still at the end in a smaller window', () => {
      const box = document.getElementById('messages');
      return box.scrollHeight - box.scrollTop - box.clientHeight < 2;
    });
    await tabs[0].setViewportSize({ width: 1200, height: 900 });
  });
  await check('chat: closing tab 3 shows “user3 left” in the others', async () => {
    await tabs[2].close();
    for (const tab of tabs.slice(0, 2)) await system(tab, 'user3 left');
  });
  await check('chat: the two who stayed talk on', async () => {
    await say(tabs[0], 'Are you still there?');
    await said(tabs[1], 'user1', 'Are you still there?');
    await say(tabs[1], 'Yes, in the second tab. This is a longer line, to see how it is broken in a narrow window.');
    await said(tabs[0], 'user2', 'Yes, in the second tab. This is a longer line, to see how it is broken in a narrow window.');
  });
  await pictures(tabs[0], 'chat', false);
  await check('chat: SIGTERM to the server shows 1001 and disables writing', async () => {
    const end = stop(server);
    end.catch(() => {});
    for (const tab of tabs.slice(0, 2)) {
      await until(tab, 'the notice', () => !document.getElementById('closed').hidden && document.getElementById('closed-text').textContent.includes('code 1001'));
      equal(await text(tab, 'state'), 'Not connected', 'state');
      equal([await tab.isDisabled('#message'), await tab.isDisabled('#send')], [true, true], 'field and button disabled');
    }
    await end;
  });
  await pictures(tabs[0], 'chat-closed', false);
  await check('chat: with the server back, Reconnect comes in again', async () => {
    server = await start(process.env.CHAT_SERVER, port);
    await tabs[1].click('#reconnect');
    await until(tabs[1], 'connected', () => document.getElementById('state').textContent === 'Connected' && document.getElementById('closed').hidden);
    await say(tabs[1], 'I am back');
    await said(tabs[1], 'user1', 'I am back');
  });
  for (const tab of tabs.slice(0, 2)) await tab.close();
  await stop(server);
}

// ---- the run ---------------------------------------------------------------

// A part that cannot go on (a server that does not start) counts as a failure.
async function part(name, action) {
  try { await action(); } catch (e) { await check(`${name}: can be carried through`, () => { throw e; }); }
}
await part('echo', echoChecks);
await part('broadcast', broadcastChecks);
await part('deflate kept', () => deflateChecks('kept', 'permessage-deflate'));
await part('deflate pooled', () => deflateChecks('pooled', 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'));
await part('deflate broadcast', deflateBroadcastChecks);
await part('chat', chatChecks);
await check('the pages load nothing but themselves', () => {
  equal(requests.filter((u) => !/^http:\/\/127\.0\.0\.1:\d+\/$/.test(u) && !u.startsWith('data:')), [], 'other requests');
});
await check('no script error in any page', () => equal(faults, [], 'errors'));

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
