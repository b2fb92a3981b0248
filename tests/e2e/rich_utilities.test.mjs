// Rich Utilities over the real binary: logins and their tokens across restarts, tokens of other issuers made with Node's
// own crypto, and the account's calls as the vendor's document shows them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, Server } from './harness.mjs';

const issuer = 'https://id.example';
const audience = 'tally-api';
const password = 'correct horse';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-jwks.'));
const keySetFile = path.join(folder, 'keys.json');
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const nowSeconds = () => Math.floor(Date.now() / 1000);

// A key of another issuer: { jwk, sign(text) }.
function makeKey(alg, kid) {
  if (alg === 'HS256') {
    const secret = randomBytes(32);
    return { kid, alg, jwk: { kty: 'oct', kid, alg, k: secret.toString('base64url') },
      sign: (text) => createHmac('sha256', secret).update(text).digest() };
  }
  const options = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519'] }[alg];
  const { publicKey, privateKey } = generateKeyPairSync(...options);
  return { kid, alg, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' },
    sign: (text) => sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }) };
}

function tokenOf(key, claims = {}, header = {}) {
  const text = `${base64url({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })}.${base64url({
    iss: issuer, aud: audience, sub: 'acme', iat: nowSeconds(), nbf: nowSeconds(), exp: nowSeconds() + 600, ...claims,
  })}`;
  return `${text}.${key.sign(text).toString('base64url')}`;
}

const algorithms = ['RS256', 'ES256', 'EdDSA', 'HS256'];
const keys = Object.fromEntries(algorithms.map((alg) => [alg, makeKey(alg, `key-${alg}`)]));
const writeKeySet = (list) => {
  fs.writeFileSync(`${keySetFile}.new`, JSON.stringify({ keys: list.map((key) => key.jwk) }));
  fs.renameSync(`${keySetFile}.new`, keySetFile);
};
writeKeySet(Object.values(keys));

const config = `[auth]
allow_signup = true
refresh_ttl_seconds = 3600

[[jwt.issuers]]
issuer = '${issuer}'
audience = '${audience}'
jwks_file = '${keySetFile}'
`;

let server;
before(async () => {
  server = await Server.start({ config });
  await server.must('POST', '/accounts', { id: 'acme', name: 'Acme', email: 'ann@acme.example', password });
  await server.must('POST', '/prices', {
    effective_at: '2020-01-01T00:00:00Z',
    prices: [{ endpoint: 'resize', credits: '1.5' }, { endpoint: 'ocr', credits: '0.0001' }],
  });
  await server.must('POST', '/accounts/acme/grants', { amount: '100', reference: 'pay_1', description: 'Top-up', expires_at: null });
  await server.must('PUT', '/accounts/acme/subscription', { plan: 'pro', monthly_allocation: '50' });
  const answer = await server.events([
    { id: 'e1', account: 'acme', endpoint: 'resize', results: 2 },
    { id: 'e2', account: 'acme', endpoint: 'ocr' },
    { id: 'e3', account: 'acme', endpoint: 'ocr', ok: false },
    { id: 'e4', account: 'acme', endpoint: 'resize', time: '2025-02-03T04:05:06Z' },
  ]);
  assert.equal(answer.json.accepted, 4, answer.text);
});
after(async () => {
  await server?.dispose();
  fs.rmSync(folder, { recursive: true, force: true });
});

const post = (target, body, headers) => server.send({ method: 'POST', path: target, body, headers });
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const get = (target, token) => server.send({ path: target, headers: token ? bearer(token) : {} });
const login = (email = 'ann@acme.example', secret = password) => post('/auth/login', { email, password: secret });
async function tokens(...args) {
  const answer = await login(...args);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}
const status = async (token) => (await get('/auth/account/credits', token)).status;

