// `tally audit` and its companions on a real server: clean while it runs, clean after it stopped or was killed, and a changed byte found.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { dice, inParallel, seedFromEnv, Server, tally } from './harness.mjs';

let server;
let scratch;
before(async () => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-audit.'));
  server = await Server.start({ config: "[payments]\nurl = 'https://pay.example.com/reload'\n" });
  await server.must('POST', '/prices', {
    effective_at: '2020-01-01T00:00:00Z',
    prices: [{ endpoint: 'search', credits: '1.5' }, { endpoint: 'geo/lookup', credits: '0.25', charge_on: 'request' }],
  });
});
after(async () => {
  await server?.dispose();
  fs.rmSync(scratch, { recursive: true, force: true });
});

const run = async (args, expected = 0) => {
  const done = await tally(server, args);
  assert.equal(done.code, expected, `tally ${args.join(' ')}: ${JSON.stringify(done)}`);
  return done;
};
const json = async (args, expected) => JSON.parse((await run(['--json', ...args], expected)).stdout);

// Grants, priced events, holds settled by credits and events, reversals, adjustments, debt and its payment.
async function traffic(account, random, rounds) {
  await run(['account', 'create', account, '--name', `The ${account} company`, '--email', `${account}@example.com`, '--overdraft-limit', '10000']);
  await run(['grant', account, '40', '--reference', 'invoice-1', '--description', 'the café "deal"']);
  await run(['grant', account, '10.000001', '--never-expires', '--priority', '-2']);
  for (let i = 0; i < rounds; ++i) {
    const answer = await server.events(Array.from({ length: 10 }, (_, n) => ({
      id: `${i}-${n}`, account, source: n % 2 ? 'gateway' : '', endpoint: random.pick(['search', 'geo/lookup', 'free']), results: random.below(4),
    })));
    assert.equal(answer.json?.accepted, 10, answer.text);
    const hold = await json(['hold', 'create', account, '--credits', '2', '--ttl', '600']);
    switch (random.below(4)) {
      case 0: await run(['hold', 'settle', hold.id, '1.25']); break;
      case 1: await run(['hold', 'settle', hold.id, '--event-id', `held-${i}`, '--endpoint', 'search', '--source', 'gateway']); break;
      case 2: await run(['hold', 'release', hold.id]); break;
      default: // stays open
    }
    await run(['reverse', account, '--source', 'gateway', '--id', `${i}-1`, '--reason', 'answered with garbage']);
    await run(['reverse', account, '--id', `${i}-2`, '--reason', 'answered with garbage']);
    await run(['adjust', account, random.pick(['-3', '0.5']), '--reason', 'a correction']);
    if (random.below(3) === 0) await run(['grant', account, '30']);
  }
}

