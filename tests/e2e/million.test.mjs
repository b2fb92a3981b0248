// Ten thousand malformed events among a million good ones: each is reported by its index, and every good one counts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dice, inParallel, seedFromEnv, Server } from './harness.mjs';

const good = Number(process.env.TALLY_E2E_EVENTS ?? 1_000_000);
const bad = good / 100;
const perBatch = 50_000;
const accounts = Array.from({ length: 50 }, (_, i) => `million-${i}`);
const month = '2025-02';

// Ways to be wrong, with the code that each is refused with. `line` gets a valid event's fields.
const event = (fields, change) => JSON.stringify({ ...fields, ...change });
const malformed = [
  ['malformed_json', () => 'this is not JSON'],
  ['malformed_json', (f) => event(f, {}).slice(0, -1)],
  ['malformed_json', (f) => `${event(f, {})} {}`],
  ['invalid_event', () => '42'],
  ['invalid_event', () => '["an","array"]'],
  ['malformed_json', (f) => event(f, {}).replace('"e', '"\\ud800')],
  ['missing_id', (f) => event(f, { id: undefined })],
  ['missing_id', (f) => event(f, { id: '' })],
  ['invalid_id', (f) => event(f, { id: 7 })],
  ['invalid_id', (f) => event(f, { id: 'x'.repeat(256) })],
  ['invalid_account', (f) => event(f, { account: 'Not An Id' })],
  ['invalid_account', (f) => event(f, { account: undefined })],
  ['missing_endpoint', (f) => event(f, { endpoint: undefined })],
  ['invalid_endpoint', (f) => event(f, { endpoint: 'tab\there' })],
  ['invalid_time', (f) => event(f, { time: '2025-02-30T00:00:00Z' })],
  ['invalid_time', (f) => event(f, { time: '2999-01-01T00:00:00Z' })],
  ['invalid_results', (f) => event(f, { results: -1 })],
  ['invalid_results', (f) => event(f, { results: 1.5 })],
  ['invalid_credits', (f) => event(f, { credits: '0.0000001' })],
  ['invalid_credits', (f) => event(f, { credits: '-1' })],
  ['invalid_options', (f) => event(f, { options: { verified_email: -1 } })],
  ['unknown_field', (f) => event(f, { colour: 'blue' })],
  ['duplicate_key', (f) => `${event(f, {}).slice(0, -1)},"id":"again"}`],
];

let server;
let customers;
before(async () => {
  server = await Server.start({ onDisk: true });
  customers = await Promise.all(accounts.map((id) => server.newCustomer(id)));
});
after(() => server?.dispose());

test('a million good events count exactly, ten thousand bad ones are each named', async (t) => {
  const seed = seedFromEnv();
  t.diagnostic(`TALLY_E2E_SEED=${seed}`);
  const random = dice(seed);

  // Which of the lines are bad: `bad` distinct places among all.
  const total = good + bad;
  const isBad = new Uint8Array(total);
  for (let placed = 0; placed < bad; ) {
    const at = random.below(total);
    if (!isBad[at]) {
      isBad[at] = 1;
      ++placed;
    }
  }
  const counted = accounts.map(() => ({ requests: 0, results: 0 }));
  const makeBatch = (first) => {
    const lines = [];
    const expected = [];
    for (let n = first; n < Math.min(first + perBatch, total); ++n) {
      const which = random.below(accounts.length);
      const day = String(1 + random.below(28)).padStart(2, '0');
      const results = random.below(4);
      const fields = { id: `e${n}`, account: accounts[which], endpoint: `endpoint/${random.below(20)}`, time: `${month}-${day}T12:00:00Z`, results };
      if (isBad[n]) {
        const [code, line] = random.pick(malformed);
        expected.push({ index: lines.length, code });
        lines.push(line(fields));
      } else {
        lines.push(JSON.stringify(fields));
        counted[which].requests += 1;
        counted[which].results += results;
      }
    }
    return { lines, expected };
  };

  const firsts = [];
  for (let first = 0; first < total; first += perBatch) firsts.push(first);
  let accepted = 0;
  const begun = performance.now();
  await inParallel(3, firsts, async (first) => {
    const { lines, expected } = makeBatch(first);
    const answer = await server.events(lines);
    assert.equal(answer.status, 200, answer.text.slice(0, 500));
    const { accepted: taken, duplicates, rejected } = answer.json;
    assert.deepEqual(rejected.map(({ index, code }) => ({ index, code })), expected);
    assert.ok(rejected.every(({ message }) => message.length > 0));
    assert.equal(taken, lines.length - expected.length);
    assert.equal(duplicates, 0);
    accepted += taken;
  });
  t.diagnostic(`${Math.round(total / (performance.now() - begun))} thousand events a second, with the lines made here`);
  assert.equal(accepted, good);

  await inParallel(16, [...customers.entries()], async ([i, customer]) => {
    const totals = await server.totals(customer, '2025-01-01T00:00:00Z', '2025-04-01T00:00:00Z', 'month');
    assert.equal(totals.requests, counted[i].requests, accounts[i]);
    assert.equal(totals.results, counted[i].results, accounts[i]);
  });
});
