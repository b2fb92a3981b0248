// Waiting for reports over real sockets: Server-Sent Events and long polls.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { eventually, Server } from './harness.mjs';

const order = { type: 'usage', from: '2025-02-01', to: '2025-03-01', granularity: 'day', group_by: ['endpoint'] };
const accept = { accept: 'text/event-stream' };
let server;
let key;

before(async () => {
  server = await Server.start({ args: ['--workers', '1'] });
  key = await server.newCustomer('acme');
});
after(() => server?.dispose());

async function submit(at = server, who = key) {
  const answer = await at.customer(who, 'POST', '/v1/reports', { body: order });
  assert.equal(answer.status, 202, answer.text);
  return answer.json.request_id;
}

const watch = (at, who, id, headers = {}, onEvent = () => {}) =>
  watchPath(at, `/v1/reports/${id}`, { 'x-api-key': who.key, 'x-api-secret': who.secret, ...headers }, onEvent);

// Reads a stream to its end: { status, headers, events, text }. An event is { event, id, data }; comments are left out.
function watchPath(at, path, headers, onEvent = () => {}) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: at.port, path, headers: { ...accept, ...headers }, agent: false }, (response) => {
      const seen = { status: response.statusCode, headers: response.headers, events: [], text: '' };
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        seen.text += text;
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
          if (!fields.event) continue;
          const event = { event: fields.event, id: fields.id, data: JSON.parse(fields.data) };
          seen.events.push(event);
          onEvent(event, request);
        }
      });
      response.on('end', () => resolve(seen));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

const states = ['queued', 'processing', 'completed'];

test('a stream tells each state in order and ends after the last, whose id keeps an EventSource away', async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, () => submit()));
  const streams = await Promise.all(ids.map((id) => watch(server, key, id)));
  let transitions = 0;
  for (const [i, seen] of streams.entries()) {
    assert.equal(seen.status, 200);
    assert.match(seen.headers['content-type'], /^text\/event-stream/);
    assert.equal(seen.headers['transfer-encoding'], 'chunked');
    assert.equal(seen.headers['cache-control'], 'no-store');
    assert.ok(seen.text.startsWith('retry: 2000\n\n'));
    const told = seen.events.map((event) => states.indexOf(event.data.status));
    assert.deepEqual(told, [...told].sort());
    assert.equal(seen.events.at(-1).data.status, 'completed');
    assert.equal(seen.events.at(-1).data.result_url, `/v1/reports/${ids[i]}/result`);
    for (const event of seen.events) assert.equal(event.data.request_id, ids[i]);
    transitions += told.length - 1;
  }
  assert.ok(streams.length > 0 && transitions >= 0);
  const last = streams[0].events.at(-1).id;
  const again = await watch(server, key, ids[0], { 'last-event-id': last });
  assert.equal(again.status, 204);
  assert.equal((await watch(server, key, ids[0], { 'last-event-id': 'processing.1.0' })).events.length, 1);
  const documented = await server.customer(key, 'GET', `/v1/reports/${ids[0]}`, { headers: accept });
  assert.equal(documented.status, 200);
});

test("someone else's report is a missing one, by events as by polls", async () => {
  const id = await submit();
  const stranger = await server.newCustomer('stranger');
  const missing = id.replace(/^[0-9a-f]{32}/, (digits) => digits.replace(/./g, (d) => ((parseInt(d, 16) + 7) % 16).toString(16)));
  const [theirs, none] = await Promise.all([id, missing].map((one) => server.customer(stranger, 'GET', `/v1/reports/${one}`, { headers: accept })));
  assert.equal(theirs.status, 404);
  assert.equal(theirs.text, none.text);
  const refused = await server.send({ path: `/v1/reports/${id}`, headers: accept });
  assert.equal(refused.status, 401);
});

test('the operator watches a report over all accounts, and nobody else does', async () => {
  const operator = { authorization: `Bearer ${server.token}` };
  const answer = await server.operator('POST', '/reports', { type: 'statement', from: order.from, to: order.to, accounts: '*' });
  assert.equal(answer.status, 202, answer.text);
  const path = `/operator/v1/reports/${answer.json.request_id}`;
  const seen = await watchPath(server, path, operator);
  assert.equal(seen.status, 200);
  const last = seen.events.at(-1);
  assert.equal(last.data.status, 'completed');
  assert.equal(last.data.result_url, `${path}/result`);
  assert.equal((await watchPath(server, path, { ...operator, 'last-event-id': last.id })).status, 204);
  assert.equal((await server.operator('GET', `/reports/${answer.json.request_id}`, undefined, { headers: accept })).status, 200);
  const own = await server.customer(key, 'GET', `/v1/reports/${answer.json.request_id}`, { headers: accept });
  assert.equal(own.status, 404);
  const stranger = await server.send({ path, headers: { ...accept, 'x-api-key': key.key, 'x-api-secret': key.secret } });
  assert.equal(stranger.status, 401);
});

test('a client that leaves in the middle and one that never reads harm nobody', async () => {
  const ids = await Promise.all(Array.from({ length: 30 }, () => submit()));
  const silent = ids.map((id) => {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write(`GET /v1/reports/${id} HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key.key}\r\nX-API-Secret: ${key.secret}\r\nAccept: text/event-stream\r\n\r\n`);
    return socket;
  });
  const left = ids.map((id) => watch(server, key, id, {}, (_, request) => request.destroy()).catch(() => {}));
  const polls = ids.map((id) => server.customer(key, 'GET', `/v1/reports/${id}?wait=30`));
  for (const answer of await Promise.all(polls)) assert.equal(answer.json.status, 'completed');
  await Promise.all(left);
  silent.forEach((socket) => socket.destroy());
  assert.equal((await server.send({ path: '/healthz' })).status, 200);
});

test('a server that stops tells every stream so, and ends it', async () => {
  const other = await Server.start({ args: ['--workers', '1'] });
  try {
    const own = await other.newCustomer('acme');
    const ids = [];
    for (let round = 0; round < 10; round += 1) ids.push(...(await Promise.all(Array.from({ length: 50 }, () => submit(other, own)))));
    const begun = new Set();
    const streams = ids.slice(-40).map((id) => watch(other, own, id, {}, () => begun.add(id)));
    await eventually('all streams to begin', () => (begun.size === 40 ? true : undefined));
    const stopped = other.stop();
    for (const seen of await Promise.all(streams)) {
      const last = seen.events.at(-1);
      assert.ok(last.event === 'shutdown' || last.data.status === 'completed', JSON.stringify(last));
    }
    assert.equal((await stopped).code, 0);
  } finally {
    await other.dispose();
  }
});
