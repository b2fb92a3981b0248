// Bad input: every parameter of GET /usage, of events and of prices has a refused case with its documented status and code.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sendRaw, Server } from './harness.mjs';

let server;
let customer;
let stranger;
before(async () => {
  server = await Server.start();
  customer = await server.newCustomer('acme');
  stranger = await server.newCustomer('stranger');
});
after(() => server?.dispose());

// Our own API refuses with RFC 9457.
function assertProblem(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  assert.ok(answer.headers['x-request-id']);
  const problem = answer.json;
  assert.equal(problem.status, status);
  if (code) assert.equal(problem.code, code, answer.text);
  assert.match(problem.code, /^[a-z][a-z0-9_]*$/);
  assert.ok(problem.title.length > 0);
  return problem;
}

// The Nyne dialect has a shape of its own.
function assertNyne(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.ok(answer.headers['x-request-id']);
  const { success, error, message, ...rest } = answer.json;
  assert.deepEqual({ success, error, rest }, { success: false, error: code, rest: {} });
  assert.ok(message.length > 0);
}

describe('GET /usage refuses', () => {
  const nextYear = new Date().getUTCFullYear() + 1;
  const cases = [
    ['month=0', 'invalid_month'],
    ['month=13', 'invalid_month'],
    ['month=-1', 'invalid_month'],
    ['month=1.5', 'invalid_month'],
    ['month=may', 'invalid_month'],
    ['month=', 'invalid_month'],
    ['month=%2B5', 'invalid_month'],
    ['month=5%20', 'invalid_month'],
    ['month=99999999999999999999', 'invalid_month'],
    ['year=2019', 'invalid_year'],
    ['year=2031', 'invalid_year'],
    ['year=', 'invalid_year'],
    ['year=26', 'invalid_year'],
    ['year=2025.0', 'invalid_year'],
    ['year=0x7ea', 'invalid_year'],
    ['month=0&year=2019', 'invalid_month'],
    [`month=12&year=${nextYear}`, 'invalid_date'],
    ['callback_url=', 'invalid_callback_url'],
    ['callback_url=nonsense', 'invalid_callback_url'],
    ['callback_url=https://', 'invalid_callback_url'],
    ['callback_url=ftp://example.com/hook', 'invalid_callback_url'],
    ['callback_url=file:///etc/passwd', 'invalid_callback_url'],
    ['callback_url=http://example.com/hook', 'invalid_callback_url'],
    ['callback_url=https://user:password@example.com/', 'invalid_callback_url'],
    ['callback_url=https://127.0.0.1/', 'invalid_callback_url'],
    ['callback_url=https://10.1.2.3/', 'invalid_callback_url'],
    ['callback_url=https://169.254.169.254/latest', 'invalid_callback_url'],
    ['callback_url=https://[::1]/', 'invalid_callback_url'],
    ['callback_url=https://[::ffff:127.0.0.1]/', 'invalid_callback_url'],
    [`callback_url=https://example.com/${'x'.repeat(5000)}`, 'invalid_callback_url'],
    ['callback_url=https://example.com:99999/', 'invalid_callback_url'],
  ];
  for (const [query, code] of cases) {
    test(`${query.slice(0, 60)} with 400 ${code}`, async () => {
      assertNyne(await server.customer(customer, 'GET', `/usage?${query}`), 400, code);
    });
  }

  test('a missing or wrong key or secret with 401', async () => {
    const get = (headers) => server.send({ path: '/usage', headers });
    assertNyne(await get({}), 401, 'missing_api_key');
    assertNyne(await get({ 'x-api-secret': customer.secret }), 401, 'missing_api_key');
    assertNyne(await get({ 'x-api-key': customer.key }), 401, 'missing_api_secret');
    assertNyne(await get({ 'x-api-key': 'nonsense', 'x-api-secret': customer.secret }), 401, 'invalid_api_key');
    assertNyne(await get({ 'x-api-key': customer.key, 'x-api-secret': 'nonsense' }), 401, 'invalid_api_secret');
    assertNyne(await get({ 'x-api-key': customer.key, 'x-api-secret': stranger.secret }), 401, 'invalid_api_secret');
    assertNyne(await get({ 'x-api-key': customer.key, 'x-api-secret': '' }), 401, 'missing_api_secret');
  });

  test('a disabled key with 403, a deleted one with 401', async () => {
    const key = await server.newKey('acme');
    assert.equal((await server.customer(key, 'GET', '/usage')).status, 202);
    await server.must('PATCH', `/keys/${key.id}`, { status: 'disabled' });
    assertNyne(await server.customer(key, 'GET', '/usage'), 403, 'api_key_disabled');
    await server.must('PATCH', `/keys/${key.id}`, { status: 'active' });
    assert.equal((await server.customer(key, 'GET', '/usage')).status, 202);
    await server.must('DELETE', `/keys/${key.id}`);
    assertNyne(await server.customer(key, 'GET', '/usage'), 401, 'invalid_api_key');
  });

  test('a request_id that is unknown, malformed or of another account with the same 404', async () => {
    const { request_id: id } = (await server.customer(stranger, 'GET', '/usage')).json;
    const bodies = new Set();
    for (const asked of [id, '0123456789abcdef0123456789abcdef_1717000000_4271', 'nonsense', '']) {
      const answer = await server.customer(customer, 'GET', `/usage?request_id=${asked}`);
      assertNyne(answer, 404, 'request_not_found');
      bodies.add(answer.text);
    }
    assert.equal(bodies.size, 1);
    assert.ok([200, 202].includes((await server.customer(stranger, 'GET', `/usage?request_id=${id}`)).status));
  });

  test('every method but GET with 405 and Allow', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await server.customer(customer, method, '/usage');
      assert.equal(answer.status, 405, method);
      assert.match(answer.headers.allow, /\bGET\b/);
    }
  });
});