// Fields, their order and their types; `float` is any number.
function assertShape(value, shape, where = '') {
  assert.deepEqual(Object.keys(value), Object.keys(shape), where);
  for (const [name, kind] of Object.entries(shape)) {
    const got = value[name];
    const at = `${where}.${name}: ${JSON.stringify(got)}`;
    if (typeof kind === 'object') assertShape(got, kind, `${where}.${name}`);
    else if (kind === 'integer') assert.ok(Number.isInteger(got), at);
    else if (kind === 'float') assert.equal(typeof got, 'number', at);
    else if (kind === 'datetime') assert.match(got, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/, at);
    else if (kind === 'map') assert.ok(got !== null && typeof got === 'object' && !Array.isArray(got), at);
    else if (kind === 'array') assert.ok(Array.isArray(got), at);
    else assert.equal(typeof got, kind, at);
  }
}
const usageStats = {
  user_id: 'integer', period: 'string', total_requests: 'integer', successful_requests: 'integer', failed_requests: 'integer',
  credits_consumed: 'float', requests_by_endpoint: 'map', period_start: 'datetime', period_end: 'datetime',
};
const creditBalance = {
  user_id: 'integer', balance: 'float', reserved: 'float', available: 'float', currency: 'string', last_updated: 'datetime',
  auto_reload_enabled: 'boolean', auto_reload_threshold: 'float', auto_reload_amount: 'float',
};
const ledgerEntry = {
  id: 'integer', user_id: 'integer', type: 'string', amount: 'float', balance_after: 'float', description: 'string',
  reference: 'string', metadata: 'map', created_at: 'datetime',
};
const subscription = {
  plan: 'string', status: 'string', monthly_allocation: 'float', unlimited: 'boolean', current_period_start: 'datetime',
  current_period_end: 'datetime',
};
const accountSummary = {
  user_id: 'integer', email: 'string', credit_balance: creditBalance, subscription, usage_this_month: usageStats,
  total_requests_all_time: 'integer', account_created_at: 'datetime', last_login_at: 'datetime',
};

describe('a login', () => {
  test('opens the account with a token that says what it is', async () => {
    const given = await tokens();
    assert.deepEqual(Object.keys(given), ['access_token', 'refresh_token', 'token_type', 'expires_in']);
    assert.equal(given.token_type, 'Bearer');
    assert.equal(given.expires_in, 900);
    const [header, claims] = given.access_token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
    assert.equal(header.alg, 'EdDSA');
    assert.equal(header.typ, 'at+jwt');
    assert.equal(claims.sub, 'acme');
    assert.equal(claims.exp - claims.iat, 900);
    assert.equal(await status(given.access_token), 200);
    assert.equal((await get('/v1/balance', given.access_token)).status, 200);
  });

  test('rotates its refresh token once; the old one ends it, across a kill -9', async () => {
    const first = await tokens();
    const second = await post('/auth/refresh', { refresh_token: first.refresh_token });
    assert.equal(second.status, 200, second.text);
    assert.notEqual(second.json.refresh_token, first.refresh_token);
    await server.kill();
    await server.boot();
    assert.equal(await status(second.json.access_token), 200);
    const third = await post('/auth/refresh', { refresh_token: second.json.refresh_token });
    assert.equal(third.status, 200, third.text);
    const reused = await post('/auth/refresh', { refresh_token: first.refresh_token });
    assert.equal(reused.status, 401);
    assert.equal(reused.json.error.code, 'token_reused');
    assert.equal(await status(third.json.access_token), 401);
    await server.kill();
    await server.boot();
    assert.equal((await post('/auth/refresh', { refresh_token: third.json.refresh_token })).status, 401);
  });

  test('of 20 refreshes with one token at most one rotates, and the session ends', async () => {
    const { refresh_token } = await tokens();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/auth/refresh', { refresh_token })));
    const good = answers.filter((answer) => answer.status === 200);
    assert.equal(good.length, 1);
    assert.ok(answers.every((answer) => [200, 401].includes(answer.status)));
    assert.equal(await status(good[0].json.access_token), 401);
  });

  test('ends by logout and by revoking either token', async () => {
    const one = await tokens();
    const two = await tokens();
    const out = await post('/auth/logout', undefined, bearer(one.access_token));
    assert.equal(out.status, 200, out.text);
    assert.equal(await status(one.access_token), 401);
    assert.equal((await post('/auth/refresh', { refresh_token: one.refresh_token })).status, 401);
    assert.equal(await status(two.access_token), 200);
    assert.equal((await post('/auth/token/revoke', { token: two.refresh_token })).status, 200);
    assert.equal(await status(two.access_token), 401);
    const three = await tokens();
    assert.equal((await post('/auth/token/revoke', { token: three.access_token })).status, 200);
    assert.equal((await post('/auth/refresh', { refresh_token: three.refresh_token })).status, 401);
  });

  test('is locked after five wrong passwords, also across a kill -9, and an e-mail of nobody alike', async () => {
    await server.must('POST', '/accounts', { id: 'locked', email: 'locked@acme.example', password });
    for (const email of ['locked@acme.example', 'nobody@acme.example']) {
      for (let i = 0; i < 5; ++i) {
        const wrong = await login(email, 'wrong');
        assert.equal(wrong.status, 401);
        assert.deepEqual(wrong.json, { error: { code: 'invalid_credentials', message: 'the email or the password is wrong' } });
      }
      const locked = await login(email);
      assert.equal(locked.status, 429);
      assert.equal(locked.json.error.code, 'too_many_attempts');
      assert.match(locked.headers['retry-after'], /^[1-9]\d*$/);
    }
    await server.kill();
    await server.boot();
    // Should the restart have outlasted the lock, then this is the sixth failure, which locks again.
    assert.match(String((await login('locked@acme.example', 'wrong')).status), /^(429|401)$/);
    assert.equal((await login('locked@acme.example')).status, 429);
    assert.equal((await login()).status, 200);
  });

  test('costs as much for an e-mail of nobody as for a wrong password', async () => {
    await server.must('POST', '/accounts', { id: 'timed', email: 'timed@acme.example', password });
    const cost = async (email) => {
      const begun = server.processorMs();
      for (let i = 0; i < 4; ++i) assert.equal((await login(email, 'wrong')).status, 401);
      return server.processorMs() - begun;
    };
    const known = await cost('timed@acme.example');
    const nobody = await cost('timed-nobody@acme.example');
    assert.ok(known > 40 && known / nobody < 2 && nobody / known < 2, `${known} ms and ${nobody} ms`);
  });

  test('leaves no password and no token on the disk', async () => {
    const secret = 'a very particular password';
    await server.must('POST', '/accounts', { id: 'secret', email: 'secret@acme.example', password: secret },
      { headers: { 'idempotency-key': 'make-secret' } });
    const given = await tokens('secret@acme.example', secret);
    await server.stop();
    const bytes = Buffer.concat(fs.readdirSync(path.join(server.dir, 'db')).map((name) => fs.readFileSync(path.join(server.dir, 'db', name))));
    for (const text of [secret, given.access_token, given.refresh_token, given.refresh_token.split('.')[3]])
      assert.equal(bytes.includes(text), false, text);
    assert.equal(fs.statSync(path.join(server.dir, 'jwt.key')).mode & 0o777, 0o600);
    await server.boot();
    assert.equal(await status(given.access_token), 200, 'a clean restart ends nothing');
  });

  test('of the account is moved with its e-mail and ended by a new password', async () => {
    await server.must('POST', '/accounts', { id: 'moved', email: 'old@acme.example', password });
    const { refresh_token } = await tokens('old@acme.example');
    await server.must('PATCH', '/accounts/moved', { email: 'new@acme.example' });
    assert.equal((await login('old@acme.example')).status, 401);
    assert.equal((await login('NEW@acme.example')).status, 200);
    const taken = await server.operator('PATCH', '/accounts/moved', { email: 'ann@acme.example' });
    assert.equal(taken.status, 409);
    assert.equal(taken.json.code, 'email_taken');
    await server.must('PATCH', '/accounts/moved', { password: 'another password' });
    assert.equal((await post('/auth/refresh', { refresh_token })).status, 401);
    assert.equal((await login('new@acme.example', 'another password')).status, 200);
  });
});

