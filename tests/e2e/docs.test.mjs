// The API document and its page: what is served is what these tests hold every answer against, and the page loads nothing else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { contract, Server } from './harness.mjs';

let server;
before(async () => {
  server = await Server.start();
});
after(() => server?.dispose());

test('GET /openapi.json answers the document, to anybody, and 304 to who has it', async () => {
  const answer = await server.send({ path: '/openapi.json' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'no-cache');
  assert.deepEqual(answer.json, contract.document);
  const again = await server.send({ path: '/openapi.json', headers: { 'if-none-match': answer.headers.etag } });
  assert.equal(again.status, 304);
  assert.equal(again.body.length, 0);
  assert.equal((await server.send({ path: '/openapi.json', headers: { 'if-none-match': '"another"' } })).status, 200);
});

test('GET /docs answers a page whose parts are all served here', async () => {
  const page = await server.send({ path: '/docs' });
  assert.equal(page.status, 200);
  assert.match(page.headers['content-type'], /^text\/html/);
  assert.match(page.headers['content-security-policy'], /default-src 'none'/);
  const links = [...page.text.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, link]) => link).filter((link) => link !== 'data:,');
  assert.ok(links.length >= 3, links.join());
  for (const link of links) {
    const target = new URL(link, `${server.base}/docs`);
    assert.equal(target.origin, server.base, 'nothing comes from elsewhere');
    const part = await server.send({ path: target.pathname });
    assert.equal(part.status, 200, link);
    assert.ok(part.body.length > 100, link);
    assert.equal(part.headers['x-content-type-options'], 'nosniff');
  }
});

test('what is no part of the page is missing', async () => {
  for (const path of ['/docs/nothing.js', '/docs/openapi.json', '/docs/docs.html', '/docs/', '/docs/docs%2Ejs2']) {
    assert.equal((await server.send({ path })).status, 404, path);
  }
});

test('an answer that the document does not know is found', () => {
  const found = contract.violations.length;
  const answer = (change) => ({ status: 200, headers: { 'content-type': 'application/json', 'x-request-id': 'a' }, body: Buffer.from('{"status":"ok"}'), ...change });
  contract.check('GET', '/healthz', answer({}));
  for (const change of [{ status: 202 }, { body: Buffer.from('{"status":"fine"}') }, { body: Buffer.from('{"status":"ok","more":1}') },
    { headers: { 'content-type': 'text/plain', 'x-request-id': 'a' } }, { headers: { 'content-type': 'application/json' } },
    { headers: { 'content-type': 'application/json', 'x-request-id': 'a', 'x-powered-by': 'chance' } }]) {
    assert.throws(() => contract.check('GET', '/healthz', answer(change)), /says the API document/);
  }
  assert.equal(contract.violations.splice(found).length, 6);
});
