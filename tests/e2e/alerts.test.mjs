// Standing webhooks and auto-reload: a customer is told of its credits, and the payment system is asked for more, once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { eventually, Server } from './harness.mjs';
import { Receiver, verify } from './receiver.mjs';

const args = ['--allow-private-callbacks', '--webhooks-retry-seconds', '1,1,2'];

async function withServer(options, work) {
  const receiver = await Receiver.start(options.answer);
  const payments = options.payments ? await Receiver.start(options.payments) : undefined;
  const server = await Server.start({ args: [...args, ...(payments ? ['--payments-url', payments.url('/charge')] : [])] });
  try {
    await work({ server, receiver, payments });
  } finally {
    await server.dispose();
    await receiver.stop();
    await payments?.stop();
  }
}

// An account with a price of 1 credit a call, and a webhook for `events` at `path`.
async function customerWithWebhook(server, receiver, { id = 'acme', path: target = '/hook', events }) {
  await server.must('POST', '/prices', { prices: [{ endpoint: 'search', credits: '1', charge_on: 'request' }] });
  const key = await server.newCustomer(id);
  const made = await server.customer(key, 'POST', '/v1/webhooks', { body: { url: receiver.url(target), events } });
  assert.equal(made.status, 201, made.text);
  return { key, webhook: made.json };
}

let sent = 0;
async function use(server, account, calls) {
  const answer = await server.events(Array.from({ length: calls }, () => ({ id: `call-${++sent}`, account, endpoint: 'search' })));
  assert.equal(answer.json.accepted, calls, answer.text);
}

const balance = async (server, account) => (await server.must('GET', `/accounts/${account}/balance`)).available;

test('credits.low and credits.exhausted are told once a crossing, signed with the webhook\'s own secret', async () => {
  await withServer({}, async ({ server, receiver }) => {
    const { key, webhook } = await customerWithWebhook(server, receiver, { events: ['credits.low', 'credits.exhausted'] });
    await server.must('PATCH', '/accounts/acme', { low_balance_thresholds: ['5'] });
    await server.must('POST', '/accounts/acme/grants', { amount: '10' });
    await use(server, 'acme', 6);
    const [low] = await receiver.arrived('/hook');
    const told = verify(webhook.secret, low);
    assert.equal(told.type, 'credits.low');
    assert.equal(told.id, low.headers['webhook-id']);
    assert.deepEqual(told.data, { account: 'acme', available: '4', threshold: '5' });
    assert.throws(() => verify('whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=', low));

    await use(server, 'acme', 1);
    await use(server, 'acme', 3);
    const both = await receiver.arrived('/hook', 2);
    assert.deepEqual(verify(webhook.secret, both[1]).data, { account: 'acme', available: '0' });
    assert.equal(verify(webhook.secret, both[1]).type, 'credits.exhausted');
    await use(server, 'acme', 1);

    const log = await eventually('both to be recorded', async () => {
      const answer = await server.customer(key, 'GET', `/v1/webhooks/${webhook.id}/deliveries?status=delivered`);
      return answer.json.items.length === 2 ? answer.json.items : undefined;
    });
    assert.deepEqual(log.map((one) => one.event), ['credits.exhausted', 'credits.low']);
    assert.equal(receiver.deliveries.length, 2);
  });
});

test('a rotated secret signs beside the earlier one; 410 disables the webhook', async () => {
  let status = 200;
  await withServer({ answer: () => status }, async ({ server, receiver }) => {
    const { key, webhook } = await customerWithWebhook(server, receiver, { events: ['credits.exhausted'] });
    const rotated = await server.customer(key, 'POST', `/v1/webhooks/${webhook.id}/rotate-secret`);
    assert.equal(rotated.status, 200, rotated.text);
    await server.must('POST', '/accounts/acme/grants', { amount: '1' });
    await use(server, 'acme', 1);
    const [delivery] = await receiver.arrived('/hook');
    verify(webhook.secret, delivery);
    verify(rotated.json.secret, delivery);

    status = 410;
    await server.must('POST', '/accounts/acme/grants', { amount: '1' });
    await use(server, 'acme', 1);
    await eventually('the webhook to be disabled', async () => {
      const answer = await server.customer(key, 'GET', '/v1/webhooks');
      return answer.json.items[0].status === 'disabled' || undefined;
    });
  });
});