describe('keys are held to their limits', () => {
  test('a limited key is told where it stands, and refused with 429', async () => {
    const key = await server.newKey('acme', { kind: 'pair', limits: { per_day: 3 } });
    for (const remaining of [2, 1, 0]) {
      const asked = Math.floor(Date.now() / 1000);
      const answer = await server.customer(key, 'GET', '/usage');
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.headers['ratelimit-limit'], '3');
      assert.equal(answer.headers['ratelimit-remaining'], String(remaining));
      assert.equal(answer.headers['x-ratelimit-limit'], '3');
      assert.equal(answer.headers['x-ratelimit-remaining'], String(remaining));
      const seconds = Number(answer.headers['ratelimit-reset']);
      assert.ok(seconds >= 1 && seconds <= 86_400);
      const at = Number(answer.headers['x-ratelimit-reset']) - seconds;
      assert.ok(asked - 1 <= at && at <= Date.now() / 1000 + 1, 'as a time it is the same');
    }
    const refused = await server.customer(key, 'GET', '/usage');
    assertNyne(refused, 429, 'rate_limit_exceeded');
    assert.equal(refused.headers['retry-after'], refused.headers['ratelimit-reset']);
    assert.equal(refused.headers['ratelimit-remaining'], '0');

    assertProblem(await server.customer(key, 'GET', '/v1/reports'), 429, 'rate_limit_exceeded');
    assert.equal((await server.customer(customer, 'GET', '/usage')).status, 202, 'limits hold per key');
  });

  test('a key without limits of its own has those of the dialect: 60 a minute', async () => {
    const key = await server.newKey('acme', { kind: 'pair' });
    const answer = await server.customer(key, 'GET', '/usage');
    assert.equal(answer.status, 202);
    assert.equal(answer.headers['ratelimit-limit'], '60');
  });

  test('a key that is locked to other addresses is refused with 403', async () => {
    const locked = await server.newKey('acme', { kind: 'pair', allowed_ips: ['203.0.113.0/24', '2001:db8::/32'] });
    assertNyne(await server.customer(locked, 'GET', '/usage'), 403, 'ip_not_allowed');
    assertProblem(await server.customer(locked, 'GET', '/v1/reports'), 403, 'ip_not_allowed');
    const forged = await server.customer(locked, 'GET', '/usage', { headers: { 'x-forwarded-for': '203.0.113.7' } });
    assertNyne(forged, 403, 'ip_not_allowed');
    const local = await server.newKey('acme', { kind: 'pair', allowed_ips: ['127.0.0.0/8'] });
    assert.equal((await server.customer(local, 'GET', '/usage')).status, 202);
  });

  test('behind a trusted proxy the rightmost untrusted hop is the address', async () => {
    const behind = await Server.start({ config: 'trusted_proxies = ["127.0.0.1", "192.0.2.0/24"]\n' });
    try {
      await behind.newCustomer('acme');
      const key = await behind.newKey('acme', { kind: 'pair', allowed_ips: ['203.0.113.7'] });
      const from = async (hops) => (await behind.customer(key, 'GET', '/usage', { headers: { 'x-forwarded-for': hops } })).status;
      assert.equal(await from('203.0.113.7'), 202);
      assert.equal(await from('203.0.113.7, 192.0.2.1'), 202);
      assert.equal(await from('203.0.113.7, 198.51.100.1'), 403);
      assert.equal(await from('198.51.100.1'), 403);
    } finally {
      await behind.dispose();
    }
  });
});

