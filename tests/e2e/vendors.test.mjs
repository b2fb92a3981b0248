// The accounts' APIs of three vendors as their clients know them: yeb.to, Narakeet, InsideView. The commands of their documents run as they
// stand there, but for the host; XML is checked by xmllint against the vendor's schema.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dataDir, Server } from './harness.mjs';

let server;
before(async () => {
  server = await Server.start({
    config: '[narakeet]\nseconds_per_credit = 0.5\n[insideview]\nrequests_per_window = 5\nwindow_seconds = 600\n[limits]\nbody_bytes = 5000\n',
  });
  await server.must('POST', '/prices', {
    effective_at: '2015-01-01T00:00:00Z',
    prices: [
      { endpoint: 'youtube/channel/audit', credits: '0.01' },
      { endpoint: 'screenshot/capture', credits: '0.05' },
      { endpoint: 'qr/code', credits: '0.009' },
      { endpoint: 'geoip/city', credits: '0.009' },
      { endpoint: 'ENRICH', credits: '0.5' },
    ],
  });
});
after(() => server?.dispose());

// What a shell makes of a document's command; answers what it printed, as JSON.
function shell(command, env = {}) {
  const child = spawn('bash', ['-c', command], { env: { PATH: process.env.PATH, ...env } });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  return new Promise((resolve) => child.on('close', () => resolve(JSON.parse(printed))));
}

// An account with a key of `kind` and, before anything else, `amount` credits.
async function customer(id, amount, kind = 'token', more = {}) {
  const key = await server.newCustomer(id, { kind, ...more });
  if (amount) await server.must('POST', `/accounts/${id}/grants`, { amount });
  return key;
}
const shape = (value) =>
  Array.isArray(value) ? value.map(shape)
  : value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shape(member)]))
  : Number.isInteger(value) ? 'integer' : typeof value;

describe('yeb.to', () => {
  const told = (answer) => {
    assert.ok(Number.isInteger(answer.response_time_ms) && answer.response_time_ms >= 0);
    const { response_time_ms, ...rest } = answer;
    return rest;
  };

  test('answers the commands of its document', async () => {
    const { key } = await customer('yeb-page', '142.5005');
    const cost = await shell(`curl -s -X POST ${server.base}/v1/credits/cost \\
  -H "Content-Type: application/json" \\
  -d '{
  "api_key": "${key}",
  "endpoint": "youtube/channel/audit"
}'`);
    const tail = (left) => ({ credits_spent: 0.0001, credits_left: left, response_code: 200 });
    assert.deepEqual(told(cost), { endpoint: 'youtube/channel/audit', credits: 0.01, ...tail(142.5004) });
    assert.deepEqual(Object.keys(cost), ['endpoint', 'credits', 'credits_spent', 'credits_left', 'response_code', 'response_time_ms']);

    const balance = await shell(`curl -s -X POST ${server.base}/v1/credits/balance \\
  -H "Content-Type: application/json" \\
  -d '{
  "api_key": "${key}"
}'`);
    assert.deepEqual(told(balance), { credits: 142.5003, ...tail(142.5003) });

    const one = await shell(`curl -s -X POST "${server.base}/v1/credits/cost" \\
  -H "Content-Type: application/json" \\
  -H "X-API-Key: ${key}" \\
  -d '{"endpoint": "screenshot/capture"}'`);
    assert.deepEqual(told(one), { endpoint: 'screenshot/capture', credits: 0.05, ...tail(142.5002) });

    const bulk = await shell(`curl -s -X POST "${server.base}/v1/credits/cost" \\
  -H "Content-Type: application/json" \\
  -H "X-API-Key: ${key}" \\
  -d '{"endpoints": ["youtube/channel/audit", "qr/code", "geoip/city"]}'`);
    assert.deepEqual(told(bulk), { costs: { 'youtube/channel/audit': 0.01, 'qr/code': 0.009, 'geoip/city': 0.009 }, ...tail(142.5001) });

    const bare = await shell(`curl -s -X POST "${server.base}/v1/credits/balance" \\
  -H "Content-Type: application/json" \\
  -H "X-API-Key: ${key}"`);
    assert.deepEqual(told(bare), { credits: 142.5, ...tail(142.5) });
  });

  const post = (what, body, headers = {}) => server.send({ method: 'POST', path: `/v1/credits/${what}`, body, headers });

  test('refuses with its texts, and charges what it authenticated', async () => {
    const { key } = await customer('yeb-wrong', '1');
    const answer = await post('cost', { api_key: key });
    assert.equal(answer.status, 422);
    assert.deepEqual(answer.json, { error: 'Provide "endpoint" (string) or "endpoints" (array).', code: 422 });
    assert.equal((await post('cost', '{', { 'x-api-key': key, 'content-type': 'application/json' })).status, 400);
    const nobody = await post('balance', { api_key: 'nobody' });
    assert.equal(nobody.status, 401);
    assert.deepEqual(nobody.json, { error: 'Cannot resolve user from API key.', code: 401 });
    assert.equal((await post('balance', { api_key: key })).json.credits_left, 0.9997);
  });

  test('charges each of many calls at once', async () => {
    const { key } = await customer('yeb-many', '1', 'token', { limits: { per_day: 1000 } });
    const answers = await Promise.all(Array.from({ length: 100 }, () => post('balance', { api_key: key })));
    assert.ok(answers.every((answer) => answer.status === 200 && answer.json.credits_spent === 0.0001));
    assert.equal(Math.min(...answers.map((answer) => answer.json.credits_left)), 0.99);
    const year = new Date().getUTCFullYear();
    const usage = await server.totals({ key }, `${year}-01-01`, `${year + 1}-01-01`, 'year');
    assert.equal(usage.requests, 100);
  });

  test('says what no handler says in its own shape', async () => {
    const wrong = await server.send({ path: '/v1/credits/cost' });
    assert.equal(wrong.status, 405);
    assert.match(wrong.headers.allow, /POST/);
    assert.deepEqual(wrong.json, { error: 'Method Not Allowed', code: 405 });
    const large = await post('cost', { endpoint: 'x'.repeat(6000) });
    assert.equal(large.status, 413);
    assert.deepEqual(large.json, { error: 'Content Too Large', code: 413 });
  });
});

