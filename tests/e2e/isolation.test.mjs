// Someone else's object answers exactly as a missing one does: every route of the API document that names an object, by every kind of
// credential, compared header by header and byte by byte.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, Server } from './harness.mjs';

const password = 'correct horse battery staple';
const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

let server;
let routes;
let victim;
let strangers;

// What of the victim's a route names, and an id of the same shape that nobody has. A new route that names an object must be added here.
const objects = {
  '/v1/reports/{request_id}': () => [victim.report, unknown(victim.report)],
  '/v1/reports/{request_id}/result': () => [victim.report, unknown(victim.report)],
  '/v1/ledger/{id}': () => ['ent_2', 'ent_99'],
  '/v1/webhooks/{id}': () => [victim.webhook, unknown(victim.webhook)],
  '/v1/webhooks/{id}/rotate-secret': () => [victim.webhook, unknown(victim.webhook)],
  '/v1/webhooks/{id}/test': () => [victim.webhook, unknown(victim.webhook)],
  '/v1/webhooks/{id}/deliveries': () => [victim.webhook, unknown(victim.webhook)],
  '/usage': () => [victim.nyne, unknown(victim.nyne)],
};
// The same id with each of its hex digits another one.
const unknown = (id) => id.replace(/[0-9a-f]{24,32}/, (digits) => digits.replace(/./g, (d) => ((parseInt(d, 16) + 7) % 16).toString(16)));

const bodies = { '/v1/webhooks/{id} PATCH': { status: 'active' } };

before(async () => {
  server = await Server.start();
  routes = (await server.send({ path: '/openapi.json' })).json.paths;
  victim = await server.newCustomer('victim');
  for (let i = 0; i < 2; i += 1) await server.must('POST', '/accounts/victim/grants', { amount: '5' });
  const order = { type: 'usage', from: day, to: new Date().toISOString().slice(0, 10), granularity: 'day' };
  victim.report = (await server.customer(victim, 'POST', '/v1/reports', { body: order })).json.request_id;
  victim.nyne = (await server.customer(victim, 'GET', '/usage')).json.request_id;
  victim.webhook = (await server.customer(victim, 'POST', '/v1/webhooks', {
    body: { url: 'https://example.com/hook', events: ['credits.low'] },
  })).json.id;
  assert.ok(victim.report && victim.nyne && victim.webhook);
  await eventually('the reports', async () => {
    const answer = await server.customer(victim, 'GET', `/v1/reports/${victim.report}`);
    return answer.json.status === 'completed' || undefined;
  });
  strangers = await credentials('stranger');
});
after(() => server?.dispose());

// Every way to say who one is, as headers.
async function credentials(id) {
  const pair = await server.newCustomer(id);
  const token = await server.newKey(id, { kind: 'token' });
  const shaped = await server.newKey(id, { kind: 'token', format: 'ru_v2' });
  await server.must('PATCH', `/accounts/${id}`, { password });
  const login = await server.send({ method: 'POST', path: '/auth/login', body: { email: `${id}@example.com`, password } });
  assert.equal(login.status, 200, login.text);
  const access = await server.send({
    method: 'POST', path: `/Auth/login/v1/token.json?clientId=${pair.key}&clientSecret=${pair.secret}&grantType=cred`,
  });
  assert.equal(access.status, 200, access.text);
  return {
    pair: { 'x-api-key': pair.key, 'x-api-secret': pair.secret },
    token: { 'x-api-key': token.key },
    bearer: { authorization: `Bearer ${token.key}` },
    ru_v2: { authorization: `Bearer ${shaped.key}` },
    login: { authorization: `Bearer ${login.json.access_token}` },
    accessToken: { accessToken: access.json.accessTokenDetails.accessToken },
  };
}

// The document's operations that name one object of a customer's.
function operations() {
  const found = [];
  for (const [path, methods] of Object.entries(routes)) {
    if (path.startsWith('/operator/') || path === '/openapi.json' || path.startsWith('/docs')) continue;
    for (const [method, operation] of Object.entries(methods)) {
      if (!['get', 'put', 'post', 'patch', 'delete'].includes(method)) continue;
      const parameters = [...(methods.parameters ?? []), ...(operation.parameters ?? [])];
      const names = path.includes('{') || parameters.some((parameter) => parameter.name === 'request_id');
      if (!names) continue;
      found.push([path, method.toUpperCase()]);
      if (method === 'get') found.push([path, 'HEAD']);
    }
  }
  return found;
}

async function ask(path, method, id, headers) {
  const target = path.includes('{') ? path.replace(/\{[^}]+\}/, id) : `${path}?request_id=${id}`;
  const answer = await server.send({ method, path: target, headers, body: bodies[`${path} ${method}`] });
  const { date, 'x-request-id': requestId, ...rest } = answer.headers;
  assert.ok(date && requestId);
  for (const name of Object.keys(rest)) if (/ratelimit|retry-after/.test(name)) rest[name] = '';  // its value tells of the key alone
  return { status: answer.status, headers: rest, body: answer.text };
}

describe('isolation', () => {
  test('each route that names an object is in the matrix', () => {
    const known = new Set(operations().map(([path]) => path));
    assert.ok(known.size >= Object.keys(objects).length);
    for (const path of known) assert.ok(objects[path], `${path} names an object: add it to the matrix`);
  });

  test("someone else's object is a missing one, whoever asks", async () => {
    let cells = 0;
    for (const [path, method] of operations()) {
      const [theirs, missing] = objects[path]();
      assert.notEqual(theirs, missing);
      for (const [kind, headers] of Object.entries(strangers)) {
        const found = await ask(path, method, theirs, headers);
        assert.deepEqual(found, await ask(path, method, missing, headers), `${method} ${path} by ${kind}`);
        // GET /usage takes pairs alone: what else comes is unknown to it.
        if (path === '/usage' && kind !== 'pair') assert.equal(found.status, 401, `${method} ${path} by ${kind}`);
        else assert.equal(found.status, 404, `${method} ${path} by ${kind}: ${found.body}`);
        cells += 1;
      }
    }
    assert.equal(cells, operations().length * Object.keys(strangers).length);
  });

  test('nothing of it was changed', async () => {
    const report = await server.customer(victim, 'GET', `/v1/reports/${victim.report}`);
    assert.equal(report.json.status, 'completed');
    const webhook = await server.customer(victim, 'GET', `/v1/webhooks/${victim.webhook}`);
    assert.equal(webhook.status, 200);
    assert.equal(webhook.json.status, 'active');
  });
});
