// Credits through HTTP: grants, holds, debits and reversals; repeats under one Idempotency-Key; and 64 clients that race on one account
// while the server is killed and started again.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { dice, eventually, inParallel, seedFromEnv, Server, sleep } from './harness.mjs';

const micros = (text) => {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(text);
  return BigInt(`${sign}${whole}${fraction.padEnd(6, '0')}`);
};
const sum = (amounts) => amounts.reduce((all, amount) => all + amount, 0n);

let server;
before(async () => {
  server = await Server.start({ onDisk: true });
  await server.must('POST', '/prices', {
    effective_at: '2020-01-01T00:00:00Z',
    prices: [{ endpoint: 'search', credits: '1.5' }, { endpoint: 'lookup', credits: '0.25', charge_on: 'request' }],
  });
});
after(() => server?.dispose());

const keyed = (key) => ({ headers: { 'idempotency-key': key } });
const balance = (account) => server.must('GET', `/accounts/${account}/balance`);
async function newAccount(id, amount) {
  const customer = await server.newCustomer(id);
  if (amount) await server.must('POST', `/accounts/${id}/grants`, { amount });
  return customer;
}

// All entries of an account, the oldest first.
async function entriesOf(account) {
  const all = [];
  let cursor = '';
  do {
    const page = await server.must('GET', `/accounts/${account}/ledger?limit=500${cursor}`);
    all.push(...page.items);
    cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : '';
  } while (cursor);
  return all.reverse();
}

// What must hold of a ledger whatever happened: no gap, right balances, an unbroken chain, lots that add up.
async function checkLedger(account) {
  const entries = await entriesOf(account);
  let running = 0n;
  entries.forEach((entry, i) => {
    assert.equal(entry.seq, i + 1, 'no gap');
    running += micros(entry.amount);
    assert.equal(micros(entry.balance_after), running, `balance_after of ${entry.id}`);
    if (i > 0) assert.equal(entry.prev_hash, entries[i - 1].hash, `the chain at ${entry.id}`);
  });
  const now = await balance(account);
  assert.equal(micros(now.balance), running, 'the balance is the sum of the entries');
  assert.ok(micros(now.available) >= 0n);
  const lots = [];
  let cursor = '';
  do {
    const page = await server.must('GET', `/accounts/${account}/lots?limit=500&status=open${cursor}`);
    lots.push(...page.items);
    cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : '';
  } while (cursor);
  assert.equal(sum(lots.map((lot) => micros(lot.remaining))) - micros(now.debt), running, 'open lots less debt are the balance');
  return { entries, now };
}