describe('Narakeet', () => {
  test('answers the command of its document', async () => {
    const { key, identity } = await customer('narakeet', '143.75');
    const account = await server.must('GET', '/accounts/narakeet');
    const told = await shell(`curl -s -X GET -H "x-api-key: $NARAKEET_API_KEY" ${server.base}/account/credits`, { NARAKEET_API_KEY: key });
    assert.deepEqual(shape(told), { creditSeconds: 'integer', requestId: 'string', identity: 'string', billingId: 'string', plan: 'string' });
    assert.deepEqual(told, { creditSeconds: 71, requestId: told.requestId, identity, billingId: account.billing_id, plan: 'TOPUP' });
    const answer = await server.send({ path: '/account/credits', headers: { 'x-api-key': key } });
    assert.equal(answer.json.requestId, answer.headers['x-request-id']);
    assert.equal(answer.headers['ratelimit-limit'], '86400');
  });

  test('refuses in its own shape', async () => {
    const missing = await server.send({ path: '/account/credits' });
    assert.equal(missing.status, 401);
    assert.deepEqual(shape(missing.json), { message: 'string' });
    const wrong = await server.send({ method: 'POST', path: '/account/credits' });
    assert.equal(wrong.status, 405);
    assert.deepEqual(wrong.json, { message: 'Method Not Allowed' });
  });
});

// The document, well-formed and, with a schema, valid; answers the text at an XPath.
function xml(document, { schema } = {}) {
  const run = (args) => {
    const done = spawnSync('xmllint', args, { input: document, encoding: 'utf8' });
    if (done.error) throw done.error;
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.replace(/\n$/, '');
  };
  run(['--noout', ...(schema ? ['--schema', path.join(dataDir, schema)] : []), '-']);
  return (xpath) => run(['--xpath', `string(${xpath})`, '-']);
}