describe('an event is refused', () => {
  const valid = { id: 'e1', account: 'acme', endpoint: 'search', time: '2025-02-03T04:05:06Z' };
  const without = (name) => Object.fromEntries(Object.entries(valid).filter(([key]) => key !== name));
  const cases = [
    ['without id', without('id'), 'missing_id'],
    ['with an empty id', { ...valid, id: '' }, 'missing_id'],
    ['with a long id', { ...valid, id: 'x'.repeat(256) }, 'invalid_id'],
    ['with an id that is no text', { ...valid, id: 5 }, 'invalid_id'],
    ['with a control character in its id', { ...valid, id: 'a\nb' }, 'invalid_id'],
    ['with a source that is no text', { ...valid, source: 1 }, 'invalid_source'],
    ['with a long source', { ...valid, source: 'x'.repeat(256) }, 'invalid_source'],
    ['without account', without('account'), 'invalid_account'],
    ['with a malformed account', { ...valid, account: 'ACME!' }, 'invalid_account'],
    ['for an account that is not there', { ...valid, account: 'nobody' }, 'unknown_account'],
    ['without endpoint', without('endpoint'), 'missing_endpoint'],
    ['with an empty endpoint', { ...valid, endpoint: '' }, 'missing_endpoint'],
    ['with a long endpoint', { ...valid, endpoint: 'x'.repeat(256) }, 'invalid_endpoint'],
    ['with a time that is no date', { ...valid, time: 'yesterday' }, 'invalid_time'],
    ['with a day that its month lacks', { ...valid, time: '2025-02-30T00:00:00Z' }, 'invalid_time'],
    ['with a time as a number', { ...valid, time: 1770000000 }, 'invalid_time'],
    ['from ten minutes ahead', { ...valid, time: new Date(Date.now() + 600_000).toISOString() }, 'invalid_time'],
    ['with ok that is no boolean', { ...valid, ok: 'yes' }, 'invalid_ok'],
    ['with negative results', { ...valid, results: -1 }, 'invalid_results'],
    ['with half a result', { ...valid, results: 0.5 }, 'invalid_results'],
    ['with too many results', { ...valid, results: 1e12 }, 'invalid_results'],
    ['with credits too fine', { ...valid, credits: '0.0000001' }, 'invalid_credits'],
    ['with negative credits', { ...valid, credits: '-1' }, 'invalid_credits'],
    ['with credits that are no number', { ...valid, credits: true }, 'invalid_credits'],
    ['with credits beyond the range', { ...valid, credits: '99999999999999' }, 'invalid_credits'],
    ['with options that are no object', { ...valid, options: ['verified_email'] }, 'invalid_options'],
    ['with a negative option', { ...valid, options: { verified_email: -2 } }, 'invalid_options'],
    ['with too many options', { ...valid, options: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`o${i}`, 1])) }, 'invalid_options'],
    ['with a key that is no text', { ...valid, key: {} }, 'invalid_key'],
    ['with a long key', { ...valid, key: 'x'.repeat(64) }, 'invalid_key'],
    ['with details that are not flat', { ...valid, details: { a: { b: 1 } } }, 'invalid_details'],
    ['with details that are no object', { ...valid, details: 'text' }, 'invalid_details'],
    ['with details past 4 KiB', { ...valid, details: { a: 'x'.repeat(5000) } }, 'details_too_large'],
    ['with an unknown field', { ...valid, colour: 'blue' }, 'unknown_field'],
    ['with a field twice', '{"id":"a","account":"acme","endpoint":"search","id":"b"}', 'duplicate_key'],
  ];
  for (const [what, event, code] of cases) {
    test(`${what}: alone with 422 ${code}, in a batch by its index`, async () => {
      const text = typeof event === 'string' ? event : JSON.stringify(event);
      const alone = await server.operator('POST', '/events', text, { type: 'application/json' });
      assertProblem(alone, 422, code);
      const batch = await server.operator('POST', '/events', `[${text},${text}]`, { type: 'application/json' });
      assert.equal(batch.status, 200, batch.text);
      assert.equal(batch.json.accepted, 0);
      assert.deepEqual(batch.json.rejected.map(({ index, code: each }) => [index, each]), [[0, code], [1, code]]);
    });
  }

  test('nothing of what was refused is counted', async () => {
    const { requests } = await server.totals(customer, '2025-01-01T00:00:00Z', '2025-11-01T00:00:00Z', 'month');
    assert.equal(requests, 0);
  });

  test('an unreadable body with 400, a wrong media type with 415, one past the limit with 413', async () => {
    const post = (body, type) => server.operator('POST', '/events', body, { type });
    for (const body of ['', '{', '[{]', '{"id":"a"} x', '\u0000', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '['.repeat(10_000)]) {
      assertProblem(await post(body, 'application/json'), 400);
    }
    assertProblem(await post('<event/>', 'application/xml'), 415);
    assertProblem(await post(JSON.stringify(valid), 'text/plain'), 415);
    const small = await Server.start({ config: '[limits]\nbody_bytes = 2000\nevents_body_bytes = 10000\n' });
    try {
      const tooLong = await small.events([{ ...valid, details: { a: 'x'.repeat(10_000) } }]).catch((error) => error);
      if (tooLong instanceof Error) assert.match(tooLong.message, /ECONNRESET|EPIPE|hang up/);
      else assertProblem(tooLong, 413);
      assertProblem(await small.operator('POST', '/accounts', { id: 'a', name: 'x'.repeat(3000) }), 413);
    } finally {
      await small.dispose();
    }
  });

  test('without the operator token with 401, with a customer key too', async () => {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }, { authorization: `Basic ${server.token}` },
      { 'x-api-key': customer.key, 'x-api-secret': customer.secret }]) {
      assertProblem(await server.send({ method: 'POST', path: '/operator/v1/events', headers, body: valid }), 401);
    }
  });
});

