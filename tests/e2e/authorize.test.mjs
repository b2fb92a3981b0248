// What a gateway asks before each call, over real sockets: many questions at once, kills in between, limits that outlive them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { dice, inParallel, seedFromEnv, Server } from './harness.mjs';

let server;
before(async () => {
  server = await Server.start({ onDisk: true });
  await server.must('POST', '/prices', { effective_at: '2020-01-01T00:00:00Z', prices: [{ endpoint: 'search', credits: '2' }] });
});
after(() => server?.dispose());

async function newCustomer(id, amount, key) {
  const customer = await server.newCustomer(id, key);
  if (amount) await server.must('POST', `/accounts/${id}/grants`, { amount });
  return customer;
}
const range = (count) => Array.from({ length: count }, (_, i) => i);
const question = (customer, more = {}) => ({
  key: customer.key, ...(customer.secret ? { secret: customer.secret } : {}), ip: '203.0.113.9', endpoint: 'search', ttl_seconds: 600, ...more,
});
const ask = (customer, more) => server.must('POST', '/authorize', question(customer, more));

describe('authorize', () => {
  test('decides, holds, and the call settles what it used', async () => {
    const customer = await newCustomer('plain', '10');
    const decision = await ask(customer, { quantity: 3 });
    assert.equal(decision.allowed, true);
    assert.equal(decision.credits, '6');
    assert.equal(decision.available, '4');
    await server.must('POST', `/holds/${decision.hold}/settle`, { event: { id: 'call-1', endpoint: 'search', results: 1 } });
    assert.equal((await server.must('GET', '/accounts/plain/balance')).balance, '8');
    const refused = await ask(customer, { quantity: 5 });
    assert.equal(refused.allowed, false);
    assert.equal(refused.code, 'insufficient_credits');
  });

  test('lets through what the credits cover and nothing more, however many ask at once', async () => {
    const customer = await newCustomer('crowd', '100');
    let allowed = 0;
    await inParallel(64, range(200), async () => {
      const decision = await ask(customer);
      if (decision.allowed) allowed += 1;
      else assert.equal(decision.code, 'insufficient_credits');
    });
    assert.equal(allowed, 50);
    assert.deepEqual(await server.must('GET', '/accounts/crowd/balance'), { balance: '100', reserved: '100', available: '0', debt: '0' });
  });

  test('a limit is counted by every way in, outlives a restart, and is not exceeded by a kill', async () => {
    const random = dice(seedFromEnv());
    const customer = await newCustomer('limited', '1000', { kind: 'token', limits: { per_day: 60 } });
    let allowed = 0;
    for (let round = 0; round < 4; round += 1) {
      let asked = 0;
      let killed;
      await inParallel(7, range(14), async () => {
        asked += 1;
        if (asked === 7) killed = random.below(2) === 0 ? server.kill() : server.stop();
        const answer = await server.operator('POST', '/authorize', question(customer)).catch(() => undefined);
        if (answer?.status === 200 && answer.json.allowed) allowed += 1;
      });
      await killed;
      await server.boot();
    }
    for (let i = 0; i < 60; i += 1) allowed += (await ask(customer)).allowed ? 1 : 0;
    // What was let through is at most the limit: answers that a kill swallowed had counted, and none counted twice.
    assert.ok(allowed <= 60, `${allowed} were let through`);
    const last = await ask(customer);
    assert.equal(last.code, 'rate_limit_exceeded');
    assert.equal(last.rate_limit.remaining, 0);
    assert.equal(last.retry_after, last.rate_limit.reset_seconds);
    const holds = (await server.must('GET', '/accounts/limited/balance')).reserved;
    assert.equal(holds, '120', 'each call that counted holds its credits');
    assert.equal((await server.customer(customer, 'GET', '/v1/balance')).status, 429);
  });

  test("a customer's own requests outlive an orderly restart as well", async () => {
    const customer = await newCustomer('reader', undefined, { kind: 'token', limits: { per_day: 3 } });
    for (let i = 0; i < 3; i += 1) assert.equal((await server.customer(customer, 'GET', '/v1/balance')).status, 200);
    await server.stop();
    await server.boot();
    const refused = await server.customer(customer, 'GET', '/v1/balance');
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['ratelimit-remaining'], '0');
    assert.equal((await ask(customer)).code, 'rate_limit_exceeded');
  });

  test('the same question under one Idempotency-Key is one hold, across a kill', async () => {
    const customer = await newCustomer('again', '10');
    const options = { headers: { 'idempotency-key': 'q1' } };
    const first = await server.must('POST', '/authorize', question(customer), options);
    await server.kill();
    await server.boot();
    const again = await server.operator('POST', '/authorize', question(customer), options);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.deepEqual(again.json, first);
    assert.equal((await server.must('GET', '/accounts/again/balance')).reserved, '2');
  });

  test('a key that is disabled lets nothing through that is asked after the answer', async () => {
    const customer = await newCustomer('ends', '1000');
    let disabled = false;
    await inParallel(16, range(120), async (i) => {
      if (i === 60) {
        await server.must('PATCH', `/keys/${customer.id}`, { status: 'disabled' });
        disabled = true;
        return;
      }
      const after = disabled;
      const decision = await ask(customer);
      if (after) assert.equal(decision.code, 'api_key_disabled');
    });
    assert.equal((await ask(customer)).code, 'api_key_disabled');
  });
});
