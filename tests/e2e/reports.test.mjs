// Reports of every type against SQLite over the same usage, and every format read back by a parser that is not ours.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { parse as parseCsv } from 'csv-parse/sync';
import { XMLParser } from 'fast-xml-parser';
import { dice, seedFromEnv, Server } from './harness.mjs';
import { decimal, Sql } from './sql.mjs';

const start = new Date();
const month = (offset) => new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + offset, 1)).toISOString().replace('.000', '');
const [last, current, next] = [month(-1), month(0), month(1)];
const half = last.replace('-01T', '-15T');
const nasty = '=1+1,"x"\u00e9<&>';
const prices = [
  { endpoint: 'search', credits: '1.5', category: 'find', effective_at: '2020-01-01T00:00:00Z' },
  { endpoint: 'search', credits: '2', category: 'find', effective_at: half },
  { endpoint: 'enrich', credits: '2.5', category: 'add', charge_on: 'success', effective_at: '2020-01-01T00:00:00Z' },
  { endpoint: nasty, credits: '0.000001', category: '-minus', charge_on: 'request', effective_at: '2020-01-01T00:00:00Z' },
];
const draft = [{ endpoint: 'search', credits: '1', charge_on: 'success' }, { endpoint: 'enrich', credits: '3' }];
const accounts = Array.from({ length: 12 }, (_, i) => `sql-${String(i).padStart(2, '0')}`);
const micros = (text) => Math.round(Number(text) * 1_000_000);

const sql = new Sql();
let server;
before(async () => {
  const seed = seedFromEnv();
  console.log(`# TALLY_E2E_SEED=${seed}`);
  const random = dice(seed);
  server = await Server.start();
  for (const { effective_at, ...price } of prices) await server.must('POST', '/prices', { prices: [price], effective_at });
  sql.insert('price', prices.map((p) => ({ endpoint: p.endpoint, micros: micros(p.credits), category: p.category, charge_on: p.charge_on ?? 'result', effective_at: p.effective_at })));
  sql.insert('draft', draft.map((p) => ({ endpoint: p.endpoint, micros: micros(p.credits), charge_on: p.charge_on ?? 'result' })));
  sql.insert('account', accounts.map((id) => ({ id })));
  for (const id of accounts) await server.must('POST', '/accounts', { id });
  const post = async (kind, account, amount) => {
    const where = kind === 'grant' ? 'grants' : 'adjustments';
    await server.must('POST', `/accounts/${account}/${where}`, { amount: decimal(amount), ...(kind === 'grant' ? {} : { description: 'a correction' }) });
    sql.insert('posting', [{ account, kind, micros: amount }]);
  };
  for (const account of accounts.slice(1)) {
    for (let i = random.below(4); i > 0; --i) await post('grant', account, 1_000_000 * (1 + random.below(400)) + random.below(1_000_000));
    if (random.below(2)) await post('adjustment', account, (random.below(2) ? 1 : -1) * (1 + random.below(50_000_000)));
  }
  const span = Date.parse(start.toISOString()) - Date.parse(last);
  const events = Array.from({ length: 3_000 }, (_, i) => {
    const ok = random.below(10) > 0;
    return {
      id: `e-${i}`, source: 'gateway', account: random.pick(accounts.slice(1)), endpoint: random.pick(['search', 'enrich', nasty, 'free/of/charge']),
      time: new Date(Math.floor((Date.parse(last) + (random.below(1_000_000) / 1_000_000) * span) / 1000) * 1000).toISOString().replace('.000', ''), ok, results: ok ? random.below(6) : 0,
    };
  });
  const sent = await server.events(events);
  assert.equal(sent.json.accepted, events.length, sent.text);
  const reversed = new Set(Array.from({ length: 25 }, () => random.pick(events)));
  for (const { id, account } of reversed) await server.must('POST', `/events/gateway/${id}/reverse`, { account, reason: 'a mistake' });
  sql.insert('event', events.map(({ source: _, ...e }) => ({ ...e, ok: e.ok ? 1 : 0, reversed: reversed.has(events.find(({ id }) => id === e.id)) ? 1 : 0 })));
});
after(() => server?.dispose());

