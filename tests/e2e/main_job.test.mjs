// The main job: usage in, a report asked for (202), polled, and delivered by a signed webhook. The figures must equal a count that
// was made from the log's lines without our code.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { accountOf, count } from './access_log.mjs';
import { dataDir, inParallel, Server, tally } from './harness.mjs';
import { Receiver, verify } from './receiver.mjs';

const sample = path.join(dataDir, 'access.log');
const counted = count(fs.readFileSync(sample, 'utf8'));
const busiest = accountOf('198.51.100.7');
const prices = [
  { endpoint: 'search', credits: '1', category: 'search' },
  { endpoint: 'enrich', credits: '2.5', category: 'enrichment', charge_on: 'success' },
  { endpoint: 'export', credits: '0.1', category: 'export', charge_on: 'request' },
];
const priceOf = {
  search: (row) => row.ok * 1_000_000,
  enrich: (row) => row.ok * 2_500_000,
  export: (row) => row.requests * 100_000,
};
const categoryOf = { search: 'search', enrich: 'enrichment', export: 'export' };
const credits = (micros) => micros / 1_000_000;

let server;
let receiver;
let customer;
let webhookSecret;
before(async () => {
  receiver = await Receiver.start();
  server = await Server.start({ args: ['--allow-private-callbacks'], config: '[webhooks]\ntimeout_seconds = 300\nretry_seconds = [1, 1, 1, 1]\n' });
  await server.must('POST', '/prices', { prices, effective_at: '2020-01-01T00:00:00Z' });
  const imported = await tally(server, ['import', sample]);
  assert.equal(imported.code, 0, imported.stdout + imported.stderr);
  customer = await server.newKey(busiest);
  webhookSecret = await server.webhookSecret(customer);
});
after(async () => {
  await server?.dispose();
  await receiver?.stop();
});

// What GET /usage has to say for one account and month.
function expectedUsage(account, month) {
  const figures = { credits: { total: 0, search: 0, enrichment: 0, export: 0 }, requests: { total: 0, search: 0, enrichment: 0, export: 0 }, results: {} };
  for (const row of counted.rows.filter((r) => r.account === account && r.month === month)) {
    const cost = priceOf[row.endpoint]?.(row) ?? 0;
    const category = categoryOf[row.endpoint];
    figures.credits.total += cost;
    figures.requests.total += row.requests;
    if (!category) continue;
    figures.credits[category] += cost;
    figures.requests[category] += row.requests;
    figures.results[category] = (figures.results[category] ?? 0) + row.ok;
  }
  return figures;
}

function assertUsage(body, account, month) {
  const expected = expectedUsage(account, month);
  for (const part of ['total', 'search', 'enrichment', 'export']) {
    assert.equal(body.credits_used[part] ?? 0, credits(expected.credits[part]), `${account} ${month} credits_used.${part}`);
    assert.equal(body.requests_count[part] ?? 0, expected.requests[part], `${account} ${month} requests_count.${part}`);
  }
  assert.deepEqual(body.breakdown, {
    search_results_returned: expected.results.search ?? 0,
    enrichments_performed: expected.results.enrichment ?? 0,
    total_credits_consumed: credits(expected.credits.total),
  });
}