test('the audit is clean live, after a kill and after SIGTERM; an export passes, and one flipped byte is found and named', async (t) => {
  const seed = seedFromEnv();
  t.diagnostic(`seed ${seed}`);
  await inParallel(2, ['acme', 'globex'], (account) => traffic(account, dice(seed + account.length), 6));
  await run(['account', 'create', 'quiet', '--name', 'Quiet', '--email', 'quiet@example.com']);
  await server.must('PUT', '/accounts/globex/subscription', { plan: 'enterprise', unlimited: true });
  await server.events([{ id: 'free-1', account: 'globex', endpoint: 'search' }]);

  await run(['hold', 'create', 'globex', '--credits', '3', '--ttl', '600']);

  const live = await json(['audit']);
  assert.deepEqual([live.ok, live.accounts, live.wrong], [true, 3, []]);
  assert.ok(live.entries > 60 && live.lots >= 4, JSON.stringify(live));
  const exported = await run(['export', 'ledger', '--account', 'acme']);
  const one = path.join(scratch, 'live.ndjson');
  fs.writeFileSync(one, exported.stdout);
  assert.equal((await json(['audit', '--file', one])).accounts, 1);
  await run(['audit', '--data', server.dir], 2);  // in use

  await server.kill();
  const killed = await json(['audit', '--data', server.dir]);
  assert.deepEqual([killed.ok, killed.entries, killed.lots], [true, live.entries, live.lots]);
  assert.equal(killed.open_holds, live.open_holds);
  assert.ok(live.open_holds > 0);

  await server.boot();
  assert.equal((await json(['audit'])).entries, live.entries);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  const stopped = await json(['audit', '--data', server.dir]);
  assert.deepEqual([stopped.ok, stopped.entries, stopped.notes], [true, live.entries, []]);
  assert.equal(stopped.open_holds, killed.open_holds);

  const whole = (await run(['export', 'ledger', '--data', server.dir])).stdout;
  const file = path.join(scratch, 'ledger.ndjson');
  fs.writeFileSync(file, whole);
  const passed = await json(['audit', '--file', file]);
  assert.deepEqual([passed.ok, passed.accounts, passed.entries, passed.open_holds], [true, 3, live.entries, stopped.open_holds]);

  const random = dice(seed + 1);
  const entries = whole.split('\n').filter((line) => line.includes(',"entry":{'));
  for (let i = 0; i < 10; ++i) {
    const line = random.pick(entries);
    const { account, entry } = JSON.parse(line);
    const bytes = Buffer.from(whole);
    const at = Buffer.from(whole.slice(0, whole.indexOf(line))).length + Buffer.from(line.slice(0, line.indexOf('"amount":"'))).length + 10 +
      random.below(entry.amount.length);
    bytes[at] ^= 1;
    fs.writeFileSync(file, bytes);
    const found = await json(['audit', '--file', file], 1);
    assert.deepEqual(found.wrong.map((one) => [one.account, one.entry]).at(0), [account, entry.id], JSON.stringify(found));
  }
  const bytes = Buffer.from(whole);
  bytes[random.below(bytes.length - 1)] ^= 1;
  fs.writeFileSync(file, bytes);
  assert.equal((await json(['audit', '--file', file], 1)).ok, false);
  await server.boot();
});

test('explain says why a charge is there; balance, ledger and the setting of the reload are shown', async () => {
  await run(['account', 'create', 'asks', '--name', 'Asks', '--email', 'asks@example.com']);
  const first = await run(['grant', 'asks', '5', '--reference', 'invoice-9', '--idempotency-key', 'g-1']);
  assert.equal((await run(['grant', 'asks', '5', '--reference', 'invoice-9', '--idempotency-key', 'g-1'])).stdout, first.stdout);
  await server.events([{ id: 'why', source: 'gateway', account: 'asks', endpoint: 'search', results: 4 }]);
  const words = (await run(['explain', 'asks', '2'])).stdout;
  for (const part of [/6 credits were charged/, /event "why" of source "gateway" at endpoint search/, /price: version 1, 1\.5 a result/,
    /lot_1 +5 +grant of 5 .*reference "invoice-9"/, /1 credits no lot could pay/, /balance: 5 before, -1 after/, /the hash of ent_1/]) assert.match(words, part);
  assert.match((await run(['reverse', 'asks', '--source', 'gateway', '--id', 'why', '--reason', 'sorry'])).stdout, /ent_3/);
  assert.match((await run(['explain', 'asks', 'ent_3'])).stdout, /takes back ent_2, which charged 6 credits/);
  assert.match((await run(['balance', 'asks'])).stdout, /available +5\n[^]*lot_1 +grant +5/);
  assert.match((await run(['ledger', 'asks', '--limit', '1'])).stdout, /ent_3 .*reversal +6/);
  assert.match((await run(['reload', 'asks', '--threshold', '1', '--amount', '100'])).stdout, /when less than 1 is available, 100 is bought/);
  assert.match((await run(['reload', 'asks', '--off'])).stdout, /is off/);
  await run(['hold', 'create', 'asks', '--credits', '1000'], 1);
  await run(['explain', 'asks', 'ent_99'], 1);
});
