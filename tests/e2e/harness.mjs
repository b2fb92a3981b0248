// Starts real tallyd processes on free ports over scratch directories, and talks to them over real sockets. Every answer is held
// against the API document, see contract.mjs.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Contract } from './contract.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const binDir = process.env.TALLY_BIN_DIR ?? path.resolve(here, '../../build');
export const dataDir = path.join(here, 'data');

// The document that the build embedded. A test that swallows the error of an answer that does not fit fails at its end.
export const contract = new Contract(path.join(binDir, 'openapi.json'));
process.on('exit', () => {
  if (contract.violations.length === 0) return;
  console.error([`${contract.violations.length} answers do not fit the API document:`, ...new Set(contract.violations)].slice(0, 20).join('\n'));
  process.exitCode = 1;
});

// Limits are against hanging alone: what a machine ten times slower than ours works on ends long before. That of a whole file is a
// little below ctest's, so that what hung can be told and its processes be ended.
const patienceMs = 5 * 60_000;
const fileMs = Number(process.env.TALLY_E2E_MINUTES ?? 40) * 60_000;
setTimeout(() => {
  console.error(`not done in ${fileMs / 60_000} minutes (TALLY_E2E_MINUTES); the end of the log of each server that runs:`);
  for (const { log } of running.values()) if (log) console.error(log.slice(-3000));
  process.exit(1);
}, fileMs).unref();

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Tries until `attempt` answers something other than undefined.
export async function eventually(what, attempt, { timeoutMs = patienceMs, everyMs = 15 } = {}) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await attempt();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(everyMs);
  }
}

// Dice that repeat from a seed, so that a failure can be played again: splitmix32.
export function dice(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  return { below: (bound) => next() % bound, pick: (list) => list[next() % list.length] };
}
export const seedFromEnv = () => Number(process.env.TALLY_E2E_SEED ?? Date.now() % 1_000_000_007);

// What a server answered. `body` are the bytes.
export class Answer {
  constructor(status, headers, body) {
    Object.assign(this, { status, headers, body });
  }
  get text() {
    return this.body.toString('utf8');
  }
  get json() {
    return JSON.parse(this.text);
  }
}