describe('signing up', () => {
  test('makes an account, once for an e-mail and once for an Idempotency-Key', async () => {
    const body = { email: 'New@Example.com', password: 'longenough' };
    const headers = { 'idempotency-key': 'signup-1' };
    const made = await post('/auth/register', body, headers);
    assert.equal(made.status, 201, made.text);
    assertShape(made.json, { user_id: 'integer', email: 'string', account_id: 'string', created_at: 'datetime' });
    const again = await post('/auth/register', body, headers);
    assert.equal(again.text, made.text);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    const taken = await post('/auth/register', body);
    assert.equal(taken.status, 409);
    assert.equal(taken.json.error.code, 'email_taken');
    const { access_token } = await tokens('new@example.com', 'longenough');
    assert.equal((await get('/auth/account/summary', access_token)).json.user_id, made.json.user_id);
  });

  test('is refused with a short password, and on a server where it is not turned on', async () => {
    const short = await post('/auth/register', { email: 'x@example.com', password: '1234567' });
    assert.equal(short.status, 422);
    assert.equal(short.json.error.code, 'invalid_password');
    const closed = await Server.start();
    try {
      const answer = await closed.send({ method: 'POST', path: '/auth/register', body: { email: 'x@example.com', password: 'longenough' } });
      assert.equal(answer.status, 403);
      assert.equal(answer.json.error.code, 'signup_disabled');
    } finally {
      await closed.dispose();
    }
  });
});

