// Scheduled reports: each due time makes one report, after downtime and through a kill.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, Server } from './harness.mjs';
import { Receiver, verify } from './receiver.mjs';

const day = 86_400_000;
const report = { type: 'usage', period: 'previous_day', granularity: 'day' };
let server;
let receiver;
let key;

before(async () => {
  receiver = await Receiver.start();
  server = await Server.start({ args: ['--allow-private-callbacks'] });
  key = await server.newCustomer('acme');
});
after(async () => {
  await server?.dispose();
  await receiver?.stop();
});

const add = (body) => server.operator('POST', '/schedules', { account: 'acme', when: 'daily', report, ...body });

test('a schedule is made, listed, paused, resumed and deleted', async () => {
  const made = await add({ name: 'each month', when: 'monthly' });
  assert.equal(made.status, 201, made.text);
  const now = new Date();
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
  assert.equal(Date.parse(made.json.next_due_at), first.getTime());
  const way = `/schedules/${made.json.id}`;
  assert.deepEqual((await server.operator('GET', way)).json, made.json);
  assert.ok((await server.operator('GET', '/schedules')).json.items.some((one) => one.id === made.json.id));
  const paused = await server.operator('PATCH', way, { status: 'paused' });
  assert.equal(paused.json.next_due_at, null);
  const active = await server.operator('PATCH', way, { status: 'active' });
  assert.deepEqual(active.json, made.json);
  assert.equal((await server.operator('DELETE', way)).status, 204);
  for (const method of ['GET', 'DELETE']) assert.equal((await server.operator(method, way)).status, 404);
  assert.equal((await server.operator('PATCH', way, { status: 'paused' })).status, 404);
});

test('what cannot be a schedule is refused, and says why', async () => {
  const cases = [
    [{ when: 'hourly' }, 422, 'invalid_when'],
    [{ when: '0 0 30 2 *' }, 422, 'invalid_when'],
    [{ report: { ...report, period: 'last_month' } }, 422, 'invalid_period'],
    [{ report: { ...report, from: '2026-01-01' } }, 422, 'invalid_period'],
    [{ report: { ...report, granularity: 'week' } }, 422, 'invalid_granularity'],
    [{ report: { ...report, callback_url: 'https://example.com/' } }, 422, 'unknown_field'],
    [{ callback_url: 'ftp://example.com/' }, 422, 'invalid_callback_url'],
    [{ account: 'nobody' }, 404, 'not_found'],
    [{ account: undefined }, 422, 'missing_accounts'],
    [{ account: undefined, report: { ...report, accounts: ['acme', 'nobody'] } }, 422, 'unknown_account'],
    [{ report: { ...report, accounts: '*' } }, 422, 'unknown_field'],
    [{ zone: 'Europe/Berlin' }, 422, 'unknown_field'],
  ];
  for (const [body, status, code] of cases) {
    const refused = await add(body);
    assert.equal(refused.status, status, `${JSON.stringify(body)}: ${refused.text}`);
    assert.equal(refused.json.code, code, refused.text);
  }
});

test('each due time that was missed makes one report, through a kill', async () => {
  const today = Math.floor(Date.now() / day) * day;
  const made = await add({ start_at: new Date(today - 4 * day).toISOString(), callback_url: receiver.url() });
  assert.equal(made.status, 201, made.text);
  await server.kill();
  await server.boot();
  const schedule = await eventually('all that was missed', async () => {
    const { json } = await server.operator('GET', `/schedules/${made.json.id}`);
    return Date.parse(json.next_due_at) > today ? json : undefined;
  });
  assert.equal(schedule.fired, 4);
  assert.equal(schedule.skipped, 0);
  assert.equal(Date.parse(schedule.last_due_at), today);
  const told = await receiver.arrived('/hook', 4);
  const secret = await server.webhookSecret(key);
  const periods = told.map((delivery) => Date.parse(verify(secret, delivery).result.from)).sort();
  assert.deepEqual(periods, [4, 3, 2, 1].map((days) => today - days * day));
  const reports = await server.customer(key, 'GET', '/v1/reports');
  assert.equal(reports.json.items.length, 4);
  assert.equal(reports.json.items[0].request_id, schedule.last_request_id);
});

test('of what was missed for longer than a week the latest due time alone makes a report', async () => {
  const start = new Date(Date.now() - 100 * day);
  const made = await add({ when: 'monthly', start_at: start.toISOString() });
  const schedule = await eventually('the latest', async () => {
    const { json } = await server.operator('GET', `/schedules/${made.json.id}`);
    return Date.parse(json.next_due_at) > Date.now() ? json : undefined;
  });
  const first = new Date();
  assert.equal(Date.parse(schedule.last_due_at), Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), 1));
  assert.equal(schedule.fired, 1);
  assert.ok(schedule.skipped >= 2);
});

test('the operator schedules the close of the month over all accounts, told under its own secret', async () => {
  await server.must('POST', '/accounts', { id: 'bolt' });
  const now = new Date();
  const before = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1) - 1);
  const body = { type: 'statement', period: 'previous_month', accounts: '*' };
  const made = await add({ account: undefined, when: 'monthly', report: body, start_at: before.toISOString() });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.account, null);
  const id = await eventually('the report', async () => (await server.operator('GET', `/schedules/${made.json.id}`)).json.last_request_id ?? undefined);
  const job = await eventually('its end', async () => {
    const { json } = await server.operator('GET', `/reports/${id}`);
    return json.status === 'completed' ? json : undefined;
  });
  assert.deepEqual(job.result.rows.map(({ account }) => account), ['acme', 'bolt']);
});
