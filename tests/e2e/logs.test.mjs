// The log: a request's id goes from the call through the job to the delivery, one JSON object a line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, Server } from './harness.mjs';
import { Receiver } from './receiver.mjs';

async function withServer(args, work) {
  const receiver = await Receiver.start();
  const server = await Server.start({ args: ['--allow-private-callbacks', ...args] });
  try {
    await work({ server, receiver });
  } finally {
    await server.dispose();
    await receiver.stop();
  }
}

const order = { type: 'usage', from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z', granularity: 'total' };
const lines = (server) => server.log.split('\n').filter(Boolean);

test('one id is in the lines of the request, of its job and of its deliveries', async () => {
  await withServer(['--log-requests'], async ({ server, receiver }) => {
    const key = await server.newCustomer('acme');
    const hook = { url: receiver.url('/standing'), events: ['report.completed'] };
    assert.equal((await server.customer(key, 'POST', '/v1/webhooks', { body: hook })).status, 201);
    const ids = { 'own-1': ['POST', '/v1/reports', { body: { ...order, callback_url: receiver.url('/callback') } }],
      'nyne-1': ['GET', `/usage?month=1&year=2026&callback_url=${encodeURIComponent(receiver.url('/callback'))}`, {}] };
    for (const [id, [method, target, options]] of Object.entries(ids)) {
      const answer = await server.customer(key, method, target, { ...options, headers: { 'x-request-id': id } });
      assert.equal(answer.status, 202, answer.text);
      const job = answer.json.request_id ?? answer.json.data?.request_id;
      const of = (event) => lines(server).map((line) => JSON.parse(line)).filter((entry) => entry.event === event && entry.request_id === id);
      const attempts = await eventually('both deliveries in the log', () => (of('delivery.attempt').length >= 2 ? of('delivery.attempt') : undefined));
      assert.deepEqual(attempts.map(({ response, status, attempt }) => [response, status, attempt]), [[204, 'delivered', 1], [204, 'delivered', 1]]);
      assert.ok(attempts.some((attempt) => attempt.job === job));
      const [request] = of('http.request');
      assert.equal(request.method, method);
      assert.equal(request.path, target.split('?')[0]);
      assert.equal(request.status, 202);
      assert.ok(request.took_us >= 0);
      const finished = of('job.finished');
      assert.equal(finished.length, 1);
      assert.deepEqual([finished[0].job, finished[0].account, finished[0].status], [job, 'acme', 'completed']);
    }
    for (const line of lines(server)) {
      const entry = JSON.parse(line);
      assert.match(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
      assert.ok(['info', 'error'].includes(entry.level));
      assert.ok(!line.includes(key.key) && !(key.secret && line.includes(key.secret)) && !line.includes(server.token), 'no secrets');
    }
  });
});

test('without log_requests nothing is said of requests, jobs and deliveries', async () => {
  await withServer([], async ({ server, receiver }) => {
    const key = await server.newCustomer('acme');
    const answer = await server.customer(key, 'POST', '/v1/reports', { body: { ...order, callback_url: receiver.url('/callback') } });
    await server.ended(key, answer.json.request_id);
    await receiver.arrived('/callback');
    assert.doesNotMatch(server.log, /http\.request|job\.finished|delivery\.attempt/);
  });
});

test('log_format = "text" is for people, and logs requests as well', async () => {
  const server = new Server({ args: ['--log-format', 'text', '--log-requests'] });
  try {
    const booting = server.boot().catch(() => {});  // it waits for a line of JSON
    await eventually('the line that says the port', () => (/ info server\.listening .*port=\d+/.test(server.log ?? '') ? true : undefined));
    const port = Number(/ port=(\d+)/.exec(server.log)[1]);
    await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { 'x-request-id': 'by-hand' } }).then((answer) => answer.text());
    await eventually('the request', () =>
      (/^\S+Z info http\.request request_id=by-hand method=GET path=\/healthz status=200 /m.test(server.log) ? true : undefined));
    server.child.kill('SIGKILL');
    await booting;
  } finally {
    server.child?.kill('SIGKILL');
    await server.exited;
    (await import('node:fs')).rmSync(server.root, { recursive: true, force: true });
  }
});