describe('credits', () => {
  test('are granted, held, settled and explained', async () => {
    const customer = await newAccount('explain');
    const granted = await server.must('POST', '/accounts/explain/grants', { amount: '10', reference: 'inv-1' });
    assert.equal(granted.lot.remaining, '10');
    const hold = await server.must('POST', '/holds', { account: 'explain', endpoint: 'search', quantity: 2 });
    assert.equal(hold.credits, '3');
    assert.deepEqual(await balance('explain'), { balance: '10', reserved: '3', available: '7', debt: '0' });
    const event = { id: 'call-1', source: 'gateway', endpoint: 'search', results: 1 };
    const settled = await server.must('POST', `/holds/${hold.id}/settle`, { event });
    assert.equal(settled.settled_credits, '1.5');
    assert.deepEqual(await balance('explain'), { balance: '8.5', reserved: '0', available: '8.5', debt: '0' });

    const why = (await server.customer(customer, 'GET', `/v1/ledger/${settled.entry}`)).json;
    assert.equal(why.type, 'debit');
    assert.equal(why.amount, '-1.5');
    assert.deepEqual(why.event, { source: 'gateway', id: 'call-1' });
    assert.equal(why.price_version, 1);
    assert.equal(why.price.credits, '1.5');
    assert.equal(why.hold, hold.id);
    assert.deepEqual(why.lots, [{ lot: granted.lot.id, amount: '-1.5' }]);

    const reversed = await server.must('POST', '/events/gateway/call-1/reverse', { account: 'explain', reason: 'a wrong answer' });
    assert.equal(reversed.entry.amount, '1.5');
    assert.equal(reversed.entry.reverses, settled.entry);
    const again = await server.must('POST', '/events/gateway/call-1/reverse', { account: 'explain', reason: 'a wrong answer' });
    assert.deepEqual(again, reversed);
    await checkLedger('explain');
  });

  test('that are not there are 402, with nothing changed', async () => {
    await newAccount('poor', '2');
    const before = await balance('poor');
    const refused = await server.operator('POST', '/holds', { account: 'poor', credits: '2.000001' });
    assert.equal(refused.status, 402, refused.text);
    assert.equal(refused.json.code, 'insufficient_credits');
    assert.match(refused.headers['content-type'], /^application\/problem\+json/);
    assert.deepEqual(await balance('poor'), before);
    assert.equal((await entriesOf('poor')).length, 1);
  });

  test('are charged for usage that happened even when there are none: debt, paid by the next grant', async () => {
    await newAccount('debtor', '1');
    const answer = await server.events([{ id: '1', account: 'debtor', endpoint: 'search', results: 2 }]);
    assert.equal(answer.json.credits, '3');
    assert.deepEqual(await balance('debtor'), { balance: '-2', reserved: '0', available: '0', debt: '2' });
    const granted = await server.must('POST', '/accounts/debtor/grants', { amount: '5' });
    assert.equal(granted.lot.remaining, '3');
    await checkLedger('debtor');
  });

  test('that are left are what GET /usage says, allocation and top-ups together', async () => {
    const customer = await newAccount('nyne', '7.5');
    await server.must('PUT', '/accounts/nyne/subscription', { plan: 'pro', monthly_allocation: '100' });
    await server.must('POST', '/holds', { account: 'nyne', credits: '2' });
    const submitted = await server.customer(customer, 'GET', '/usage?month=2&year=2025');
    const { limits } = (await server.poll(customer, submitted.json.request_id)).json;
    assert.deepEqual(limits, { monthly_allocation: 100, available_credits: 105.5, is_unlimited: false });
  });

  test('of another are never shown', async () => {
    const stranger = await newAccount('stranger');
    await newAccount('owner', '7');
    const theirs = await server.customer(stranger, 'GET', '/v1/ledger/ent_1');
    const missing = await server.customer(stranger, 'GET', '/v1/ledger/ent_99');
    assert.equal(theirs.status, 404);
    assert.equal(theirs.text, missing.text);
  });
});

describe('the same Idempotency-Key', () => {
  // path, body, and what it leaves
  const calls = [
    ['/accounts/same/grants', { amount: '10' }],
    ['/accounts/same/adjustments', { amount: '-1', description: 'test' }],
    ['/holds', { account: 'same', credits: '2' }],
    ['/holds', { account: 'same', credits: '999999' }],
    ['/holds/hold_same.1/settle', { credits: '1' }],
    ['/holds/hold_same.1/release', {}],
    ['/events', [{ id: 'once', account: 'same', endpoint: 'search' }, { id: 'bad', account: 'nobody', endpoint: 'search' }]],
    ['/events/-/once/reverse', { account: 'same', reason: 'test' }],
    ['/accounts/same/keys', { kind: 'pair' }],
    ['/prices', { prices: [{ endpoint: 'same/price', credits: '1' }] }],
    ['/accounts', { id: 'same-too', name: 'Same' }],
    ['/accounts', { id: 'same' }],
  ];

  test('replays every POST byte for byte, also after kill -9; another body is 422', async () => {
    await newAccount('same');
    const first = [];
    for (const [i, [path, body]] of calls.entries()) first.push(await server.operator('POST', path, body, keyed(`call ${i}`)));
    assert.deepEqual(first.map((answer) => answer.status), [201, 201, 201, 402, 200, 409, 200, 200, 201, 200, 201, 409]);
    const before = await checkLedger('same');
    const replay = async () => {
      for (const [i, [path, body]] of calls.entries()) {
        const again = await server.operator('POST', path, body, keyed(`"call ${i}"`));
        assert.equal(again.status, first[i].status, path);
        assert.equal(again.text, first[i].text, path);
        assert.equal(again.headers['content-type'], first[i].headers['content-type']);
        assert.equal(again.headers['idempotency-replayed'], 'true', path);
        const other = await server.operator('POST', path, JSON.stringify(body) + ' ', { type: 'application/json', ...keyed(`call ${i}`) });
        assert.equal(other.status, 422, other.text);
        assert.equal(other.json.code, 'idempotency_key_reused');
      }
      assert.deepEqual(await checkLedger('same'), before);
    };
    await replay();
    await server.kill();
    await server.boot();
    await replay();
  });

  test('of a customer replays too', async () => {
    const customer = await newAccount('rotates');
    const options = { headers: { 'idempotency-key': 'rotate-1' } };
    const first = await server.customer(customer, 'POST', '/v1/account/rotate-webhook-secret', options);
    const again = await server.customer(customer, 'POST', '/v1/account/rotate-webhook-secret', options);
    assert.equal(first.status, 200);
    assert.equal(again.text, first.text);
    assert.equal(again.headers['idempotency-replayed'], 'true');
  });

  test('of a report submits one job, and a repeat that waits is answered with its result', async () => {
    const customer = await newAccount('reports');
    const submit = (body, headers) => server.customer(customer, 'POST', '/v1/reports', { body, headers: { 'idempotency-key': 'r', ...headers } });
    const body = { type: 'usage', from: '2025-02-01', to: '2025-03-01', granularity: 'month' };
    const first = await submit(body);
    assert.equal(first.status, 202, first.text);
    const again = await submit(body);
    assert.equal(again.text, first.text);
    assert.equal(again.headers.location, first.headers.location);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    const waited = await submit(body, { prefer: 'wait=60' });
    assert.equal(waited.status, 200, waited.text);
    assert.equal(waited.json.request_id, first.json.request_id);
    assert.equal(waited.headers['idempotency-replayed'], 'true');
    assert.equal((await submit({ ...body, to: '2025-04-01' })).json.code, 'idempotency_key_reused');
    assert.equal((await server.customer(customer, 'GET', '/v1/reports')).json.items.length, 1);
  });

  test('is refused unless it is 1 to 255 printable characters', async () => {
    await newAccount('badkey', '1');
    for (const key of ['"', '""', '"a', 'x'.repeat(256)]) {
      const answer = await server.operator('POST', '/holds', { account: 'badkey', credits: '1' }, keyed(key));
      assert.equal(answer.status, 422, key);
      assert.equal(answer.json.code, 'invalid_idempotency_key');
    }
  });

  test('sent many times at once has one effect and one answer', async () => {
    await newAccount('burst', '100');
    const answers = await Promise.all(Array.from({ length: 32 }, () =>
      server.operator('POST', '/holds', { account: 'burst', credits: '1' }, keyed('burst'))));
    assert.equal(new Set(answers.map((answer) => answer.text)).size, 1);
    assert.deepEqual(await balance('burst'), { balance: '100', reserved: '1', available: '99', debt: '0' });
  });
});

