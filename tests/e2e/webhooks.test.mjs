// Webhooks that people can rely on: receivers that misbehave, certificates that are wrong, what the operator's log tells of them, and
// sending again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, Server } from './harness.mjs';
import { Receiver, verify } from './receiver.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-certs.'));
const file = (name) => path.join(folder, name);
let server;
let key;

// A certificate authority, and `name`.pem and `name`.key signed by it for the host `host`, or by itself without one.
function makeCertificates() {
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...request, '-days', '2', '-subj', '/CN=Test authority', '-keyout', file('ca.key'), '-out', file('ca.pem'));
  for (const [name, host] of [['good', 'localhost'], ['misnamed', 'other.example']]) {
    openssl('req', ...request, '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
    openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2',
      '-copy_extensions', 'copy', '-out', file(`${name}.pem`));
  }
  openssl('req', '-x509', ...request, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', file('stranger.key'), '-out', file('stranger.pem'));
}

before(async () => {
  makeCertificates();
  server = await Server.start({ args: ['--allow-private-callbacks', '--webhooks-retry-seconds', '1,1,600', '--webhooks-timeout-seconds', '2',
    '--webhooks-ca-file', file('ca.pem')] });
  key = await server.newCustomer('acme');
});
after(async () => {
  await server?.dispose();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function subscribe(url, who = key, events = ['credits.low']) {
  const made = await server.customer(who, 'POST', '/v1/webhooks', { body: { url, events } });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

async function sendTest(webhook, who = key) {
  const sent = await server.customer(who, 'POST', `/v1/webhooks/${webhook.id}/test`);
  assert.equal(sent.status, 202, sent.text);
  assert.equal(sent.json.event, 'webhook.test');
  return sent.json.id;
}

// The operator's view of a delivery, once `ready` says so.
const shown = (id, ready = (detail) => detail.status !== 'pending') =>
  eventually(`${id} to be recorded`, async () => {
    const { json } = await server.operator('GET', `/deliveries/${id}`);
    return ready(json) ? json : undefined;
  });

// Listens on a free port of this machine; `onConnection` gets each socket.
async function listener(onConnection) {
  const sockets = new Set();
  const own = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise((resolve) => own.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => own.close(resolve));
  };
  return { url: `http://127.0.0.1:${own.address().port}/hook`, stop };
}

test('a test delivery arrives signed, and the operator sees what was sent and answered, without the signature', async () => {
  const receiver = await Receiver.start(() => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: `thanks${'!'.repeat(5000)}` }));
  try {
    const webhook = await subscribe(receiver.url());
    const id = await sendTest(webhook);
    const [delivery] = await receiver.arrived('/hook');
    const told = verify(webhook.secret, delivery);
    assert.equal(told.type, 'webhook.test');
    assert.deepEqual(told.data, { account: 'acme', webhook_id: webhook.id });
    const detail = await shown(id);
    assert.equal(detail.status, 'delivered');
    assert.equal(detail.body, delivery.body.toString());
    assert.equal(detail.log.length, 1);
    const [attempt] = detail.log;
    assert.equal(attempt.url, webhook.url);
    assert.equal(attempt.status, 200);
    assert.equal(attempt.error, '');
    assert.equal(attempt.response, `thanks${'!'.repeat(1018)}`);
    for (const [name, value] of Object.entries(attempt.headers)) assert.equal(delivery.headers[name], value, name);
    assert.equal(attempt.headers['webhook-id'], id);
    assert.equal(attempt.headers['webhook-signature'], undefined);
    assert.ok(!JSON.stringify(detail).includes(delivery.headers['webhook-signature']));
    const log = await server.customer(key, 'GET', `/v1/webhooks/${webhook.id}/deliveries`);
    assert.equal(log.json.items[0].id, id);
    assert.ok(!log.text.includes('thanks'));
  } finally {
    await receiver.stop();
  }
});

