// Lints http/openapi.yaml by Redocly's rules (redocly.yaml), through its library: the command line would bring a web server and
// telemetry along. Exit code 1 for any problem.
import { formatProblems, getTotals, lint, loadConfig } from '@redocly/openapi-core';

const config = await loadConfig({ configPath: new URL('redocly.yaml', import.meta.url).pathname });
const problems = await lint({ ref: process.argv[2], config });
formatProblems(problems, { format: 'codeframe', totals: getTotals(problems), version: '', maxProblems: 100 });
process.exitCode = problems.length > 0 ? 1 : 0;