describe('InsideView', () => {
  const login = async (key) => {
    const query = `clientId=${key.key}&clientSecret=${key.secret}&grantType=cred`;
    const answer = await server.send({ method: 'POST', path: `/Auth/login/v1/token.json?${query}` });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.accessTokenDetails;
  };
  const get = (token, target, accept) =>
    server.send({ path: target, headers: { accessToken: token, ...(accept ? { accept } : {}) } });
  const json = 'application/json';

  test('logs in by query and by form, as XML and as JSON', async () => {
    const key = await customer('iv-login', null, 'pair');
    const asked = Date.now();
    const details = await login(key);
    assert.deepEqual(Object.keys(details), ['accessToken', 'tokenType', 'expirationTime']);
    assert.equal(details.tokenType, 'bearer');
    assert.match(details.expirationTime, /^[A-Z][a-z]{2}, [A-Z][a-z]{2} \d\d, \d{4} \d\d:\d\d:\d\d [AP]M GMT$/);
    const made = Date.parse(details.expirationTime) - 3_600_000;
    assert.ok(asked - 1_000 <= made && made <= Date.now(), details.expirationTime);
    const form = await server.send({
      method: 'POST', path: '/Auth/login/v1/token', headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `clientId=${key.key}&clientSecret=${key.secret}&grantType=cred`,
    });
    assert.equal(form.headers['content-type'], 'application/xml');
    const at = xml(form.text);
    assert.equal(at('/accessTokenDetails/tokenType'), 'bearer');
    assert.equal((await get(at('/accessTokenDetails/accessToken'), '/api/v1/admin/jobs', json)).status, 200);
    const refused = await server.send({ method: 'POST', path: '/Auth/login/v1/token?grantType=cred&clientId=x&clientSecret=y' });
    assert.equal(refused.status, 401);
    assert.equal(xml(refused.text)('/error/errorNumber'), '401-101');
  });

  test('tells usage, credits and jobs, as XML of its schema and as JSON', async () => {
    const key = await customer('iv-usage', '100', 'pair');
    const time = '2015-03-10T10:00:00Z';
    await server.events([
      { id: '1', account: 'iv-usage', endpoint: 'NEWS_COUNT & <more>', time },
      { id: '2', account: 'iv-usage', endpoint: 'ENRICH', time, details: { matchRate: 73.9 } },
      { id: '3', account: 'iv-usage', endpoint: 'ENRICH', time, details: { matchRate: 74 } },
      { id: '4', account: 'iv-usage', endpoint: 'ENRICH', details: { matchRate: 1 } },
    ]);
    const { accessToken } = await login(key);
    const target = '/api/v1/admin/usage?period=month&start=2015-02&end=2015-05';
    const usage = await get(accessToken, target, json);
    assert.equal(usage.status, 200, usage.text);
    assert.deepEqual(usage.json, {
      accountName: 'The iv-usage company', accountId: 'iv-usage', period: 'month', start: '2015-02', end: '2015-05',
      usageForAccount: [
        { api: 'ENRICH', transactions: 2, date: '2015-03', details: [{ type: 'matchRate', value: '74.0' }] },
        { api: 'NEWS_COUNT & <more>', transactions: 1, date: '2015-03' },
      ],
      creditsForAccount: [{ allocatedCredits: 99, consumedCredits: 1 }],
      bulkJobReferenceUrl: '',
    });
    const at = xml((await get(accessToken, target)).text, { schema: 'account_usage.xsd' });
    assert.equal(at('/accountUsage/usage[2]/api'), 'NEWS_COUNT & <more>');
    assert.equal(at('/accountUsage/usage[1]/transactions'), '2');
    assert.equal(at('/accountUsage/creditsForAccount/allocatedCredits'), '99');

    const submitted = await server.customer(key, 'GET', '/usage');
    assert.equal((await server.poll(key, submitted.json.request_id)).json.status, 'completed');
    const jobs = await get(accessToken, '/api/v1/admin/jobs?jobStatuses=finished', json);
    assert.deepEqual(jobs.json, {
      jobs: [{ jobId: submitted.json.request_id, jobType: 'usage', jobStatus: 'finished', createdDate: new Date().toISOString().slice(0, 10), creditsConsumed: 0 }],
      page: 1, resultsPerPage: 10, totalResults: 1,
    });
    assert.equal(xml((await get(accessToken, '/api/v1/admin/jobs')).text)('/jobs/BulkJobStatus/jobStatus'), 'finished');
    const wrong = await get(accessToken, '/api/v1/admin/usage?period=week');
    assert.equal(wrong.status, 400);
    const error = xml(wrong.text);
    assert.equal(error('/error/errorNumber'), '400-701');
    assert.equal(error('/error/diagnosticCode'), wrong.headers['x-request-id']);
  });

  test('lets a token work for our own API too, past a restart, until its key is gone', async () => {
    const key = await customer('iv-own', '7', 'pair');
    const { accessToken } = await login(key);
    const own = () => server.send({ path: '/v1/balance', headers: { accessToken } });
    assert.equal((await own()).json.available, '7');
    await server.stop();
    await server.boot();
    assert.equal((await own()).json.available, '7');
    assert.equal((await get(accessToken, '/api/v1/admin/jobs', json)).status, 200);
    await server.must('DELETE', `/keys/${key.id}`);
    assert.equal((await own()).status, 401);
    const refused = await get(accessToken, '/api/v1/admin/jobs', json);
    assert.equal(refused.status, 401);
    assert.deepEqual(shape(refused.json), { errorType: 'string', status: 'integer', errorNumber: 'string', message: 'string', diagnosticCode: 'string' });
  });

  test('throttles an account for a full window', async () => {
    const key = await customer('iv-throttled', null, 'pair');
    const { accessToken } = await login(key);
    const statuses = [];
    let last;
    for (let i = 0; i < 6; ++i) statuses.push((last = await get(accessToken, '/api/v1/admin/jobs', json)).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429]);
    assert.equal(last.json.errorNumber, '429-101');
    assert.equal(last.headers['retry-after'], '600');
  });

  test('says what no handler says in its own shape', async () => {
    const missing = await server.send({ path: '/api/v1/admin/nothing' });
    assert.equal(missing.status, 404);
    assert.equal(xml(missing.text)('/error/errorType'), 'Not Found');
    const wrong = await server.send({ path: '/Auth/login/v1/token.json' });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.json.errorNumber, '405-101');
  });
});