describe('GET /usage', () => {
  test('submit answers 202 in the shape of the document, poll answers the result', async () => {
    const submitted = await server.customer(customer, 'GET', '/usage?month=2&year=2025');
    assert.equal(submitted.status, 202, submitted.text);
    assert.match(submitted.headers['content-type'], /^application\/json/);
    assert.deepEqual(Object.keys(submitted.json), ['request_id', 'status']);
    assert.match(submitted.json.request_id, /^[0-9a-f]{32}_\d{10}_\d{4}$/);
    assert.equal(submitted.json.status, 'queued');

    const { json: body } = await server.poll(customer, submitted.json.request_id);
    const { request_id: id, status, ...result } = body;
    assert.deepEqual({ id, status }, { id: submitted.json.request_id, status: 'completed' });
    assert.deepEqual(Object.keys(result), ['month', 'year', 'period', 'credits_used', 'requests_count', 'limits', 'breakdown']);
    assert.deepEqual([result.month, result.year, result.period], [2, 2025, '2025-02']);
    assert.deepEqual(Object.keys(result.limits), ['monthly_allocation', 'available_credits', 'is_unlimited']);
    assert.equal(typeof result.limits.is_unlimited, 'boolean');
    assertUsage(body, busiest, '2025-02');
  });

  test('every account and month of the log has the figures of the independent count', async () => {
    const accounts = [...new Set(counted.rows.map((row) => row.account))];
    assert.ok(accounts.length >= 4);
    await inParallel(16, accounts, async (account) => {
      const key = await server.newKey(account);
      await inParallel(3, [1, 2, 3], async (month) => {
        const submitted = await server.customer(key, 'GET', `/usage?month=${month}&year=2025`);
        assert.equal(submitted.status, 202, submitted.text);
        assertUsage((await server.poll(key, submitted.json.request_id)).json, account, `2025-0${month}`);
      });
    });
  });

  test('a month without usage is all zeros, the running month is the default', async () => {
    const empty = await server.customer(customer, 'GET', '/usage?month=7&year=2021');
    assertUsage((await server.poll(customer, empty.json.request_id)).json, busiest, '2021-07');
    const asked = new Date();
    const running = await server.customer(customer, 'GET', '/usage');
    const { json } = await server.poll(customer, running.json.request_id);
    if (new Date().getUTCMonth() === asked.getUTCMonth()) assert.equal(json.period, asked.toISOString().slice(0, 7));
  });

  test('Prefer: wait answers the result at once', async () => {
    const answer = await server.customer(customer, 'GET', '/usage?month=2&year=2025', { headers: { prefer: 'wait=60' } });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['preference-applied'], /wait/);
    assert.equal(answer.json.status, 'completed');
    assertUsage(answer.json, busiest, '2025-02');
  });

  test('a finished result says the same however often it is polled', async () => {
    const submitted = await server.customer(customer, 'GET', '/usage?month=2&year=2025');
    const first = await server.poll(customer, submitted.json.request_id);
    const later = { id: 'later', account: busiest, endpoint: 'search', time: '2025-02-20T00:00:00Z', ok: false };
    assert.equal((await server.events([later])).json.accepted, 1);
    assert.equal((await server.poll(customer, submitted.json.request_id)).text, first.text);
    const again = await server.customer(customer, 'GET', '/usage?month=2&year=2025');
    const fresh = await server.poll(customer, again.json.request_id);
    assert.equal(fresh.json.requests_count.total, first.json.requests_count.total + 1, 'a new report sees the new event');
    await undo();
  });

  // The event above is one failed search: it costs nothing, and the count of the log has to know it.
  async function undo() {
    const row = counted.rows.find((r) => r.account === busiest && r.month === '2025-02' && r.endpoint === 'search');
    row.requests += 1;
    row.failed += 1;
  }
});

