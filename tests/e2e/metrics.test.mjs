// GET /metrics: what it counts is what was done, read by a parser that is not ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import parse from 'parse-prometheus-text-format';
import { eventually, send, Server } from './harness.mjs';
import { Receiver } from './receiver.mjs';

// The families by name, and `value`: the sample with these labels.
async function scrape(server, { base = server.base, headers = { authorization: `Bearer ${server.token}` } } = {}) {
  const answer = await send(base, { path: '/metrics', headers });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  // The parser joins a histogram's samples whatever their labels are; without its type they stay what they are.
  const plain = answer.text.replace(/^# TYPE (\S+) histogram\n/gm, '').replace(/^# HELP .*\n/gm, '');
  const families = new Map();
  for (const { name, metrics } of parse(plain)) families.set(name, [...(families.get(name) ?? []), ...metrics]);
  const find = (name, labels) => {
    const family = families.get(name);
    assert.ok(family, `there is no ${name}`);
    return family.find((metric) => Object.entries(labels).every(([label, value]) => metric.labels?.[label] === value));
  };
  return {
    text: answer.text,
    value: (name, labels = {}) => Number(find(name, labels)?.value ?? 0),
  };
}

test('the figures are what was done', async () => {
  const receiver = await Receiver.start((delivery) => (delivery.path === '/never' ? 500 : 204));
  const server = await Server.start({ args: ['--allow-private-callbacks', '--webhooks-retry-seconds', '1'] });
  try {
    await server.must('POST', '/prices', { prices: [{ endpoint: 'search', credits: '2', charge_on: 'request' }], effective_at: '2020-01-01T00:00:00Z' });
    const key = await server.newCustomer('acme');
    await server.must('POST', '/accounts/acme/grants', { amount: '100' });
    await server.must('POST', '/accounts/acme/grants', { amount: '0.5' });
    const events = Array.from({ length: 10 }, (_, i) => ({ id: `call-${i}`, account: 'acme', endpoint: 'search' }));
    assert.equal((await server.events(events)).json.accepted, 10);
    const open = await server.must('POST', '/holds', { account: 'acme', credits: '3' });
    const settled = await server.must('POST', '/holds', { account: 'acme', credits: '4' });
    assert.ok(open.id);
    await server.must('POST', `/holds/${settled.id}/settle`, { credits: '1.25' });
    for (const where of ['/hook', '/never']) {
      const order = { type: 'usage', from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z', granularity: 'total', callback_url: receiver.url(where) };
      const submitted = await server.customer(key, 'POST', '/v1/reports', { body: order });
      assert.equal(submitted.status, 202, submitted.text);
      await server.ended(key, submitted.json.request_id);
    }
    for (let i = 0; i < 3; ++i) assert.equal((await server.customer(key, 'GET', '/v1/account')).status, 200);
    assert.equal((await server.send({ path: '/v1/account' })).status, 401);
    assert.equal((await server.send({ path: '/no/such/path' })).status, 404);

    const seen = await eventually('the dead letter to be counted', async () => {
      const now = await scrape(server);
      return now.value('tally_deliveries_total', { outcome: 'dead' }) === 1 && now.value('tally_deliveries_pending') === 0 ? now : undefined;
    });
    const requests = (method, route, status) => seen.value('tally_http_requests_total', { method, route, status });
    assert.equal(requests('GET', '/v1/account', '2xx'), 3);
    assert.equal(requests('GET', '/v1/account', '4xx'), 1);
    assert.equal(requests('POST', '/v1/reports', '2xx'), 2);
    assert.equal(requests('POST', '/operator/v1/accounts/{id}/grants', '2xx'), 2);
    assert.equal(requests('', 'none', '4xx'), 1);
    const latency = (part, labels) => seen.value(`tally_http_request_duration_seconds_${part}`, { method: 'GET', route: '/v1/account', ...labels });
    assert.equal(latency('count'), 4);
    assert.equal(latency('bucket', { le: '+Inf' }), 4);
    assert.ok(latency('sum') > 0);

    assert.equal(seen.value('tally_credits_total', { kind: 'granted' }), 100.5);
    assert.equal(seen.value('tally_credits_total', { kind: 'debited' }), 21.25);
    assert.equal(seen.value('tally_credits_total', { kind: 'expired' }), 0);
    assert.equal(seen.value('tally_holds_open'), 1);
    assert.equal(seen.value('tally_holds_total', { outcome: 'opened' }), 2);
    assert.equal(seen.value('tally_holds_total', { outcome: 'settled' }), 1);
    assert.equal(seen.value('tally_jobs_total', { outcome: 'completed' }), 2);
    assert.equal(seen.value('tally_job_duration_seconds_count'), 2);
    assert.equal(seen.value('tally_queue_jobs', { state: 'ready' }), 0);
    assert.equal(seen.value('tally_queue_oldest_job_age_seconds'), 0);
    assert.equal(seen.value('tally_deliveries_total', { outcome: 'delivered' }), 1);
    assert.equal(seen.value('tally_delivery_attempts_total', { outcome: 'failed' }), 2);
    assert.equal(seen.value('tally_commit_batch_commands_count'), seen.value('tally_commits_total'));
    assert.ok(seen.value('tally_store_size_bytes') > 0);
    assert.equal(seen.value('tally_store_writable'), 1);
    assert.ok(seen.value('process_resident_memory_bytes') > 1 << 20);
    assert.ok(Math.abs(seen.value('process_start_time_seconds') * 1000 - Date.now()) < 3_600_000);
    assert.equal(seen.value('tally_build_info', { version: '0.1.0' }), 1);

    const typed = new Map([...seen.text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    assert.ok(typed.size > 25);
    for (const [name, type] of typed) {
      assert.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
      assert.ok(seen.text.includes(`# HELP ${name} `), name);
    }

    await server.kill();
    await server.boot();
    const after = await scrape(server);
    assert.equal(after.value('tally_holds_open') + after.value('tally_holds_total', { outcome: 'expired' }), 1, 'an open hold survives');
    assert.equal(after.value('tally_credits_total', { kind: 'granted' }), 0, 'counters count since the start');
  } finally {
    await server.dispose();
    await receiver.stop();
  }
});

test('metrics are the operator\'s: by its token, or on its own listener for anybody there', async () => {
  const shared = await Server.start();
  try {
    assert.equal((await shared.send({ path: '/metrics' })).status, 401);
    assert.equal((await shared.send({ path: '/metrics', headers: { authorization: 'Bearer opr_wrong' } })).status, 401);
    await scrape(shared);
  } finally {
    await shared.dispose();
  }
  const apart = await Server.start({ args: ['--operator-listen', '127.0.0.1:0'] });
  try {
    const line = apart.log.split('\n').find((each) => each.includes('"server.listening"'));
    const base = `http://127.0.0.1:${JSON.parse(line).operator_port}`;
    await scrape(apart, { base, headers: {} });
    await scrape(apart, { base });
    const hidden = await apart.send({ path: '/metrics', headers: { authorization: `Bearer ${apart.token}` } });
    assert.equal(hidden.status, 404);
  } finally {
    await apart.dispose();
  }
});