describe("another issuer's token", () => {
  for (const alg of algorithms) {
    test(`is accepted with ${alg}, and only as its key says`, async () => {
      const key = keys[alg];
      assert.equal(await status(tokenOf(key)), 200);
      assert.equal(await status(tokenOf(key, { aud: ['other', audience] }, { typ: 'at+jwt' })), 200);
      assert.equal((await get('/v1/account', tokenOf(key))).json.id, 'acme');
      const refused = {
        'of nobody': tokenOf(key, { sub: 'nobody' }),
        'without sub': tokenOf(key, { sub: undefined }),
        'of another issuer': tokenOf(key, { iss: 'https://evil.example' }),
        'that claims to be ours': tokenOf(key, { iss: 'tally', aud: 'tally' }),
        'for another audience': tokenOf(key, { aud: 'other' }),
        'without exp': tokenOf(key, { exp: undefined }),
        'not valid yet': tokenOf(key, { nbf: nowSeconds() + 600 }),
        'with alg none': tokenOf(key, {}, { alg: 'none' }),
        'without a signature': tokenOf({ ...key, sign: () => Buffer.alloc(0) }, {}, { alg: 'none' }),
        'with another alg': tokenOf(key, {}, { alg: alg === 'HS256' ? 'RS256' : 'HS256' }),
        'with an unknown kid': tokenOf(key, {}, { kid: 'other' }),
        'without kid': tokenOf(key, {}, { kid: undefined }),
        'without typ': tokenOf(key, {}, { typ: undefined }),
        'with crit': tokenOf(key, {}, { crit: ['exp'] }),
        'with padding': `${tokenOf(key)}=`,
        'by another key': tokenOf({ ...makeKey(alg, key.kid), kid: key.kid }),
      };
      for (const [which, token] of Object.entries(refused)) {
        const answer = await get('/auth/account/credits', token);
        assert.equal(answer.status, 401, which);
        assert.equal(answer.json.error.code, 'invalid_token', which);
        assert.equal(answer.headers['www-authenticate'], 'Bearer', which);
      }
      const expired = await get('/auth/account/credits', tokenOf(key, { exp: nowSeconds() - 1 }));
      assert.equal(expired.status, 401);
      assert.equal(expired.json.error.code, 'token_expired');
    });
  }

  test('signed with the text of a public key as an HMAC secret is refused', async () => {
    const pem = createPublicKey({ key: keys.RS256.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const confused = { kid: 'key-RS256', alg: 'HS256', sign: (text) => createHmac('sha256', pem).update(text).digest() };
    assert.equal(await status(tokenOf(confused)), 401);
  });

  test('works by keys as the file has them now, without a restart', async () => {
    const next = makeKey('ES256', 'key-next');
    assert.equal(await status(tokenOf(next)), 401);
    writeKeySet([...Object.values(keys), next]);
    await eventually('the new key to work', async () => ((await status(tokenOf(next))) === 200 ? true : undefined));
    fs.writeFileSync(keySetFile, '{"keys":[');
    await eventually('the broken file to be told', () => (server.log.includes('jwt.key_set_unusable') ? true : get('/auth/account/credits', tokenOf(next)).then(() => undefined)));
    assert.equal(await status(tokenOf(next)), 200, 'keys stay while the file is broken');
    writeKeySet(Object.values(keys));
    await eventually('the key to be gone', async () => ((await status(tokenOf(next))) === 401 ? true : undefined));
    assert.equal(await status(tokenOf(keys.RS256)), 200);
  });
});

describe('the account', () => {
  test('shows usage, credits, ledger and summary field by field as the document', async () => {
    const asked = nowSeconds();
    const { access_token } = await tokens();
    const usage = await get('/auth/account/usage', access_token);
    assert.equal(usage.status, 200, usage.text);
    assertShape(usage.json, { ...usageStats, series: 'array' });
    for (const item of usage.json.series) assertShape(item, usageStats);
    assert.equal(usage.json.period, 'monthly');
    assert.equal(usage.json.total_requests, 3);
    assert.equal(usage.json.successful_requests, 2);
    assert.equal(usage.json.failed_requests, 1);
    assert.deepEqual(usage.json.requests_by_endpoint, { ocr: 2, resize: 1 });
    assert.match(usage.text, /"credits_consumed":3\.0001,/);

    const credits = await get('/auth/account/credits', access_token);
    assertShape(credits.json, creditBalance);
    assert.equal(credits.json.currency, 'USD');
    assert.equal(credits.json.balance, 145.4999);

    const ledger = await get('/auth/account/ledger', access_token);
    assertShape(ledger.json, { items: 'array', total: 'integer', limit: 'integer', offset: 'integer' });
    assert.equal(ledger.json.limit, 50);
    for (const item of ledger.json.items) assertShape(item, ledgerEntry);
    const debits = await get('/auth/account/ledger?type=debit&limit=1&offset=1', access_token);
    assert.equal(debits.json.total, 3);
    assert.deepEqual(debits.json.items.map((item) => item.type), ['debit']);
    let balance = 0;
    for (const item of ledger.json.items) {
      balance = Math.round((balance + item.amount) * 1e6) / 1e6;
      assert.equal(item.balance_after, balance);
    }

    const summary = await get('/auth/account/summary', access_token);
    assertShape(summary.json, accountSummary);
    assert.deepEqual(summary.json.credit_balance, credits.json);
    assert.equal(summary.json.total_requests_all_time, 4);
    assert.equal(summary.json.email, 'ann@acme.example');
    assert.ok(Date.parse(summary.json.last_login_at) >= asked * 1000);
  });

  test('shows usage by day, month and year over years', async () => {
    const { access_token } = await tokens();
    const years = (await get('/auth/account/usage?period=yearly&from=2024-01-01', access_token)).json;
    assert.equal(years.series[0].total_requests, 0);
    assert.equal(years.series[1].total_requests, 1);
    assert.equal(years.total_requests, 4);
    const days = (await get('/auth/account/usage?period=daily&from=2025-02-01&to=2025-03-01', access_token)).json;
    assert.equal(days.series.length, 28);
    assert.equal(days.series[2].credits_consumed, 1.5);
    assert.equal(days.period_end, '2025-03-01T00:00:00Z');
  });

  test('opens to a token key as Rich Utilities makes them', async () => {
    const { key } = await server.newKey('acme', { kind: 'token', format: 'ru_v2', limits: { per_minute: 1000 } });
    assert.match(key, /^ru_v2_[a-z0-9]{12}_[a-z0-9]{32}$/i);
    const answer = await get('/auth/account/credits', key);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['ratelimit-limit'], '1000');
    const { key: narrow } = await server.newKey('acme', { kind: 'token', scopes: ['reports'] });
    const refused = await get('/auth/account/credits', narrow);
    assert.equal(refused.status, 403);
    assert.equal(refused.json.error.code, 'insufficient_scope');
  });

  test('answers what goes wrong in its own shape', async () => {
    const shapes = [
      [await get('/auth/account/credits'), 401, 'missing_token'],
      [await get('/auth/account/credits', 'nonsense'), 401, 'invalid_token'],
      [await get('/auth/account/nothing'), 404, 'not_found'],
      [await server.send({ method: 'DELETE', path: '/auth/login' }), 405, 'method_not_allowed'],
      [await post('/auth/login', 'x'.repeat(2 << 20), { 'content-type': 'application/json' }), 413, 'body_too_large'],
      [await post('/auth/login', 'email=a', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'unsupported_media_type'],
      [await post('/auth/login', '{', { 'content-type': 'application/json' }), 400, 'malformed_json'],
      [await post('/auth/login', { email: 'a@b' }), 422, 'missing_password'],
      [await get('/auth/account/usage?period=weekly', tokenOf(keys.EdDSA)), 422, 'invalid_period'],
      [await get('/auth/account/ledger?limit=101', tokenOf(keys.EdDSA)), 422, 'invalid_limit'],
    ];
    for (const [answer, expected, code] of shapes) {
      assert.equal(answer.status, expected, answer.text);
      assert.deepEqual(Object.keys(answer.json), ['error']);
      assert.deepEqual(Object.keys(answer.json.error), ['code', 'message']);
      assert.equal(answer.json.error.code, code);
      assert.match(answer.headers['content-type'], /^application\/json/);
    }
  });

  test('answers the documented requests as curl sends them', async () => {
    const curl = (args) => JSON.parse(execFileSync('curl', ['-s', ...args], { encoding: 'utf8' }));
    const given = curl(['-X', 'POST', `${server.base}/auth/login`, '-H', 'Content-Type: application/json',
      '-d', JSON.stringify({ email: 'ann@acme.example', password })]);
    const show = (target) => curl(['-X', 'GET', `${server.base}${target}`, '-H', `Authorization: Bearer ${given.access_token}`]);
    assert.equal(show('/auth/account/usage').total_requests, 3);
    assert.equal(show('/auth/account/usage?period=daily&from=2025-02-03&to=2025-02-04').total_requests, 1);
    assert.equal(show('/auth/account/credits').currency, 'USD');
    assert.equal(show('/auth/account/ledger?type=credit&limit=10&offset=0').items[0].reference, 'pay_1');
    assert.equal(show('/auth/account/summary').subscription.plan, 'pro');
  });
});