// One request. `body` may be a string, bytes, or an object that goes out as JSON. Rejects when the connection breaks.
export function send(base, { method = 'GET', path: target = '/', headers = {}, body, agent, ca, timeoutMs = patienceMs } = {}) {
  const url = new URL(base);
  const secure = url.protocol === 'https:';
  const all = { ...headers };
  let bytes = body;
  if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) {
    bytes = JSON.stringify(body);
    if (!Object.keys(all).some((name) => name.toLowerCase() === 'content-type')) all['content-type'] = 'application/json';
  }
  if (bytes !== undefined) all['content-length'] = Buffer.byteLength(bytes);
  return new Promise((resolve, reject) => {
    const options = { method, host: url.hostname, port: url.port, path: target, headers: all, agent, ca, timeout: timeoutMs };
    const request = (secure ? https : http).request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const answer = new Answer(response.statusCode, response.headers, Buffer.concat(chunks));
        try {
          contract.check(method, target, answer);
          resolve(answer);
        } catch (error) {
          reject(error);
        }
      });
      response.on('error', reject);
      response.on('aborted', () => reject(new Error('aborted')));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms: ${method} ${target}`)));
    request.on('error', reject);
    request.end(bytes);
  });
}

// Sends bytes that need not be a request, and answers all that comes back until the server closes: one answer to what is refused.
export function sendRaw(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    const done = () => {
      const [head, ...body] = text.split('\r\n\r\n');
      const [line, ...fields] = head.split('\r\n');
      const headers = Object.fromEntries(fields.map((field) => [field.split(':')[0].toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]));
      try {
        contract.check(null, null, { status: Number(line.split(' ')[1]), headers, body: Buffer.from(body.join('\r\n\r\n'), 'latin1') });
        resolve(text);
      } catch (error) {
        reject(error);
      }
    };
    socket.setTimeout(patienceMs, () => socket.destroy(new Error(`still open: ${text}`)));
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', (error) => (error.code === 'ECONNRESET' ? done() : reject(error)));
    socket.on('close', done);
  });
}

// Without limits of its own a key has those of its dialect, which tests soon reach.
const roomyKey = { kind: 'pair', limits: { per_day: 1_000_000_000 } };

const running = new Map();  // processes, and what keeps their output
process.on('exit', () => running.forEach((_, child) => child.kill('SIGKILL')));

// Memory that is a folder, where it has room for what a test leaves and the reserve that tallyd keeps: a start syncs thirty files, which
// takes some disks ten seconds. What is killed while it commits belongs on a disk: there a commit takes the time in which that hits.
function roomy() {
  const memory = '/dev/shm';
  try {
    const { bavail, bsize } = fs.statfsSync(memory);
    if (bavail * bsize > 1 << 30) return memory;
  } catch { /* this system or this node does not know it */ }
  return os.tmpdir();
}

// One data directory and the process that serves it, which may be killed and started again.
export class Server {
  // options: args (more flags), config (TOML text), env, dir (an existing data directory), onDisk (rather than in memory), scheme, ca.
  static async start(options = {}) {
    const server = new Server(options);
    await server.boot();
    return server;
  }

  constructor({ args = [], config, env = {}, dir, onDisk = false, scheme = 'http', ca } = {}) {
    this.root = dir ? null : fs.mkdtempSync(path.join(onDisk ? os.tmpdir() : roomy(), 'tally-e2e.'));
    this.dir = dir ?? path.join(this.root, 'data');
    this.args = args;
    this.env = env;
    this.scheme = scheme;
    this.ca = ca;
    if (config) {
      const file = path.join(this.root, 'tally.toml');
      fs.writeFileSync(file, config);
      this.args = ['--config', file, ...args];
    }
  }

  // Starts the process and returns when it can commit; answers the milliseconds that took.
  async boot() {
    const begun = performance.now();
    const flags = ['--data', this.dir, '--listen', '127.0.0.1:0', ...this.args];
    const child = spawn(path.join(binDir, 'tallyd'), flags, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', ...this.env },
    });
    running.set(child, this);
    this.child = child;
    this.log = '';
    child.stdout.on('data', (chunk) => (this.log = (this.log + chunk).slice(-200_000)));
    child.stderr.on('data', (chunk) => (this.log = (this.log + chunk).slice(-200_000)));
    this.exited = new Promise((resolve) =>
      child.on('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      }),
    );
    let gone = null;
    this.exited.then((how) => (gone = how));
    this.port = await eventually('the line that says the port', () => {
      if (gone) throw new Error(`tallyd ended at start: ${JSON.stringify(gone)}\n${this.log}`);
      for (const line of this.log.split('\n')) {
        if (line.includes('"server.listening"') && line.endsWith('}')) return JSON.parse(line).port;
      }
    }, { everyMs: 2 });
    this.base = `${this.scheme}://127.0.0.1:${this.port}`;
    this.agent = new (this.scheme === 'https' ? https : http).Agent({ keepAlive: true, maxSockets: 256 });
    this.token = fs.readFileSync(path.join(this.dir, 'operator.token'), 'utf8').trim();
    await eventually('readyz', async () => {
      if (gone) throw new Error(`tallyd ended at start: ${JSON.stringify(gone)}\n${this.log}`);
      const answer = await this.send({ path: '/readyz', agent: undefined }).catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    }, { everyMs: 5 });
    return performance.now() - begun;
  }

  send(options) {
    return send(this.base, { agent: this.agent, ca: this.ca, ...options });
  }

  // As the company: `body` is an object, or text with `type`.
  operator(method, target, body, { type, headers = {} } = {}) {
    const all = { authorization: `Bearer ${this.token}`, ...(type ? { 'content-type': type } : {}), ...headers };
    return this.send({ method, path: `/operator/v1${target}`, headers: all, body });
  }

  // The same, for set-up steps that have to work.
  async must(method, target, body, options) {
    const answer = await this.operator(method, target, body, options);
    assert.ok(answer.status >= 200 && answer.status < 300, `${method} ${target}: ${answer.status} ${answer.text}`);
    return answer.text ? answer.json : undefined;
  }

  // As a customer with `key` (from newCustomer). `body` as in send.
  customer(key, method, target, { body, headers = {}, timeoutMs } = {}) {
    const own = key.secret ? { 'x-api-key': key.key, 'x-api-secret': key.secret } : { authorization: `Bearer ${key.key}` };
    return this.send({ method, path: target, headers: { ...own, ...headers }, body, timeoutMs });
  }

  // An account with a key, see newKey.
  async newCustomer(id, keyBody) {
    await this.must('POST', '/accounts', { id, name: `The ${id} company`, email: `${id}@example.com` });
    return this.newKey(id, keyBody);
  }

  // One more key of an account, with all that a customer needs: { account, id, identity, key, secret }.
  async newKey(account, body = roomyKey) {
    const { id, identity, key, secret } = await this.must('POST', `/accounts/${account}/keys`, body);
    return { account, id, identity, key, secret };
  }

  // The secret that signs the callbacks of the account of `key`.
  async webhookSecret(key) {
    const answer = await this.customer(key, 'GET', '/v1/account');
    assert.equal(answer.status, 200, answer.text);
    return answer.json.webhook_secret;
  }

  // Sends events as NDJSON; `answer.json` has accepted, duplicates, rejected.
  events(list) {
    const lines = list.map((event) => (typeof event === 'string' ? event : JSON.stringify(event))).join('\n');
    return this.operator('POST', '/events', lines, { type: 'application/x-ndjson' });
  }

  // Polls GET /usage until the job is finished; answers the last response.
  poll(key, requestId, options) {
    return eventually(`${requestId} to finish`, async () => {
      const answer = await this.customer(key, 'GET', `/usage?request_id=${requestId}`);
      if (answer.status === 202) return undefined;
      assert.equal(answer.status, 200, answer.text);
      return answer;
    }, options);
  }

  // The totals of one account over a range, through a report that is waited for.
  async totals(key, from, to, granularity = 'total') {
    const order = { type: 'usage', from, to, granularity };
    const submitted = await this.customer(key, 'POST', '/v1/reports', { body: order, headers: { prefer: 'wait=60' } });
    assert.ok([200, 202].includes(submitted.status), submitted.text);
    const job = submitted.status === 200 ? submitted.json : await this.ended(key, submitted.json.request_id);
    assert.equal(job.status, 'completed', JSON.stringify(job));
    return job.result.totals;
  }

  // A report that is queued or running no more.
  ended(key, requestId) {
    return eventually(`${requestId} to end`, async () => {
      const answer = await this.customer(key, 'GET', `/v1/reports/${requestId}?wait=60`);
      assert.equal(answer.status, 200, answer.text);
      return ['queued', 'processing'].includes(answer.json.status) ? undefined : answer.json;
    });
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
    this.agent.destroy();
  }

  // SIGTERM; answers how it ended.
  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patienceMs);
    const how = await this.exited;
    clearTimeout(timer);
    this.agent.destroy();
    return how;
  }

  // The processor time that its threads took, in milliseconds: unlike time, nothing else that runs adds to it.
  processorMs() {
    const fields = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  // Stops it whatever state it is in, and removes the scratch directory. For `after`.
  async dispose() {
    if (this.child) await this.kill();
    if (this.root) fs.rmSync(this.root, { recursive: true, force: true });
  }
}

// Runs the operator's command line, build/tally; answers { code, stdout, stderr }.
export function tally(server, args, { input, env = {} } = {}) {
  const child = spawn(path.join(binDir, 'tally'), args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, TALLY_SERVER: server?.base ?? '', TALLY_OPERATOR_TOKEN: server?.token ?? '', ...env },
  });
  running.set(child, {});
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => (out[name] += chunk));
  return new Promise((resolve) =>
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code, ...out });
    }),
  );
}

// Starts tallyd where it is expected to refuse; answers { status, text }.
export function tallydRefuses(flags) {
  const run = spawnSync(path.join(binDir, 'tallyd'), flags, { timeout: patienceMs, env: { PATH: process.env.PATH }, encoding: 'utf8' });
  return { status: run.status, signal: run.signal, text: run.stdout + run.stderr };
}

// Runs `work` over `items`, at most `width` at a time.
export async function inParallel(width, items, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    while (queue.length) await work(queue.shift());
  }));
}
