// Reports over many accounts as jobs: kill -9 in the middle gives the bytes of an uncut run, and cancelling at any moment ends it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { dice, eventually, inParallel, seedFromEnv, Server, sleep } from './harness.mjs';

const count = Number(process.env.TALLY_E2E_ACCOUNTS ?? 6_000);
const endpoints = 8;
const now = new Date();
const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)).toISOString().replace('.000', '');
const to = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)).toISOString().replace('.000', '');
const order = { type: 'statement', from, to, accounts: '*', format: 'ndjson' };
const idOf = (i) => `batch-${String(i).padStart(6, '0')}`;

let server;
before(async () => {
  server = await Server.start();
  await server.must('POST', '/prices', { prices: [{ endpoint: 'search', credits: '0.25' }], effective_at: '2020-01-01T00:00:00Z' });
  const all = Array.from({ length: count }, (_, i) => i);
  await inParallel(64, all, (i) => server.must('POST', '/accounts', { id: idOf(i) }));
  await inParallel(4, all.filter((i) => i % 500 === 0), async (first) => {
    const events = [];
    for (let i = first; i < Math.min(first + 500, count); ++i) {
      for (let e = 0; e < endpoints; ++e) events.push({ id: `${e}`, account: idOf(i), endpoint: e ? `endpoint/of/some/length/${e}` : 'search', results: 1 + (i % 7) });
    }
    assert.equal((await server.events(events)).json.accepted, events.length);
  });
});
after(() => server?.dispose());

const submit = async () => {
  const answer = await server.operator('POST', '/reports', order);
  assert.equal(answer.status, 202, answer.text);
  return answer.json.request_id;
};
const look = async (id) => (await server.operator('GET', `/reports/${id}`)).json;
const finished = (id) => eventually(`${id} to finish`, async () => {
  const job = await look(id);
  return ['completed', 'failed', 'cancelled'].includes(job.status) ? job : undefined;
}, { timeoutMs: 120_000 });
const bytes = async (id) => {
  const answer = await server.operator('GET', `/reports/${id}/result`);
  assert.equal(answer.status, 200, answer.text.slice(0, 200));
  return answer.text;
};

let uncut;
test('an uncut run has a row for each account, in order', async () => {
  const job = await finished(await submit());
  assert.equal(job.status, 'completed', JSON.stringify(job));
  assert.equal(job.summary.totals.accounts, count);
  uncut = await bytes(job.request_id);
  const rows = uncut.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(rows.map((row) => row.account), Array.from({ length: count }, (_, i) => idOf(i)));
  assert.equal(rows[5].by_endpoint.length, endpoints);
  assert.equal(rows[5].consumed, '1.5');
});

test('a result of megabytes comes packed, in ranges, and not at all to who has it', async () => {
  const job = await finished(await submit());
  const get = (headers) => server.operator('GET', `/reports/${job.request_id}/result`, undefined, { headers });
  const whole = Buffer.from(uncut);
  assert.ok(whole.length > 1 << 20, `${whole.length} bytes`);
  const plain = await get({});
  assert.equal(Number(plain.headers['content-length']), whole.length);
  assert.equal((await get({ 'if-none-match': plain.headers.etag })).status, 304);

  const packed = await get({ 'accept-encoding': 'gzip' });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.notEqual(packed.headers.etag, plain.headers.etag);
  assert.ok(packed.body.length < whole.length / 4, `${packed.body.length} of ${whole.length} bytes`);
  assert.ok(gunzipSync(packed.body).equals(whole));

  const random = dice(seedFromEnv());
  for (let i = 0; i < 20; ++i) {
    const first = random.below(whole.length);
    const last = i % 2 ? whole.length - 1 : Math.min(whole.length - 1, first + random.below(600_000));
    const part = await get({ range: `bytes=${first}-${i % 2 ? '' : last}`, 'if-range': plain.headers.etag });
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-range'], `bytes ${first}-${last}/${whole.length}`);
    assert.ok(part.body.equals(whole.subarray(first, last + 1)), `${first}-${last}`);
  }
  const beyond = await get({ range: `bytes=${whole.length}-` });
  assert.equal(beyond.status, 416);
  assert.equal(beyond.headers['content-range'], `bytes */${whole.length}`);
});

test('kill -9 in the middle: the next start goes on from what was saved, to the same bytes', async (t) => {
  const random = dice(seedFromEnv());
  let cuts = 0;
  for (let run = 0; run < 12 && cuts < 4; ++run) {
    const id = await submit();
    for (let kills = 0; kills < 3; ++kills) {
      const job = await eventually('some progress, or the end', async () => {
        const seen = await look(id);
        return seen.status !== 'queued' && (seen.progress || seen.status !== 'processing') ? seen : undefined;
      }, { everyMs: 1 });
      if (job.status !== 'processing') break;
      await sleep(random.below(30));
      await server.kill();
      await server.boot();
      const next = await look(id);
      assert.notEqual(next.status, 'failed', JSON.stringify(next));
      if (next.status !== 'completed') ++cuts;
    }
    const job = await finished(id);
    assert.equal(job.status, 'completed', JSON.stringify(job));
    assert.equal(await bytes(id), uncut);
  }
  t.diagnostic(`${cuts} cuts while a job was running`);
  assert.ok(cuts > 0, 'no kill met a running job');
});

test('SIGTERM does not wait for a long job, and the next start finishes it', async () => {
  const id = await submit();
  await eventually('the start', async () => ((await look(id)).status !== 'queued' ? true : undefined), { everyMs: 1 });
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  await server.boot();
  const job = await finished(id);
  assert.equal(job.status, 'completed', JSON.stringify(job));
  assert.equal(await bytes(id), uncut);
});

test('a job that is cancelled at any moment ends, as cancelled or as completed, and the next one runs', async () => {
  const random = dice(seedFromEnv() + 1);
  for (let i = 0; i < 15; ++i) {
    const id = await submit();
    await sleep(random.below(200));
    const cancelled = await server.operator('DELETE', `/reports/${id}`);
    const job = await finished(id);
    if (cancelled.status === 200) {
      assert.equal(job.status, 'cancelled');
      const none = await server.operator('GET', `/reports/${id}/result`);
      assert.equal(none.status, 409);
    } else {
      assert.equal(cancelled.status, 409, cancelled.text);
      assert.equal(job.status, 'completed');
      assert.equal(await bytes(id), uncut);
    }
  }
  const last = await finished(await submit());
  assert.equal(last.status, 'completed');
  assert.equal(await bytes(last.request_id), uncut);
});

test('what somebody waits for does not wait for a long job', async () => {
  const ids = [];
  for (let i = 0; i < 4; ++i) ids.push(await submit());
  const customer = await server.newKey(idOf(0));
  const answer = await server.customer(customer, 'POST', '/v1/reports', {
    body: { type: 'statement', from, to }, headers: { prefer: 'wait=30' },
  });
  assert.equal(answer.json.status, 'completed', answer.text);
  assert.notEqual((await look(ids.at(-1))).status, 'completed', 'the last of the long ones came first');
  for (const id of ids) await server.operator('DELETE', `/reports/${id}`);
});