describe('callback_url', () => {
  const submit = async (hook, extra = '') => {
    const url = encodeURIComponent(hook.startsWith('http') ? hook : receiver.url(hook));
    const answer = await server.customer(customer, 'GET', `/usage?month=2&year=2025&callback_url=${url}${extra}`);
    assert.equal(answer.status, 202, answer.text);
    return answer.json.request_id;
  };

  test('is called once, with the bytes of the poll, signed as Standard Webhooks say', async () => {
    const id = await submit('/once');
    const [delivery] = await receiver.arrived('/once');
    const polled = await server.poll(customer, id);
    assert.equal(delivery.method, 'POST');
    assert.match(delivery.headers['content-type'], /^application\/json/);
    assert.equal(delivery.body.toString(), polled.text);
    assert.deepEqual(verify(webhookSecret, delivery), polled.json);
    assert.throws(() => verify(`whsec_${Buffer.alloc(24, 7).toString('base64')}`, delivery));
    assert.throws(() => verify(webhookSecret, { ...delivery, body: Buffer.from(`${delivery.body} `) }));
  });

  test('is tried again after a failure, under the same id', async () => {
    let refusals = 2;
    receiver.answer = ({ path: hook }) => (hook === '/flaky' && refusals-- > 0 ? 500 : 204);
    await submit('/flaky');
    const deliveries = await receiver.arrived('/flaky', 3);
    assert.equal(new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.equal(new Set(deliveries.map(({ body }) => body.toString())).size, 1);
    for (const delivery of deliveries) verify(webhookSecret, delivery);
    receiver.answer = () => 204;
  });

  test('is never redirected', async () => {
    receiver.answer = ({ path: hook }) => (hook === '/moved' ? { status: 307, headers: { location: receiver.url('/elsewhere') } } : 204);
    await submit('/moved');
    await receiver.arrived('/moved', 2);
    assert.equal(receiver.of('/elsewhere').length, 0);
    receiver.answer = () => 204;
  });

  test('of a dead receiver delays nobody', async () => {
    const dead = await Receiver.start(() => new Promise(() => {}));
    try {
      await Promise.all(Array.from({ length: 30 }, (_, i) => submit(dead.url(`/dead-${i}`))));
      await dead.called();
      await submit('/alive');
      await receiver.arrived('/alive');
      const hanging = dead.deliveries.map(({ path: hook }) => hook);
      assert.equal(new Set(hanging).size, hanging.length, 'no call of the dead one had ended by then');
    } finally {
      await dead.stop();
    }
  });

  test('works on a hundred reports at once, each told once', async () => {
    const ids = new Map();
    await inParallel(20, Array.from({ length: 100 }, (_, i) => i), async (i) => ids.set(await submit(`/many-${i}`), `/many-${i}`));
    for (const [id, hook] of ids) {
      const [delivery] = await receiver.arrived(hook);
      assert.equal(JSON.parse(delivery.body).request_id, id);
    }
    assert.equal(receiver.deliveries.filter(({ path: hook }) => hook.startsWith('/many-')).length, 100);
    assert.equal(receiver.of('/once').length, 1, 'still, though a retry would long have come');
  });
});

describe('POST /v1/reports', () => {
  const february = { type: 'usage', from: '2025-02-01T00:00:00Z', to: '2025-03-01T00:00:00Z', granularity: 'month' };
  const create = (body, headers) => server.customer(customer, 'POST', '/v1/reports', { body, headers });

  test('answers 202 with where to look, and ?wait= the result by endpoint', async () => {
    const made = await create({ ...february, group_by: ['endpoint'] });
    assert.equal(made.status, 202, made.text);
    const { request_id: id, status, created_at: createdAt, status_url: statusUrl } = made.json;
    assert.equal(status, 'queued');
    assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert.ok(made.headers['retry-after']);
    assert.ok(made.headers.location.endsWith(`/v1/reports/${id}`));
    assert.ok(statusUrl.endsWith(`/v1/reports/${id}`));

    const got = await server.customer(customer, 'GET', `/v1/reports/${id}?wait=60`);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.json.status, 'completed');
    const { result } = got.json;
    assert.deepEqual([result.type, result.granularity], ['usage', 'month']);
    const rows = counted.rows.filter((row) => row.account === busiest && row.month === '2025-02');
    const byEndpoint = Object.fromEntries(result.rows.map((row) => [row.endpoint, row]));
    assert.equal(result.rows.length, rows.length);
    for (const row of rows) {
      const { period, requests, ok, failed, results, credits: cost } = byEndpoint[row.endpoint];
      assert.deepEqual({ period, requests, ok, failed, results, cost: Number(cost) }, {
        period: '2025-02-01T00:00:00Z', requests: row.requests, ok: row.ok, failed: row.failed, results: row.ok,
        cost: credits(priceOf[row.endpoint]?.(row) ?? 0),
      }, row.endpoint);
    }
    assert.equal(result.totals.requests, rows.reduce((sum, row) => sum + row.requests, 0));
  });

  test('with Prefer: wait answers 200 and says that it did', async () => {
    const answer = await create(february, { prefer: 'wait=60' });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['preference-applied'], /wait/);
    assert.equal(answer.json.status, 'completed');
  });

  test('GET /v1/reports lists the account\'s reports page by page, the newest first', async () => {
    const ids = [];
    for (let i = 0; i < 3; ++i) ids.unshift((await create(february)).json.request_id);
    const first = await server.customer(customer, 'GET', '/v1/reports?limit=2');
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(first.json.items.map((item) => item.request_id), ids.slice(0, 2));
    const second = await server.customer(customer, 'GET', `/v1/reports?limit=2&cursor=${encodeURIComponent(first.json.next_cursor)}`);
    assert.equal(second.json.items[0].request_id, ids[2]);
  });

  test('DELETE cancels what is not finished, and refuses what is', async () => {
    const { request_id: done } = (await create(february)).json;
    await server.ended(customer, done);
    assert.equal((await server.customer(customer, 'DELETE', `/v1/reports/${done}`)).status, 409);
    const { request_id: id } = (await create(february)).json;
    const cancelled = await server.customer(customer, 'DELETE', `/v1/reports/${id}`);
    const { status } = await server.ended(customer, id);
    if (cancelled.status === 409) assert.equal(status, 'completed');  // it was quicker than we
    else assert.equal(status, 'cancelled', cancelled.text);
  });

  test('calls back with what its poll says', async () => {
    const made = await create({ ...february, callback_url: receiver.url('/own') });
    const [delivery] = await receiver.arrived('/own');
    const polled = await server.customer(customer, 'GET', `/v1/reports/${made.json.request_id}`);
    assert.equal(delivery.body.toString(), polled.text);
    verify(webhookSecret, delivery);
  });
});