test('the end of a report is told to standing webhooks', async () => {
  await withServer({}, async ({ server, receiver }) => {
    const { key, webhook } = await customerWithWebhook(server, receiver, { events: ['report.completed'] });
    const answer = await server.customer(key, 'POST', '/v1/reports', {
      body: { type: 'usage', from: '2025-02-01T00:00:00Z', to: '2025-03-01T00:00:00Z', granularity: 'total' },
    });
    assert.equal(answer.status, 202, answer.text);
    const [delivery] = await receiver.arrived('/hook');
    const told = verify(webhook.secret, delivery);
    assert.equal(told.type, 'report.completed');
    assert.deepEqual(told.data, { account: 'acme', request_id: answer.json.request_id, status: 'completed' });
  });
});

test('a reload is paid once under one key, through an answer that never came and a kill', async () => {
  // The payment system of the first process takes the money and says nothing.
  const hung = [];
  const answer = async (request) => {
    if (payments.silent) return new Promise((resolve) => hung.push(resolve));
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ reference: `pay_${request.headers['idempotency-key']}` }) };
  };
  const payments = { silent: true };
  await withServer({ payments: answer }, async ({ server, receiver, payments: system }) => {
    const { webhook } = await customerWithWebhook(server, receiver, { events: ['credits.reloaded'] });
    const secret = fs.readFileSync(path.join(server.dir, 'payments.secret'), 'utf8').trim();
    await server.must('POST', '/accounts/acme/grants', { amount: '10' });
    await server.must('PUT', '/accounts/acme/auto-reload', { enabled: true, threshold: '5', amount: '100' });
    await use(server, 'acme', 7);
    const [first] = await system.arrived('/charge');
    assert.deepEqual(verify(secret, first), { type: 'payment.reload', account: 'acme', amount: '100', idempotency_key: 'reload_acme.1' });
    assert.equal(first.headers['idempotency-key'], 'reload_acme.1');
    await server.kill();
    payments.silent = false;
    await server.boot();
    const both = await system.arrived('/charge', 2);
    assert.equal(both[1].headers['idempotency-key'], 'reload_acme.1');
    assert.equal(both[1].headers['webhook-id'], first.headers['webhook-id']);
    verify(secret, both[1]);
    const [told] = await receiver.arrived('/hook');
    assert.deepEqual(verify(webhook.secret, told).data, { account: 'acme', available: '103', amount: '100', lot: 'lot_2' });
    assert.equal(await balance(server, 'acme'), '103');
    const entries = (await server.must('GET', '/accounts/acme/ledger')).items;
    assert.equal(entries.filter((entry) => entry.reference === 'pay_reload_acme.1').length, 1);

    await server.kill();
    await server.boot();
    assert.equal(await balance(server, 'acme'), '103');
    assert.equal(system.of('/charge').length, 2);
    hung.forEach((resolve) => resolve(503));
  });
});

test('a declined reload is not asked for again at once', async () => {
  await withServer({ payments: () => 402 }, async ({ server, receiver, payments }) => {
    await customerWithWebhook(server, receiver, { events: ['credits.reloaded'] });
    await server.must('PUT', '/accounts/acme/auto-reload', { enabled: true, threshold: '5', amount: '100' });
    await payments.arrived('/charge');
    const dead = await eventually('the decline to be recorded', async () => {
      const { items } = await server.must('GET', '/deliveries?status=dead');
      return items.length ? items : undefined;
    });
    assert.equal(dead[0].event, 'payment.reload');
    assert.equal((await server.operator('POST', `/deliveries/${dead[0].id}/replay`)).status, 409);
    await server.must('POST', '/accounts/acme/grants', { amount: '1' });
    assert.equal(payments.of('/charge').length, 1);
    assert.equal(await balance(server, 'acme'), '1');
  });
});

test('without payments.url auto-reload cannot be turned on', async () => {
  await withServer({}, async ({ server }) => {
    await server.newCustomer('acme');
    const refused = await server.operator('PUT', '/accounts/acme/auto-reload', { enabled: true, threshold: '5', amount: '100' });
    assert.equal(refused.status, 409, refused.text);
    assert.equal(refused.json.code, 'payments_not_set');
    await server.must('PUT', '/accounts/acme/auto-reload', { enabled: false });
  });
});
