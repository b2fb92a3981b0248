// An independent count: what an access log's lines say, without a line of Tally's code.
const months = { Jan: '01', Feb: '02', Mar: '03', Apr: '04', May: '05', Jun: '06', Jul: '07', Aug: '08', Sep: '09', Oct: '10', Nov: '11', Dec: '12' };
const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
const shape = new RegExp(`^(\\S+) \\S+ .+? \\[(\\d\\d)/(\\w{3})/(\\d{4}):(\\d\\d:\\d\\d:\\d\\d) ([+-]\\d\\d)(\\d\\d)\\] ${quoted} (\\d{3}) (\\d+|-)(?: ${quoted} ${quoted})?$`);

// { address, time (Date), endpoint (the first path segment), ok }, or null for a line that is no request.
export function parse(line) {
  const found = shape.exec(line);
  if (!found) return null;
  const [, address, day, monthName, year, clock, zoneHours, zoneMinutes, request, status] = found;
  const time = new Date(`${year}-${months[monthName]}-${day}T${clock}${zoneHours}:${zoneMinutes}`);
  // An engine that rolls 31 February over to March gives another day back than it got.
  if (Number.isNaN(time.getTime()) || new Date(`${year}-${months[monthName]}-${day}T00:00:00Z`).getUTCDate() !== Number(day)) return null;
  const target = /^[A-Z]+ (\S.*?)(?: HTTP\/[\d.]+)?$/.exec(request)?.[1];
  if (!target) return null;
  const path = new URL(target.startsWith('/') ? `http://x${target.replace(/^\/+/, '/')}` : target, 'http://x').pathname;
  const endpoint = path.split('/').filter(Boolean)[0] ?? '/';
  return { address, time, endpoint, ok: Number(status) < 400 };
}

// Requests by account (the id that an import gives an address), month "2025-02" and endpoint.
export function count(text) {
  const counted = new Map();
  let bad = 0;
  const lines = text.split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const call = parse(line);
    if (!call) {
      ++bad;
      continue;
    }
    const account = accountOf(call.address);
    const month = call.time.toISOString().slice(0, 7);
    const key = JSON.stringify([account, month, call.endpoint]);
    const sum = counted.get(key) ?? { account, month, endpoint: call.endpoint, requests: 0, ok: 0, failed: 0 };
    sum.requests += 1;
    sum[call.ok ? 'ok' : 'failed'] += 1;
    counted.set(key, sum);
  }
  return { rows: [...counted.values()], good: lines.length - bad, bad };
}

export const accountOf = (address) => `${address.includes(':') ? 'ip6' : 'ip'}-${address.replace(/[.:]/g, '-')}`;