describe('tally', () => {
  const figuresOf = async (account) => {
    const key = await server.newKey(account);
    return server.totals(key, '2015-01-01T00:00:00Z', '2025-10-01T00:00:00Z', 'month');
  };

  test('import counts a log once, however often it is run', async () => {
    const before = await figuresOf(busiest);
    const again = await tally(server, ['import', sample]);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await figuresOf(busiest), before);
  });

  test('import reads the log from stdin, and bad lines are counted, never fatal', async () => {
    const scratch = await Server.start();
    try {
      const imported = await tally(scratch, ['import', '--json', '-'], { input: fs.readFileSync(sample) });
      assert.equal(imported.code, 0, imported.stderr);
      const { lines, accepted, bad } = JSON.parse(imported.stdout);
      assert.deepEqual({ lines, accepted, bad }, { lines: counted.good + counted.bad, accepted: counted.good, bad: counted.bad });
    } finally {
      await scratch.dispose();
    }
  });

  test('usage prints the same figures', async () => {
    const env = { TALLY_KEY: customer.key, TALLY_SECRET: customer.secret };
    const shown = await tally(server, ['usage', '--month', '2025-02', '--json'], { env });
    assert.equal(shown.code, 0, shown.stderr);
    const rows = counted.rows.filter((row) => row.account === busiest && row.month === '2025-02');
    assert.equal(JSON.parse(shown.stdout).totals.requests, rows.reduce((sum, row) => sum + row.requests, 0));
  });
});

// The shared log of a real server is not ours to ship; where it lies beside the checkout it is counted as well.
const realLog = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../shared/data/access.log');
test('a real web server\'s log is counted exactly', { skip: !fs.existsSync(realLog) }, async () => {
  // GET /usage knows the years from 2020 on, so the log's 2015 becomes 2025.
  const text = fs.readFileSync(realLog, 'utf8').replaceAll('/2015:', '/2025:');
  const truth = count(text);
  const file = path.join(os.tmpdir(), `tally-real-${process.pid}.log`);
  // A report is two commits, and more workers share them.
  const real = await Server.start({ args: ['--workers', '32'] });
  try {
    fs.writeFileSync(file, text);
    const imported = await tally(real, ['import', file]);
    assert.equal(imported.code, 0, imported.stderr);
    const sums = new Map();
    for (const row of truth.rows) sums.set(row.account, (sums.get(row.account) ?? 0) + row.requests);
    await inParallel(64, [...sums], async ([account, requests]) => {
      const key = await real.newKey(account);
      const asked = await real.customer(key, 'GET', '/usage?month=5&year=2025', { headers: { prefer: 'wait=60' } });
      const answer = asked.status === 202 ? await real.poll(key, asked.json.request_id) : asked;
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.requests_count.total, requests, account);
    });
    assert.equal([...sums.values()].reduce((a, b) => a + b, 0), truth.good);
  } finally {
    fs.rmSync(file, { force: true });
    await real.dispose();
  }
});
