// Starting, stopping and sharing: a restart has everything, SIGTERM drains, TLS works, a data directory has one owner.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { dice, inParallel, Server, sleep, tallydRefuses } from './harness.mjs';

const month = ['2025-02-01T00:00:00Z', '2025-03-01T00:00:00Z'];

async function withServer(options, work) {
  const server = await Server.start(options);
  try {
    return await work(server);
  } catch (error) {
    error.message += `\n${server.log.slice(-2000)}`;
    throw error;
  } finally {
    await server.dispose();
  }
}

const folderBytes = (dir) =>
  fs.readdirSync(dir, { withFileTypes: true, recursive: false }).reduce((sum, entry) => {
    const file = path.join(dir, entry.name);
    return sum + (entry.isDirectory() ? folderBytes(file) : fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  }, 0);

// How quick a restart is, tools/bench measures; TALLY_E2E_STORE_MB=1000 is the size the design names.
test('a store with data is ready again after kill -9, with every event counted', async (t) => {
  const megabytes = Number(process.env.TALLY_E2E_STORE_MB ?? 60);
  await withServer({ onDisk: true }, async (server) => {
    const customers = await Promise.all(Array.from({ length: 100 }, (_, i) => server.newCustomer(`big-${i}`)));
    const random = dice(1);
    const sent = customers.map(() => 0);
    let batches = 0;
    while (folderBytes(server.dir) < megabytes * 1e6) {
      await inParallel(2, [0, 1, 2, 3], async () => {
        const batch = batches++;
        const answer = await server.events(Array.from({ length: 2_500 }, (_, i) => {
          const which = random.below(customers.length);
          ++sent[which];
          return { id: `${batch}-${i}`, account: customers[which].account, endpoint: `endpoint/${random.below(50)}`,
            time: `2025-02-${String(1 + random.below(28)).padStart(2, '0')}T0${random.below(10)}:00:00Z`,
            // Bytes that no compression takes away, so that the store really has its size.
            ...(i % 2 === 0 ? { details: { trace: randomBytes(2_000).toString('base64') } } : {}) };
        }));
        assert.equal(answer.json?.accepted, 2_500, answer.text);
      });
    }
    await server.kill();
    const took = await server.boot();
    const events = sent.reduce((a, b) => a + b, 0);
    t.diagnostic(`${Math.round(folderBytes(server.dir) / 1e6)} MB, ${events} events: ready in ${Math.round(took)} ms`);
    await inParallel(16, [...customers.entries()], async ([i, customer]) => {
      assert.equal((await server.totals(customer, ...month, 'month')).requests, sent[i], customer.account);
    });
  });
});

test('SIGTERM answers what waits, takes nothing new, and exits 0', async () => {
  await withServer({ onDisk: true }, async (server) => {
    const customer = await server.newCustomer('leaving');
    let acknowledged = 0;
    let stopping = false;
    const clients = Array.from({ length: 4 }, async (_, client) => {
      for (let i = 0; ; ++i) {
        const events = Array.from({ length: 10 }, (_, n) => ({ id: `${client}-${i}-${n}`, account: 'leaving', endpoint: 'search', time: '2025-02-03T04:05:06Z' }));
        try {
          const answer = await server.events(events);
          if (answer.status === 503) return;
          assert.equal(answer.status, 200, answer.text);
          acknowledged += answer.json.accepted;
        } catch (error) {
          assert.ok(stopping, `a connection broke before SIGTERM: ${error.message}`);
          return;
        }
      }
    });
    await sleep(200);
    stopping = true;
    const how = await server.stop();
    await Promise.all(clients);
    assert.deepEqual(how, { code: 0, signal: null }, server.log.slice(-2000));
    await assert.rejects(server.send({ path: '/healthz', agent: undefined }), /ECONNREFUSED/);

    await server.boot();
    const { requests } = await server.totals(customer, ...month, 'month');
    assert.ok(requests >= acknowledged, `${acknowledged} events were acknowledged, ${requests} are there`);
    assert.ok(requests <= acknowledged + 40, 'no more than one unanswered batch a client');
  });
});

test('SIGTERM ends a waiting poll with an answer', async () => {
  await withServer({}, async (server) => {
    const customer = await server.newCustomer('patient');
    const submitted = await server.customer(customer, 'POST', '/v1/reports', { body: { type: 'usage', from: month[0], to: month[1], granularity: 'month' } });
    assert.equal(submitted.status, 202, submitted.text);
    const { request_id: id } = submitted.json;
    const waiting = server.customer(customer, 'GET', `/v1/reports/${id}?wait=60`);
    // When these are answered, the one before them was read.
    for (let i = 0; i < 2; ++i) await server.send({ path: '/healthz', agent: undefined });
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.equal((await waiting).status, 200);
  });
});

test('the customer API speaks TLS when it is given a certificate', async () => {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-tls.'));
  const cert = path.join(scratch, 'cert.pem');
  const key = path.join(scratch, 'key.pem');
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    await withServer({ args: ['--tls-cert', cert, '--tls-key', key], scheme: 'https', ca: fs.readFileSync(cert) }, async (server) => {
      const customer = await server.newCustomer('secure');
      const submitted = await server.customer(customer, 'GET', '/usage');
      assert.equal(submitted.status, 202, submitted.text);
      assert.equal((await server.poll(customer, submitted.json.request_id)).json.status, 'completed');
      await assert.rejects(server.send({ path: '/healthz', ca: undefined, agent: undefined }), /self.signed/i);
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    });
    const half = tallydRefuses(['--data', path.join(scratch, 'data'), '--listen', '127.0.0.1:0', '--tls-cert', cert]);
    assert.ok(half.status > 0, `a certificate without a key is refused: ${JSON.stringify(half)}`);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
});

test('a second process on the same data directory is refused, and the first goes on', async () => {
  await withServer({}, async (server) => {
    const second = tallydRefuses(['--data', server.dir, '--listen', '127.0.0.1:0']);
    assert.ok(second.status > 0, JSON.stringify(second));
    assert.match(second.text, /lock|in use|another/i);
    assert.equal((await server.send({ path: '/readyz' })).status, 200);
    await server.newCustomer('still-here');
  });
});

test('a port that is taken is refused with its name', async () => {
  await withServer({}, async (server) => {
    const other = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-port.'));
    try {
      const second = tallydRefuses(['--data', other, '--listen', `127.0.0.1:${server.port}`]);
      assert.ok(second.status > 0, JSON.stringify(second));
      assert.match(second.text, new RegExp(String(server.port)));
    } finally {
      fs.rmSync(other, { recursive: true, force: true });
    }
  });
});

test('the operator token is made at the first start, kept, and readable by its owner alone', async () => {
  await withServer({}, async (server) => {
    const file = path.join(server.dir, 'operator.token');
    const first = fs.readFileSync(file, 'utf8');
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.ok(first.trim().length >= 32);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    await server.boot();
    assert.equal(fs.readFileSync(file, 'utf8'), first);
    assert.ok(!server.log.includes(first.trim()), 'the log never shows it');
  });
});

test('data of a newer format is refused, not guessed at', async () => {
  await withServer({}, async (server) => {
    await server.stop();
    const file = path.join(server.dir, 'FORMAT');
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/\d+/, '999999'));
    const refused = tallydRefuses(['--data', server.dir, '--listen', '127.0.0.1:0']);
    assert.ok(refused.status > 0, JSON.stringify(refused));
    assert.match(refused.text, /format/i);
  });
});