describe('prices are refused', () => {
  const price = { endpoint: 'priced', credits: '1' };
  const cases = [
    ['without a list', {}, 'missing_prices'],
    ['with a list that is none', { prices: price }, 'invalid_prices'],
    ['when one is no object', { prices: [price, 'free'] }, 'invalid_body'],
    ['without endpoint', { prices: [{ credits: '1' }] }, 'missing_endpoint'],
    ['with an empty endpoint', { prices: [{ ...price, endpoint: '' }] }, 'invalid_endpoint'],
    ['with a long endpoint', { prices: [{ ...price, endpoint: 'x'.repeat(256) }] }, 'invalid_endpoint'],
    ['without credits', { prices: [{ endpoint: 'priced' }] }, 'missing_credits'],
    ['with negative credits', { prices: [{ ...price, credits: '-1' }] }, 'invalid_credits'],
    ['with credits too fine', { prices: [{ ...price, credits: '0.0000001' }] }, 'invalid_credits'],
    ['with credits in words', { prices: [{ ...price, credits: 'one' }] }, 'invalid_credits'],
    ['with an exponent in text', { prices: [{ ...price, credits: '1e3' }] }, 'invalid_credits'],
    ['with an unknown charge_on', { prices: [{ ...price, charge_on: 'sometimes' }] }, 'invalid_charge_on'],
    ['with a category that is no text', { prices: [{ ...price, category: 1 }] }, 'invalid_category'],
    ['with options that are no object', { prices: [{ ...price, options: [1] }] }, 'invalid_options'],
    ['with a negative option', { prices: [{ ...price, options: { email: '-1' } }] }, 'invalid_options'],
    ['with an impossible effective_at', { prices: [price], effective_at: '2025-13-01T00:00:00Z' }, 'invalid_effective_at'],
    ['naming an endpoint twice', { prices: [price, price] }, 'duplicate_endpoint'],
    ['with an empty list', { prices: [] }, 'invalid_prices'],
    ['with an unknown field', { prices: [{ ...price, colour: 'blue' }] }, 'unknown_field'],
    ['with an unknown field beside the list', { prices: [price], colour: 'blue' }, 'unknown_field'],
    ['with a field twice', '{"prices":[{"endpoint":"priced","credits":"1","credits":"2"}]}', 'duplicate_key'],
  ];
  for (const [what, body, code] of cases) {
    test(`${what}, with 422 ${code}`, async () => {
      assertProblem(await server.operator('POST', '/prices', body, { type: 'application/json' }), 422, code);
    });
  }
  test('whole: one bad price in a list and none of it is taken', async () => {
    const answer = await server.operator('POST', '/prices', { prices: [price, { endpoint: 'other', credits: '-1' }] });
    assertProblem(answer, 422);
    assertProblem(await server.operator('GET', '/prices/priced'), 404);
    assert.deepEqual((await server.must('GET', '/prices')).items, []);
  });
});

