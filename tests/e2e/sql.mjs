// The figures of reports, counted from the same usage by SQLite: prices, charges and sums are SQL here, none of it is our code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const quoted = (value) => (value === null || value === undefined ? 'NULL' : typeof value === 'number' ? String(value) : `'${String(value).replaceAll("'", "''")}'`);

const schema = `
CREATE TABLE event (account TEXT, id TEXT, endpoint TEXT, time TEXT, ok INTEGER, results INTEGER, reversed INTEGER DEFAULT 0);
CREATE TABLE price (endpoint TEXT, micros INTEGER, category TEXT, charge_on TEXT, effective_at TEXT);
CREATE TABLE draft (endpoint TEXT, micros INTEGER, charge_on TEXT);
CREATE TABLE posting (account TEXT, kind TEXT, micros INTEGER);
CREATE TABLE account (id TEXT);
CREATE VIEW charge AS
  SELECT event.*, coalesce(price.category, '') AS category,
    coalesce(price.micros * CASE price.charge_on WHEN 'result' THEN results WHEN 'success' THEN ok ELSE 1 END, 0) AS micros
  FROM event LEFT JOIN price ON price.rowid =
    (SELECT rowid FROM price p WHERE p.endpoint = event.endpoint AND p.effective_at <= event.time ORDER BY p.effective_at DESC LIMIT 1);
CREATE VIEW counted AS SELECT * FROM charge WHERE reversed = 0;
`;

export class Sql {
  constructor() {
    this.script = schema;
  }
  insert(table, rows) {
    for (const row of rows) {
      const names = Object.keys(row);
      this.script += `INSERT INTO ${table} (${names}) VALUES (${names.map((name) => quoted(row[name]))});\n`;
    }
  }
  // The rows of a query, as objects.
  rows(query) {
    const run = spawnSync('sqlite3', ['-json', ':memory:'], { input: `BEGIN;\n${this.script}COMMIT;\n${query};\n`, encoding: 'utf8', maxBuffer: 1 << 28 });
    assert.equal(run.status, 0, run.stderr || String(run.error));
    return run.stdout.trim() ? JSON.parse(run.stdout) : [];
  }
}

// An integer of micro-credits as our API writes it.
export function decimal(micros) {
  const sign = micros < 0 ? '-' : '';
  const digits = String(Math.abs(micros)).padStart(7, '0');
  return (sign + digits.slice(0, -6) + '.' + digits.slice(-6)).replace(/\.?0+$/, '');
}