async function operatorReport(order) {
  const answer = await server.operator('POST', '/reports', { accounts: '*', ...order }, { headers: { prefer: 'wait=60' } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.status, 'completed', answer.text);
  return answer.json;
}
const bytesOf = async (job, headers = {}) => {
  const answer = await server.operator('GET', `/reports/${job.request_id}/result`, undefined, { headers });
  assert.ok(answer.status === 200 || answer.status === 206, answer.text);
  return answer;
};
const rowsOf = async (order) => JSON.parse((await bytesOf(await operatorReport(order))).text).rows;

const inRange = (from, to) => `time >= '${from}' AND time < '${to}'`;

describe('types, against SQL', () => {
  test('usage, by every granularity and group', async () => {
    const starts = { day: "strftime('%Y-%m-%dT00:00:00Z', time)", hour: "strftime('%Y-%m-%dT%H:00:00Z', time)", month: "strftime('%Y-%m-01T00:00:00Z', time)", total: `'${last}'` };
    for (const [granularity, period] of Object.entries(starts)) {
      for (const groups of [[], ['endpoint'], ['category'], ['endpoint', 'category']]) {
        const from = last;
        const to = granularity === 'month' ? next : current;
        const expected = sql.rows(`SELECT account, ${period} AS period, ${groups.map((g) => `${g},`).join(' ')} count(*) AS requests, sum(ok) AS ok,
          sum(1 - ok) AS failed, sum(results) AS results, sum(micros) AS credits FROM counted WHERE ${inRange(from, to)}
          GROUP BY account, 2 ${groups.map((g) => `, ${g}`).join('')} ORDER BY account, 2 ${groups.map((g) => `, ${g}`).join('')}`);
        const rows = await rowsOf({ type: 'usage', from, to, granularity, group_by: groups });
        assert.deepEqual(rows, expected.map((row) => ({ ...row, credits: decimal(row.credits) })), `${granularity} by ${groups}`);
      }
    }
  });

  test('statement: what was posted, and the usage by endpoint', async () => {
    const posted = sql.rows(`SELECT account_.id AS account,
        coalesce((SELECT sum(micros) FROM posting WHERE account = account_.id AND kind = 'grant'), 0) AS granted,
        coalesce((SELECT sum(micros) FROM posting WHERE account = account_.id AND kind = 'adjustment'), 0) AS adjusted,
        coalesce((SELECT sum(micros) FROM counted WHERE account = account_.id), 0) AS consumed
      FROM account account_ ORDER BY id`);
    const usage = sql.rows(`SELECT account, endpoint, category, count(*) AS requests, sum(results) AS results, sum(micros) AS credits
      FROM counted GROUP BY account, endpoint, category ORDER BY account, endpoint, category`);
    const rows = await rowsOf({ type: 'statement', from: last, to: next });
    assert.deepEqual(rows, posted.map(({ account, granted, adjusted, consumed }) => {
      const closing = granted + adjusted - consumed;
      return {
        account, opening: '0', granted: decimal(granted), consumed: decimal(consumed), expired: '0', adjusted: decimal(adjusted),
        closing: decimal(closing), debt: decimal(Math.max(0, -closing)),
        by_endpoint: usage.filter((row) => row.account === account).map(({ account: _, ...row }) => ({ ...row, credits: decimal(row.credits) })),
      };
    }));
  });

  test('statement of a month before anything was posted: its usage, and no credits', async () => {
    const usage = sql.rows(`SELECT account, sum(micros) AS credits FROM counted WHERE ${inRange(last, current)} GROUP BY account`);
    for (const row of await rowsOf({ type: 'statement', from: last, to: current })) {
      assert.deepEqual([row.opening, row.granted, row.consumed, row.closing, row.debt], ['0', '0', '0', '0', '0']);
      const used = row.by_endpoint.reduce((sum, each) => sum + micros(each.credits), 0);
      assert.equal(used, usage.find(({ account }) => account === row.account)?.credits ?? 0);
    }
  });

  test('what_if: the same usage under a draft', async () => {
    const expected = sql.rows(`SELECT account, endpoint, sum(micros) AS old, CASE WHEN draft.micros IS NULL THEN sum(counted.micros) ELSE
        draft.micros * CASE draft.charge_on WHEN 'result' THEN sum(results) WHEN 'success' THEN sum(ok) ELSE count(*) END END AS new
      FROM counted LEFT JOIN draft USING (endpoint) WHERE ${inRange(last, current)} GROUP BY account, endpoint ORDER BY account, endpoint`
      .replace('sum(micros) AS old', 'sum(counted.micros) AS old'));
    const job = await operatorReport({ type: 'what_if', from: last, to: current, prices: draft });
    const { rows, totals } = JSON.parse((await bytesOf(job)).text);
    assert.deepEqual(rows, expected.map((row) => ({ account: row.account, endpoint: row.endpoint, old: decimal(row.old), new: decimal(row.new), difference: decimal(row.new - row.old) })));
    const byAccount = new Map();
    for (const row of expected) byAccount.set(row.account, (byAccount.get(row.account) ?? 0) + row.new - row.old);
    assert.equal(totals.accounts_more, [...byAccount.values()].filter((difference) => difference > 0).length);
    assert.equal(totals.accounts_less, [...byAccount.values()].filter((difference) => difference < 0).length);
  });

  test('ledger: an entry for each charge and posting, and the balance that they add up to', async () => {
    const [account] = sql.rows('SELECT account FROM counted GROUP BY account ORDER BY count(*) DESC LIMIT 1').map((row) => row.account);
    const [{ charges, consumed }] = sql.rows(`SELECT sum(micros > 0) AS charges, sum(micros) AS consumed FROM charge WHERE account = '${account}'`);
    const [{ postings, posted }] = sql.rows(`SELECT count(*) AS postings, coalesce(sum(micros), 0) AS posted FROM posting WHERE account = '${account}'`);
    const key = await server.newKey(account);
    const order = { type: 'ledger', from: current, to: next, format: 'ndjson' };
    const job = (await server.customer(key, 'POST', '/v1/reports', { body: order, headers: { prefer: 'wait=30' } })).json;
    const rows = (await server.customer(key, 'GET', job.result_url)).text.trimEnd().split('\n').map((line) => JSON.parse(line));
    const [{ back, returned }] = sql.rows(`SELECT count(*) AS back, coalesce(sum(micros), 0) AS returned FROM charge
      WHERE account = '${account}' AND reversed = 1 AND micros > 0`);
    assert.equal(rows.length, charges + postings + back);
    assert.equal(rows.reduce((sum, row) => sum + micros(row.amount), 0), posted - consumed + returned);
    assert.equal(rows.at(-1).balance_after, job.summary.totals.closing);
    assert.deepEqual(rows.map((row) => row.seq), rows.map((_, i) => i + 1));
  });
});

describe('formats, read by others', () => {
  const order = { type: 'statement', from: last, to: next };
  let json;
  before(async () => (json = JSON.parse((await bytesOf(await operatorReport(order))).text)));
  const numbers = (row) => ({ ...row, requests: Number(row.requests), results: Number(row.results) });

  test('NDJSON has the same rows, a line each', async () => {
    const answer = await bytesOf(await operatorReport({ ...order, format: 'ndjson' }));
    assert.match(answer.headers['content-type'], /^application\/x-ndjson/);
    assert.deepEqual(answer.text.trimEnd().split('\n').map((line) => JSON.parse(line)), json.rows);
  });

  test('CSV has a line for each account and endpoint, and no cell that is a formula', async () => {
    const job = await operatorReport({ ...order, format: 'csv' });
    const answer = await bytesOf(job);
    const records = parseCsv(answer.text, { columns: true, record_delimiter: '\r\n' });
    const expected = json.rows.flatMap(({ by_endpoint: items, ...row }) =>
      (items.length ? items : [{ endpoint: '', category: '', requests: '', results: '', credits: '' }]).map((item) => ({ ...row, ...item })));
    const undone = (text) => text.replace(/^'(?=[=+\-@\t\r])/, '');
    assert.equal(records.length, expected.length);
    for (const [i, record] of records.entries()) {
      const { endpoint, category, requests, results, ...rest } = record;
      assert.deepEqual({ ...rest, endpoint: undone(endpoint), category: undone(category), requests, results },
        Object.fromEntries(Object.entries(expected[i]).map(([name, value]) => [name, String(value)])));
      for (const cell of [record.account, endpoint, category]) assert.doesNotMatch(cell, /^[=+\-@\t\r]/);
    }
    assert.ok(records.some((record) => record.endpoint === `'${nasty}`));
    assert.ok(records.some((record) => record.adjusted.startsWith('-')), 'a negative number is a number');
    const lines = answer.text.split('\r\n');
    assert.equal(createHash('sha256').update(lines.slice(1).join('\r\n')).digest('hex'), job.summary.digest);
  });

  test('XML is well-formed and has the same rows', async () => {
    const answer = await bytesOf(await operatorReport({ ...order, format: 'xml' }));
    const lint = spawnSync('xmllint', ['--noout', '-'], { input: answer.body, encoding: 'utf8' });
    assert.equal(lint.status, 0, lint.stderr);
    const parser = new XMLParser({ parseTagValue: false, trimValues: false, isArray: (name) => name === 'row' || name === 'item' });
    const { report } = parser.parse(answer.text);
    const rows = report.rows.row.map(({ by_endpoint: list, ...row }) => ({ ...row, by_endpoint: (list?.item ?? []).map(numbers) }));
    assert.deepEqual(rows, json.rows);
    const { digest, ...facts } = report;
    assert.equal(facts.type, 'statement');
    const inside = answer.text.slice(answer.text.indexOf('<rows>') + 6, answer.text.indexOf('</rows>'));
    assert.equal(createHash('sha256').update(inside).digest('hex'), digest);
    assert.deepEqual(report.totals, Object.fromEntries(Object.entries(json.totals).map(([name, value]) => [name, String(value)])));
  });

  test('the digest is that of the rows, and equal orders are equal to the byte', async () => {
    const [one, two] = [await bytesOf(await operatorReport(order)), await bytesOf(await operatorReport(order))];
    assert.equal(one.text, two.text);
    assert.equal(one.headers.etag, two.headers.etag);
    const rows = one.text.slice(one.text.indexOf('"rows":') + 7, one.text.indexOf(',"totals":'));
    assert.equal(createHash('sha256').update(rows).digest('hex'), json.digest);
  });

  test('a result is had by ranges, packed, and not at all when it is known', async () => {
    const job = await operatorReport({ ...order, format: 'csv' });
    const whole = await bytesOf(job);
    let pieces = '';
    for (let at = 0; at < whole.body.length; at += 1000) {
      const part = await bytesOf(job, { range: `bytes=${at}-${at + 999}`, 'if-range': whole.headers.etag });
      assert.equal(part.status, 206);
      assert.equal(part.headers['content-range'], `bytes ${at}-${Math.min(at + 1000, whole.body.length) - 1}/${whole.body.length}`);
      pieces += part.body.toString('latin1');
    }
    assert.equal(pieces, whole.body.toString('latin1'));
    const packed = await bytesOf(job, { 'accept-encoding': 'gzip' });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.notEqual(packed.headers.etag, whole.headers.etag);
    assert.deepEqual(zlib.gunzipSync(packed.body), whole.body);
    for (const tag of [whole.headers.etag, packed.headers.etag]) {
      const known = await server.operator('GET', `/reports/${job.request_id}/result`, undefined, { headers: { 'if-none-match': tag } });
      assert.equal(known.status, 304);
      assert.equal(known.body.length, 0);
    }
    const beyond = await server.operator('GET', `/reports/${job.request_id}/result`, undefined, { headers: { range: `bytes=${whole.body.length}-` } });
    assert.equal(beyond.status, 416);
  });
});