describe('64 clients on one account', () => {
  const account = 'race';
  const width = 64;
  const seed = seedFromEnv();
  const random = dice(seed);
  const rounds = Number(process.env.TALLY_E2E_LEDGER_ROUNDS ?? 4);
  let next = 0;
  let down = false;

  // What the clients know. An operation is one distinct key; what became of it is what its first full answer said.
  const known = { grants: [], debits: [], holds: new Map(), operations: 0, sent: 0, replays: 0, refused: 0, lowest: null };

  // Sends until an answer comes, through kills too; 30% of all answers are asked for a second time, which must not differ.
  async function operate(path, body, options = {}) {
    const key = `${seed}-${next++}`;
    ++known.operations;
    const attempt = async () => {
      for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, 100)) {
        ++known.sent;
        try {
          const answer = await server.operator('POST', path, body, { ...options, headers: { 'idempotency-key': key } });
          if (answer.status !== 503 && answer.json.code !== 'idempotency_key_in_use') return answer;
          await sleep(pauseMs);
        } catch (error) {
          if (!/ECONNRE|socket hang up|aborted|EPIPE/.test(`${error.code} ${error.message}`)) throw error;
          await eventually('the server to be back', () => (down ? undefined : true), { everyMs: 5 });
        }
      }
    };
    if (random.below(10) >= 3) return attempt();
    // A retry that does not wait for the first answer.
    const [one, two] = await Promise.all([attempt(), attempt()]);
    assert.equal(two.status, one.status, `${path}: ${one.text} ${two.text}`);
    assert.equal(two.text, one.text, path);
    ++known.replays;
    return one;
  }

  async function grant() {
    const amount = String(1 + random.below(20));
    const answer = await operate(`/accounts/${account}/grants`, { amount });
    assert.equal(answer.status, 201, answer.text);
    known.grants.push(micros(amount));
    seen(answer.json.balance);
  }

  function seen({ available, balance: whole, reserved }) {
    assert.ok(micros(available) >= 0n, available);
    const free = micros(whole) - micros(reserved);
    assert.equal(micros(available), free > 0n ? free : 0n);
    if (known.lowest === null || free < known.lowest) known.lowest = free;
  }

  async function event() {
    const search = random.below(2) === 0;
    const results = random.below(3);
    const body = { id: `event-${next}`, account, endpoint: search ? 'search' : 'lookup', results };
    const answer = await operate('/events', body);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.accepted + answer.json.duplicates, 1, answer.text);
    const cost = search ? BigInt(results) * 1_500_000n : 250_000n;
    if (cost > 0n) known.debits.push({ event: body.id, cost });
  }

  async function hold() {
    const credits = (1 + random.below(80)) / 4;
    const made = await operate('/holds', { account, credits: String(credits), ttl_seconds: 3600 });
    if (made.status === 402) {
      ++known.refused;
      assert.equal(made.json.code, 'insufficient_credits');
      return;
    }
    assert.equal(made.status, 201, made.text);
    const { id } = made.json;
    assert.ok(!known.holds.has(id), `${id} was given twice`);
    known.holds.set(id, 'open');
    const way = random.below(5);
    if (way === 0) return;  // left open
    if (way === 1) {
      const released = await operate(`/holds/${id}/release`, {});
      assert.equal(released.json.status, 'released', released.text);
    } else if (way === 2) {
      const body = { event: { id: `held-${next}`, endpoint: 'search', results: 1, credits: String(credits / 2) } };
      const settled = await operate(`/holds/${id}/settle`, body);
      assert.equal(settled.status, 200, settled.text);
      known.debits.push({ event: body.event.id, hold: id, cost: micros(settled.json.settled_credits) });
    } else {
      // Sometimes for more than was held, which may be refused; then it is settled for what was held.
      let amount = way === 3 ? credits * 2 : credits / 2;
      let settled = await operate(`/holds/${id}/settle`, { credits: String(amount) });
      if (settled.status === 402) {
        ++known.refused;
        amount = credits;
        settled = await operate(`/holds/${id}/settle`, { credits: String(amount) });
      }
      assert.equal(settled.status, 200, settled.text);
      known.debits.push({ hold: id, cost: micros(String(amount)) });
    }
    known.holds.set(id, 'resolved');
  }

  async function look() {
    if (down) return;
    try {
      seen(await balance(account));
    } catch (error) {
      if (!/ECONNRE|socket hang up|aborted|EPIPE/.test(`${error.code} ${error.message}`)) throw error;
    }
  }

  test('holds, settlements, events and grants with 30% retries and kills: effects = distinct keys', async (t) => {
    t.diagnostic(`TALLY_E2E_SEED=${seed}`);
    await newAccount(account);
    for (let round = 0; round < rounds; ++round) {
      const jobs = Array.from({ length: 600 }, () => random.pick([grant, event, event, hold, hold, hold, look]));
      const work = inParallel(width, jobs, (job) => job());
      let failure = null;
      work.catch((error) => (failure = error));
      await sleep(50 + random.below(250));
      down = true;
      await server.kill();
      await server.boot();
      down = false;
      await work;
      assert.equal(failure, null);

      const { entries, now } = await checkLedger(account);
      const debits = entries.filter((entry) => entry.type === 'debit');
      const total = (type) => sum(entries.filter((entry) => entry.type === type).map((entry) => micros(entry.amount)));
      assert.equal(entries.filter((entry) => entry.type === 'grant').length, known.grants.length, 'one entry a grant');
      assert.equal(total('grant'), sum(known.grants), 'granted');
      assert.equal(debits.length, known.debits.length, 'one debit a charge');
      assert.equal(-total('debit'), sum(known.debits.map((debit) => debit.cost)), 'the debits are the charges');
      const charged = new Map(debits.map((entry) => [entry.event?.id ?? entry.hold, -micros(entry.amount)]));
      for (const debit of known.debits) assert.equal(charged.get(debit.event ?? debit.hold), debit.cost, JSON.stringify(entries.length));
      const open = [...known.holds].filter(([, status]) => status === 'open');
      const reserved = [];
      await inParallel(16, open, async ([id]) => reserved.push(micros((await server.must('GET', `/holds/${id}`)).credits)));
      assert.equal(micros(now.reserved), sum(reserved), 'reserved is what the open holds hold');
    }
    t.diagnostic(`${known.operations} operations, ${known.sent} requests, ${known.replays} retried at once, ${known.refused} refused with 402; ` +
      `${known.debits.length} debits, ${known.holds.size} holds; the least free: ${Number(known.lowest) / 1e6}`);
  });
});
