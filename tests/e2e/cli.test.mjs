// The command line over a real server: reports, jobs, webhooks, deliveries, schedules.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, Server, tally } from './harness.mjs';
import { Receiver } from './receiver.mjs';

let server;
let receiver;
let env;

before(async () => {
  receiver = await Receiver.start(({ path: target }) => (target === '/broken' ? { status: 500, body: 'out of order' } : 204));
  server = await Server.start({ args: ['--allow-private-callbacks'] });
  const key = await server.newCustomer('acme');
  env = { TALLY_KEY: key.key, TALLY_SECRET: key.secret };
  await server.events([{ id: 'a', account: 'acme', endpoint: 'search', results: 3 }]);
});
after(async () => {
  await server?.dispose();
  await receiver?.stop();
});

// Runs a command that has to end well; with --json its lines, parsed.
async function run(...args) {
  const done = await tally(server, args, { env });
  assert.equal(done.code, 0, `${args.join(' ')}: ${done.stderr}${done.stdout}`);
  return args.includes('--json') ? done.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) : done.stdout;
}

test('a report is made, shown as a table, saved to a file and listed', async () => {
  const table = await run('report', '--from', 'today', '--group-by', 'endpoint');
  assert.match(table, /^usage of acme from/);
  assert.match(table, /search +1 +1 +0 +3/);
  const file = path.join(server.root, 'report.json');
  await run('report', '--month', 'this month', '--output', file);
  const saved = JSON.parse(fs.readFileSync(file, 'utf8'));
  assert.equal(saved.totals.results, 3);
  const [result] = await run('--json', 'report', '--from', 'yesterday', '--granularity', 'total');
  assert.equal(result.totals.requests, 1);
  const jobs = await run('--json', 'jobs', 'list');
  assert.equal(jobs.length, 3);
  assert.deepEqual((await run('--json', 'jobs', 'show', jobs[0].request_id))[0].status, 'completed');
  const refused = await tally(server, ['report', '--from', 'whenever'], { env });
  assert.equal(refused.code, 2);
});

test('the operator makes a report over all accounts, saves it, and tries prices out', async () => {
  const file = path.join(server.root, 'close.csv');
  const table = await run('report', '--accounts', '*', '--type', 'statement');
  assert.match(table, /^statement of 1 account from/);
  assert.match(table, /^acme +0 +0 +0/m);
  await run('report', '--accounts', 'acme', '--type', 'statement', '--format', 'csv', '--output', file);
  assert.match(fs.readFileSync(file, 'utf8').split('\r\n')[1], /^acme,/);
  const draft = path.join(server.root, 'draft.json');
  fs.writeFileSync(draft, JSON.stringify([{ endpoint: 'search', credits: '2' }]));
  assert.match(await run('report', '--accounts', '*', '--type', 'what_if', '--prices', draft), /^acme +search +0 +6 +6$/m);
  const jobs = await run('--json', 'jobs', '--operator', 'list');
  assert.equal(jobs.length, 3);
  assert.equal((await run('--json', 'jobs', '--operator', 'show', jobs[0].request_id))[0].status, 'completed');
});

test('a webhook is made, tested, rotated and deleted, and its deliveries are shown and sent again', async () => {
  const [made] = await run('--json', 'webhooks', 'create', receiver.url('/broken'), '--event', 'credits.low');
  assert.match(made.secret, /^whsec_/);
  const [sent] = await run('--json', 'webhooks', 'test', made.id);
  await eventually('the test to be recorded', async () => {
    const [shown] = await run('--json', 'deliveries', 'show', sent.id);
    return shown.status === 'dead' || undefined;
  });
  assert.match(await run('deliveries', 'show', sent.id), /500 .*out of order/);
  assert.deepEqual((await run('--json', 'deliveries', 'list', '--status', 'dead')).map((one) => one.id), [sent.id]);
  assert.deepEqual(await run('--json', 'deliveries', 'replay', '--account', 'acme', '--from', 'yesterday'), [{ replayed: 1, skipped: 0 }]);
  await receiver.arrived('/broken', 2);
  assert.match((await run('--json', 'webhooks', 'rotate', made.id))[0].secret, /^whsec_/);
  assert.match(await run('webhooks', 'list'), /credits\.low +active/);
  await run('webhooks', 'delete', made.id);
  assert.equal((await run('--json', 'webhooks', 'list')).length, 0);
});

test('a schedule is made, paused, resumed and deleted', async () => {
  const [made] = await run('--json', 'schedule', 'create', 'acme', '0 6 L * *', '--period', 'previous_day', '--name', 'month end');
  assert.equal((await run('--json', 'schedule', 'pause', made.id))[0].next_due_at, null);
  assert.equal((await run('--json', 'schedule', 'resume', made.id))[0].next_due_at, made.next_due_at);
  assert.match(await run('schedule', 'list'), /month end +0 6 L \* \* +active/);
  await run('schedule', 'delete', made.id);
  assert.equal((await run('--json', 'schedule', 'list')).length, 0);
});

test('each shell gets a completion script', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) assert.match(await run('completion', shell), /webhooks\/rotate/);
  assert.equal((await tally(server, ['completion', 'cmd'], { env })).code, 2);
});