test('each way to misbehave is judged and logged, and delays nobody else', async () => {
  const healthy = await Receiver.start();
  const huge = await Receiver.start(() => ({ status: 500, body: 'x'.repeat(1 << 20) }));
  const hugeButFine = await Receiver.start(() => ({ status: 200, body: 'x'.repeat(1 << 20) }));
  const redirect = await Receiver.start(() => ({ status: 307, headers: { location: healthy.url('/redirected') } }));
  const hanging = await listener(() => {});
  const resetting = await listener((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const slow = await listener((socket) => {
    const letters = [...'HTTP/1.1 200 OK\r\n\r\n'];
    const timer = setInterval(() => letters.length && socket.write(letters.shift()), 200);
    socket.on('close', () => clearInterval(timer));
  });
  const garbage = await listener((socket) => socket.once('data', () => socket.end('220 mail.example ESMTP\r\n')));
  const closed = await listener(() => {});
  await closed.stop();
  const bad = {
    hanging: [hanging.url, /[Tt]imeout/, 0], slow: [slow.url, /./, 0], resetting: [resetting.url, /./, 0], garbage: [garbage.url, /./, 0],
    refused: [closed.url, /connect/, 0], huge: [huge.url(), /answered 500/, 500], redirect: [redirect.url(), /answered 307/, 307],
  };
  try {
    const own = await server.newCustomer('misled');
    const ids = {};
    for (const [name, [url]] of Object.entries(bad)) ids[name] = await sendTest(await subscribe(url, own), own);
    const fine = await sendTest(await subscribe(hugeButFine.url(), own), own);

    // While those hang, a healthy one gets all of its own.
    const webhook = await subscribe(healthy.url(), own);
    for (let i = 0; i < 20; i += 1) await sendTest(webhook, own);
    await healthy.arrived('/hook', 20);
    assert.equal((await server.operator('GET', `/deliveries/${ids.hanging}`)).json.status, 'pending', 'the healthy one waited');

    for (const [name, [, error, status]] of Object.entries(bad)) {
      const detail = await shown(ids[name]);
      assert.equal(detail.status, 'dead', name);
      assert.equal(detail.log.length, 1, name);
      assert.equal(detail.log[0].status, status, name);
      assert.match(detail.log[0].error, error, name);
      assert.ok(detail.log[0].response.length <= 1024, name);
      if (name === 'hanging' || name === 'slow') assert.ok(detail.log[0].took_ms >= 1900, `${name}: ${detail.log[0].took_ms} ms`);
    }
    assert.equal((await shown(ids.huge)).log[0].response, 'x'.repeat(1024));
    assert.equal((await shown(fine)).status, 'delivered');
    assert.equal(healthy.of('/redirected').length, 0);
    const webhooks = await server.customer(own, 'GET', '/v1/webhooks');
    const failing = webhooks.json.items.filter((one) => one.failing_since);
    assert.equal(failing.length, Object.keys(bad).length);
    assert.ok(failing.every((one) => one.status === 'active'));
  } finally {
    await Promise.all([healthy, huge, hugeButFine, redirect, hanging, resetting, slow, garbage].map((one) => one.stop()));
  }
});

test('a receiver is believed by its certificate alone: the right authority and the right name', async () => {
  const verdicts = { good: 'delivered', misnamed: 'dead', stranger: 'dead' };
  const own = await server.newCustomer('careful');
  for (const [name, expected] of Object.entries(verdicts)) {
    const requests = [];
    const receiver = https.createServer({ key: fs.readFileSync(file(`${name}.key`)), cert: fs.readFileSync(file(`${name}.pem`)) }, (request, response) => {
      requests.push(request.url);
      request.resume().on('end', () => response.writeHead(204).end());
    });
    receiver.on('tlsClientError', () => {});
    await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    try {
      const webhook = await subscribe(`https://localhost:${receiver.address().port}/hook`, own);
      const detail = await shown(await sendTest(webhook, own));
      assert.equal(detail.status, expected, `${name}: ${detail.last_error}`);
      assert.equal(requests.length, expected === 'delivered' ? 1 : 0, name);
      if (expected === 'dead') assert.match(detail.log[0].error, /certificate|SSL/, name);
      await server.customer(own, 'DELETE', `/v1/webhooks/${webhook.id}`);
    } finally {
      receiver.closeAllConnections();
      await new Promise((resolve) => receiver.close(resolve));
    }
  }
});

test('failed attempts are logged one by one, with the same id; a range of dead ones is replayed at once', async () => {
  let status = 500;
  const receiver = await Receiver.start(() => ({ status, body: `answer ${status}` }));
  try {
    const own = await server.newCustomer('retried');
    const webhook = await subscribe(receiver.url(), own, ['credits.exhausted']);
    const begun = new Date(Date.now() - 1000).toISOString();
    await server.must('POST', '/prices', { prices: [{ endpoint: 'search', credits: '1', charge_on: 'request' }] });
    await server.must('POST', '/accounts/retried/grants', { amount: '1' });
    await server.events([{ id: 'a1', account: 'retried', endpoint: 'search' }]);
    const tries = await receiver.arrived('/hook', 3);
    const id = tries[0].headers['webhook-id'];
    assert.deepEqual(tries.map((one) => one.headers['webhook-id']), [id, id, id]);
    const detail = await shown(id, (one) => one.log?.length === 3);
    assert.deepEqual(detail.log.map((attempt) => attempt.response), ['answer 500', 'answer 500', 'answer 500']);
    assert.ok(detail.log[0].started_at < detail.log[1].started_at);
    for (const attempt of detail.log) assert.equal(attempt.headers['webhook-timestamp'], `${Math.floor(Date.parse(attempt.started_at) / 1000)}`);

    const dead = [];
    for (let i = 0; i < 5; i += 1) dead.push(await sendTest(webhook, own));
    for (const one of dead) assert.equal((await shown(one)).status, 'dead');
    status = 204;
    const range = { account: 'retried', webhook_id: webhook.id, from: begun, to: new Date(Date.now() + 1000).toISOString(), limit: 2 };
    let cursor = null;
    let replayed = 0;
    do {
      const answer = await server.operator('POST', '/deliveries/replay', { ...range, ...(cursor ? { cursor } : {}) });
      assert.equal(answer.status, 202, answer.text);
      assert.ok(answer.json.replayed <= 2);
      replayed += answer.json.replayed;
      cursor = answer.json.next_cursor;
    } while (cursor);
    assert.equal(replayed, 5);
    for (const one of dead) {
      const again = await shown(one);
      assert.equal(again.status, 'delivered');
      assert.deepEqual(again.log.map((attempt) => attempt.status), [500, 204]);
    }
    const nothing = await server.operator('POST', '/deliveries/replay', { ...range, to: range.from });
    assert.equal(nothing.json.code, 'invalid_to', nothing.text);
  } finally {
    await receiver.stop();
  }
});

test('a webhook that answers 410 is disabled with its reason, and another one of the account is told', async () => {
  const receiver = await Receiver.start(({ path: target }) => (target === '/gone' ? 410 : 204));
  try {
    const own = await server.newCustomer('leaver');
    const gone = await subscribe(receiver.url('/gone'), own);
    const watching = await subscribe(receiver.url('/watch'), own, ['webhook.disabled']);
    await sendTest(gone, own);
    const [delivery] = await receiver.arrived('/watch');
    const told = verify(watching.secret, delivery);
    assert.equal(told.type, 'webhook.disabled');
    const state = (await server.customer(own, 'GET', `/v1/webhooks/${gone.id}`)).json;
    assert.equal(state.status, 'disabled');
    assert.equal(state.disabled_reason, 'gone');
    assert.deepEqual(told.data, { account: 'leaver', webhook_id: gone.id, reason: 'gone', disabled_at: state.disabled_at });
    assert.equal((await server.customer(own, 'POST', `/v1/webhooks/${gone.id}/test`)).json.code, 'webhook_disabled');
    const active = await server.customer(own, 'PATCH', `/v1/webhooks/${gone.id}`, { body: { status: 'active' } });
    assert.equal(active.json.disabled_reason, null);
    await sendTest(gone, own);
  } finally {
    await receiver.stop();
  }
});
