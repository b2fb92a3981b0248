// kill -9 at random moments under load: what was acknowledged is there after the restart, once, and what was begun is finished.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dice, eventually, inParallel, seedFromEnv, Server, sleep } from './harness.mjs';
import { Receiver, verify } from './receiver.mjs';

const rounds = Number(process.env.TALLY_E2E_ROUNDS ?? 50);
const month = { month: 2, year: 2025, from: '2025-02-01T00:00:00Z', to: '2025-03-01T00:00:00Z' };
const config = '[webhooks]\nretry_seconds = [1, 1, 1, 2, 2, 3, 5, 5, 10]\n';

let server;
let receiver;
let customers;
before(async () => {
  receiver = await Receiver.start();
  server = await Server.start({ onDisk: true, config, args: ['--allow-private-callbacks'] });
  await server.must('POST', '/prices', {
    effective_at: '2025-01-01T00:00:00Z', prices: [{ endpoint: 'search', credits: '1.5', category: 'search' }],
  });
  customers = [];
  for (const id of ['crash-a', 'crash-b', 'crash-c', 'crash-d']) {
    const customer = await server.newCustomer(id);
    customers.push({ ...customer, webhookSecret: await server.webhookSecret(customer) });
  }
});
after(async () => {
  await server?.dispose();
  await receiver?.stop();
});

// What the clients know: the only source of the truth that the server is held to.
const known = {
  events: new Map(),  // account -> events acknowledged
  inDoubt: [],        // batches that were sent and not answered
  open: new Map(),    // request id -> { customer, hook }: acknowledged jobs, not yet seen finished
  done: new Map(),    // request id -> { customer, hook, body }
  submits: 0,
  batches: 0,
};

function makeBatch(random) {
  const customer = random.pick(customers);
  const batch = Array.from({ length: 1 + random.below(40) }, (_, i) => ({
    id: `${known.batches}-${i}`, account: customer.account, endpoint: 'search', results: 1,
    time: `2025-02-${String(1 + random.below(28)).padStart(2, '0')}T08:00:00Z`,
  }));
  ++known.batches;
  return batch;
}

async function sendEvents(batch) {
  known.inDoubt.push(batch);
  const answer = await server.events(batch);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.accepted + answer.json.duplicates, batch.length, answer.text);
  known.inDoubt.splice(known.inDoubt.indexOf(batch), 1);
  const { account } = batch[0];
  known.events.set(account, (known.events.get(account) ?? 0) + batch.length);
}

async function submit(random) {
  const customer = random.pick(customers);
  const hook = `/hook/${known.submits++}`;
  const query = `month=${month.month}&year=${month.year}&callback_url=${encodeURIComponent(receiver.url(hook))}`;
  const answer = await server.customer(customer, 'GET', `/usage?${query}`);
  assert.equal(answer.status, 202, answer.text);
  known.open.set(answer.json.request_id, { customer, hook });
}

async function pollOne(random) {
  const ids = [...known.open.keys()];
  if (!ids.length) return submit(random);
  const id = random.pick(ids);
  const { customer, hook } = known.open.get(id);
  const answer = await server.customer(customer, 'GET', `/usage?request_id=${id}`);
  assert.ok([200, 202].includes(answer.status), `an acknowledged job is gone: ${id}: ${answer.status} ${answer.text}`);
  if (answer.status === 200) finished(id, customer, hook, answer);
}

function finished(id, customer, hook, answer) {
  assert.equal(answer.json.status, 'completed', answer.text);
  const before = known.done.get(id);
  if (before) assert.equal(answer.text, before.body, `the result of ${id} changed`);
  known.open.delete(id);
  known.done.set(id, { customer, hook, body: answer.text });
}

// Keeps `width` clients busy until the server is gone. A broken connection is what a client sees of a crash; all else is a failure.
async function load(random, isDown, width = 8) {
  const jobs = [() => sendEvents(makeBatch(random)), () => submit(random), () => pollOne(random)];
  await Promise.all(Array.from({ length: width }, async () => {
    while (!isDown()) {
      try {
        await random.pick(jobs)();
      } catch (error) {
        if (!/ECONNRE|socket hang up|aborted|EPIPE/.test(`${error.code} ${error.message}`)) throw error;
        return;
      }
    }
  }));
}

// After a restart: events in doubt are sent again, all are counted once, all jobs finish, results are what they were.
async function verifyRound(random) {
  await Promise.all(known.inDoubt.splice(0).map(sendEvents));
  const sample = [...known.done].filter(() => random.below(4) === 0).slice(-40);
  await Promise.all([
    ...customers.map(async (customer) => {
      const totals = await server.totals(customer, month.from, month.to, 'month');
      const expected = known.events.get(customer.account) ?? 0;
      assert.equal(totals.requests, expected, `events of ${customer.account}`);
      assert.equal(totals.credits, String(expected * 1.5), `credits of ${customer.account}`);
    }),
    inParallel(16, [...known.open, ...sample], async ([id, { customer, hook }]) => finished(id, customer, hook, await server.poll(customer, id))),
  ]);
}

test(`${rounds} times kill -9: nothing acknowledged is lost, nothing counts twice`, async (t) => {
  const seed = seedFromEnv();
  t.diagnostic(`TALLY_E2E_SEED=${seed}`);
  const random = dice(seed);
  let slowest = 0;
  for (let round = 0; round < rounds; ++round) {
    let down = false;
    const clients = load(random, () => down);
    await sleep(20 + random.below(250));
    down = true;
    await server.kill();
    await clients;
    slowest = Math.max(slowest, await server.boot());
    // Every third time it dies again at once, while it may still be recovering.
    if (random.below(3) === 0) {
      await sleep(random.below(30));
      await server.kill();
      slowest = Math.max(slowest, await server.boot());
    }
    try {
      await verifyRound(random);
    } catch (error) {
      error.message = `seed ${seed}, round ${round}: ${error.message}\n${server.log.slice(-2000)}`;
      throw error;
    }
  }
  const events = [...known.events.values()].reduce((a, b) => a + b, 0);
  t.diagnostic(`${events} events, ${known.done.size} jobs; the slowest start took ${Math.round(slowest)} ms`);

  // Callbacks: at least one for every job that was acknowledged, and never two ids for one job.
  const waiting = new Set([...known.done.values()].map(({ hook }) => hook));
  await eventually('every callback', () => {
    for (const { path } of receiver.deliveries) waiting.delete(path);
    return waiting.size === 0 ? true : undefined;
  }, { everyMs: 100 });
  const ids = new Map();
  const byHook = new Map([...known.done].map(([id, job]) => [job.hook, { id, ...job }]));
  for (const delivery of receiver.deliveries) {
    const requestId = JSON.parse(delivery.body).request_id;
    const seen = ids.get(requestId) ?? delivery.headers['webhook-id'];
    assert.equal(delivery.headers['webhook-id'], seen, `two ids for ${requestId}`);
    ids.set(requestId, seen);
    const job = byHook.get(delivery.path);
    if (!job) continue;  // accepted, but the acknowledgement was lost in a crash
    assert.equal(requestId, job.id, 'one submit became two jobs');
    verify(job.customer.webhookSecret, delivery);
    assert.equal(delivery.body.toString(), job.body, 'the callback says what the poll says');
  }
  assert.equal(new Set(ids.values()).size, ids.size, 'two jobs share a webhook id');
});
