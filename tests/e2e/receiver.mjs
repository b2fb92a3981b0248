// A webhook receiver that keeps what it gets and verifies each signature with an implementation that is not ours.
import http from 'node:http';
import { Webhook } from 'standardwebhooks';
import { contract, eventually } from './harness.mjs';

export class Receiver {
  // `answer(delivery)` gives the status code of the response, or { status, headers, body }; 204 without it.
  static async start(answer = () => 204) {
    const receiver = new Receiver();
    receiver.answer = answer;
    receiver.deliveries = [];
    receiver.server = http.createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', async () => {
        const delivery = { path: request.url, method: request.method, headers: request.headers, body: Buffer.concat(chunks), at: Date.now() };
        receiver.deliveries.push(delivery);
        const verdict = await receiver.answer(delivery);
        const { status, headers = {}, body } = typeof verdict === 'number' ? { status: verdict } : verdict;
        response.writeHead(status, headers).end(body);
      });
      request.on('error', () => {});
    });
    await new Promise((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
    receiver.port = receiver.server.address().port;
    return receiver;
  }

  url(path = '/hook') {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  of(path) {
    return this.deliveries.filter((delivery) => delivery.path === path);
  }

  // That anything was delivered.
  called() {
    return eventually('a delivery', () => (this.deliveries.length > 0 ? true : undefined));
  }

  // The first `count` deliveries to `path`, when they are there.
  arrived(path, count = 1, options) {
    return eventually(`${count} deliveries to ${path}`, () => {
      const found = this.of(path);
      return found.length >= count ? found : undefined;
    }, options);
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

// The parsed body; throws when the signature, the id or the timestamp is not as Standard Webhooks say, and when the API document has
// no such body.
export function verify(secret, delivery) {
  const body = new Webhook(secret).verify(delivery.body, delivery.headers);
  contract.checkCallback(['Job', 'NyneUsage', 'NyneEnvelope', 'NyneFailed', 'WebhookBody', 'PaymentRequest'], body);
  return body;
}