describe('accounts and keys are refused', () => {
  for (const id of ['', 'UPPER', '-dash', 'with space', 'x'.repeat(64), 'slash/es', 7]) {
    test(`account id ${JSON.stringify(id)} with 422`, async () => {
      assertProblem(await server.operator('POST', '/accounts', { id, name: 'N', email: 'n@example.com' }), 422);
    });
  }
  test('an id that is taken with 409', async () => {
    assertProblem(await server.operator('POST', '/accounts', { id: 'acme', name: 'N', email: 'n@example.com' }), 409);
  });
  test('a key of an unknown account with 404; unknown kind, ranges and limits with 422', async () => {
    assertProblem(await server.operator('POST', '/accounts/nobody/keys', { kind: 'pair' }), 404);
    for (const body of [{}, { kind: 'triple' }, { kind: 'pair', allowed_ips: ['10.0.0.1/8'] }, { kind: 'pair', allowed_ips: ['nowhere'] },
      { kind: 'pair', limits: { per_minute: -1 } }, { kind: 'pair', limits: { per_fortnight: 1 } }, { kind: 'pair', colour: 'blue' }]) {
      assertProblem(await server.operator('POST', '/accounts/acme/keys', body), 422);
    }
  });
});

describe('a report is refused', () => {
  const good = { type: 'usage', from: '2025-02-01T00:00:00Z', to: '2025-03-01T00:00:00Z', granularity: 'day' };
  const cases = [
    ['without type', { ...good, type: undefined }, 'missing_type'],
    ['of an unknown type', { ...good, type: 'weather' }, 'invalid_type'],
    ['without from', { ...good, from: undefined }, 'missing_from'],
    ['with a from that is no date', { ...good, from: 'February' }, 'invalid_from'],
    ['without to', { ...good, to: undefined }, 'missing_to'],
    ['with an unknown granularity', { ...good, granularity: 'week' }, 'invalid_granularity'],
    ['that ends before it begins', { ...good, from: good.to, to: good.from }, 'invalid_range'],
    ['that is empty', { ...good, to: good.from }, 'invalid_range'],
    ['off the edge of its granularity', { ...good, from: '2025-02-01T12:00:00Z' }, 'misaligned_range'],
    ['that lies in the future', { ...good, from: '2998-01-01T00:00:00Z', to: '2998-02-01T00:00:00Z' }, 'future_range'],
    ['over too many periods', { ...good, from: '2015-01-01T00:00:00Z', granularity: 'hour' }, 'range_too_long'],
    ['grouped by something unknown', { ...good, group_by: ['moon'] }, 'invalid_group_by'],
    ['grouped twice by the same', { ...good, group_by: ['endpoint', 'endpoint'] }, 'invalid_group_by'],
    ['in an unknown format', { ...good, format: 'pdf' }, 'invalid_format'],
    ['with a private callback_url', { ...good, callback_url: 'https://192.168.1.1/' }, 'invalid_callback_url'],
    ['with an unknown field', { ...good, colour: 'blue' }, 'unknown_field'],
  ];
  for (const [what, body, code] of cases) {
    test(`${what}, with 422 ${code}`, async () => {
      assertProblem(await server.customer(customer, 'POST', '/v1/reports', { body }), 422, code);
    });
  }
  test('an unreadable body with 400, a wrong media type with 415, no credential with 401', async () => {
    const post = (body, type) => server.customer(customer, 'POST', '/v1/reports', { body, headers: { 'content-type': type } });
    assertProblem(await post('{"type":', 'application/json'), 400);
    assertProblem(await post(JSON.stringify(good), 'text/csv'), 415);
    const anonymous = await server.send({ method: 'POST', path: '/v1/reports', body: good });
    assertProblem(anonymous, 401);
    assert.ok(anonymous.headers['www-authenticate']);
  });
  test('another account sees no report of ours', async () => {
    const made = await server.customer(customer, 'POST', '/v1/reports', { body: good });
    assert.equal(made.status, 202, made.text);
    const target = `/v1/reports/${made.json.request_id}`;
    const missing = assertProblem(await server.customer(stranger, 'GET', '/v1/reports/nonsense'), 404);
    const foreign = assertProblem(await server.customer(stranger, 'GET', target), 404);
    assert.deepEqual({ ...foreign, instance: 0 }, { ...missing, instance: 0 });
    assertProblem(await server.customer(stranger, 'DELETE', target), 404);
    assert.equal((await server.customer(customer, 'GET', target)).status, 200);
  });
});

describe('the server refuses', () => {
  test('an unknown path with 404, a wrong method with 405 and Allow', async () => {
    assertProblem(await server.send({ path: '/nowhere' }), 404);
    assertProblem(await server.operator('GET', '/nowhere'), 404);
    const wrong = await server.operator('PUT', '/events', {});
    assertProblem(wrong, 405);
    assert.match(wrong.headers.allow, /\bPOST\b/);
  });

  // What a lenient proxy would read as one request and a careless server as two.
  const smuggled = [
    ['two Content-Lengths', 'POST /operator/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['both length and chunks', 'POST /operator/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['an unknown coding', 'POST /operator/v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['chunks in HTTP/1.0', 'POST /operator/v1/events HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n'],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n'],
    ['a blank before the colon', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n'],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'],
  ];
  for (const [what, bytes] of smuggled) {
    test(`${what} with 400, and closes`, async () => {
      // The request behind it must never run.
      const text = await sendRaw(server.port, `${bytes}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.[01] (400|405|501) /, text);
      assert.equal(text.match(/HTTP\/1\.[01] \d\d\d /g).length, 1, text);
    });
  }
});
