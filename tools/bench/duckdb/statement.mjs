// DuckDB beside `tally_bench statement`, with its default settings.
//   node statement.mjs load DATABASE EVENTS.csv           makes the database
//   node statement.mjs close DATABASE RESULT.csv FROM TO  prints how many seconds the statements of [FROM, TO) took
import { DuckDBInstance } from '@duckdb/node-api';

const [task, database, file, from, to] = process.argv.slice(2);
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const connection = await (await DuckDBInstance.create(database)).connect();

async function load() {
  await connection.run(`CREATE TABLE usage_event (
    account VARCHAR, endpoint VARCHAR, category VARCHAR, happened_at TIMESTAMP, results BIGINT, credits DECIMAL(18, 6))`);
  await connection.run(`COPY usage_event FROM ${quoted(file)} (FORMAT csv, HEADER false)`);
  await connection.run('CHECKPOINT');
}

// The first time reads the file and is not counted.
async function close() {
  const statements = `COPY (
    SELECT account, endpoint, category, count(*), sum(results), sum(credits) FROM usage_event
    WHERE happened_at >= TIMESTAMP ${quoted(from)} AND happened_at < TIMESTAMP ${quoted(to)}
    GROUP BY account, endpoint, category ORDER BY account, endpoint, category
  ) TO ${quoted(file)} (FORMAT csv, HEADER false)`;
  await connection.run(statements);
  const begun = performance.now();
  await connection.run(statements);
  console.log((performance.now() - begun) / 1000);
}

await { load, close }[task]();
connection.closeSync();
