// Makes the page of the API document: groups, operations, and what each takes and answers. An operation is drawn when it is opened.

const methods = ['get', 'post', 'put', 'patch', 'delete'];
const byId = (id) => document.getElementById(id);

// An element. Attributes that are functions listen, `class` and the rest are set; children are nodes or text.
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== ''));
  return made;
}

// ---- Words: the part of Markdown that the document uses ----

function inline(text) {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/);
  return parts.map((part) => {
    if (part.startsWith('`')) return el('code', {}, part.slice(1, -1));
    if (part.startsWith('**')) return el('strong', {}, part.slice(2, -2));
    const link = part.match(/^\[([^\]]+)\]\(([^)]+)\)$/);
    return link ? el('a', { href: link[2], rel: 'noreferrer' }, link[1]) : part;
  });
}

function words(text = '') {
  return text.trim().split(/\n\s*\n/).filter(Boolean).map((block) => {
    if (block.startsWith('## ')) return el('h3', {}, inline(block.slice(3)));
    if (block.startsWith('- ')) return el('ul', {}, block.split(/\n(?=- )/).map((item) => el('li', {}, inline(item.slice(2)))));
    return el('p', {}, inline(block.replaceAll('\n', ' ')));
  });
}

// ---- The document ----

let api;

function resolve(object) {
  if (!object?.$ref) return object;
  const { $ref, ...beside } = object;
  const keys = $ref.slice(2).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return { ...resolve(keys.reduce((value, key) => value[key], api)), ...beside };
}
const nameOf = (object) => object?.$ref?.split('/').pop();

function operationsOf(tag) {
  const found = [];
  const collect = (items, outgoing) => {
    for (const [path, item] of Object.entries(items ?? {})) {
      for (const method of methods) {
        if (item[method]?.tags[0] === tag) found.push({ method, path, outgoing, operation: item[method], shared: item.parameters ?? [] });
      }
    }
  };
  collect(api.paths, false);
  collect(api.webhooks, true);
  return found;
}

// The values that a schema fixes for the member `code` or `error`: what an error may say.
function codesOf(schema) {
  const resolved = resolve(schema) ?? {};
  const member = resolved.properties?.code ?? resolved.properties?.error;
  const own = [member, ...(member?.anyOf ?? [])].map(resolve).flatMap((each) => each?.enum ?? (each?.const ? [each.const] : []));
  return [...own, ...(resolved.allOf ?? []).flatMap(codesOf)].filter((code) => typeof code === 'string');
}

// ---- Schemas ----

function kindOf(schema) {
  const named = nameOf(schema);
  const resolved = resolve(schema) ?? {};
  const choices = resolved.oneOf ?? resolved.anyOf;
  if (resolved.const !== undefined) return JSON.stringify(resolved.const);
  if (resolved.enum) return resolved.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (resolved.type === 'array') return `array of ${kindOf(resolved.items ?? {})}`;
  if (choices && !resolved.properties) return choices.map(kindOf).join(' or ');
  const type = [resolved.type].flat().join(' or ');
  const format = resolved.format ? ` (${resolved.format})` : '';
  if (named && resolved.type === 'object') return named;
  if (!type && resolved.allOf) return kindOf(resolved.allOf[0]);
  return (type || 'any') + format;
}

function boundsOf(schema) {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, default: fallback } = resolve(schema) ?? {};
  const range = (low, high, unit) =>
    low !== undefined && high !== undefined ? `${low} to ${high}${unit}` : low !== undefined ? `at least ${low}${unit}` : high !== undefined ? `at most ${high}${unit}` : '';
  return [range(minimum, maximum, ''), range(minLength, maxLength, ' characters'), range(minItems, maxItems, ' items'),
    fallback !== undefined ? `default ${JSON.stringify(fallback)}` : ''].filter(Boolean).join(', ');
}

// The object inside a schema whose members are worth showing: itself, what an array holds, or the one choice beside null.
function insideOf(schema) {
  const resolved = resolve(schema) ?? {};
  if (resolved.properties || typeof resolved.additionalProperties === 'object') return resolved;
  if (resolved.items) return insideOf(resolved.items);
  const choices = (resolved.oneOf ?? resolved.anyOf ?? []).map(insideOf).filter(Boolean);
  return choices.length > 0 ? choices : undefined;
}

function members(schema, depth) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => member(name, property, schema.required?.includes(name), depth));
  const others = schema.additionalProperties;
  if (typeof others === 'object') rows.push(member('any other name', others, false, depth));
  return el('ul', { class: 'schema' }, rows);
}

function member(name, property, required, depth) {
  const resolved = resolve(property) ?? {};
  const bounds = boundsOf(property);
  const about = el('span', { class: 'about' }, words(resolved.description), bounds ? ` ${bounds}.` : '');
  const head = [el('span', { class: 'name' }, name), el('span', { class: 'kind' }, kindOf(property)), ' ',
    required ? el('span', { class: 'needed' }, 'required ') : '', ' ', about];
  const inside = insideOf(property);
  if (!inside || depth > 8) return el('li', {}, head);
  const details = el('details', { toggle: () => details.children.length === 1 && details.append(schemaView(property, depth + 1)) }, el('summary', {}, head));
  return el('li', {}, details);
}

function schemaView(schema, depth = 0) {
  const inside = insideOf(schema);
  const resolved = resolve(schema) ?? {};
  if (resolved.allOf && !resolved.properties) return el('div', {}, resolved.allOf.filter((part) => part.$ref).map((part) => schemaView(part, depth)));
  if (!inside) return el('p', { class: 'kind' }, kindOf(schema));
  if (!Array.isArray(inside)) return members(inside, depth);
  return el('div', {}, inside.map((choice, i) => [i > 0 ? el('p', { class: 'faint' }, 'or') : '', Array.isArray(choice) ? '' : members(choice, depth)]));
}

// ---- Examples ----

function examplesOf(media) {
  if (media.example !== undefined) return [['', media.example]];
  return Object.entries(media.examples ?? {}).map(([name, example]) => [example.summary ?? name, example.value]);
}
const asText = (value) => (typeof value === 'string' ? value.trimEnd() : JSON.stringify(value, null, 2));

function sample(text, label) {
  const button = el('button', {
    type: 'button', 'aria-label': `Copy ${label}`,
    click: async () => {
      await navigator.clipboard.writeText(text).catch(() => {});
      button.textContent = 'copied';
      setTimeout(() => (button.textContent = 'copy'), 1200);
    },
  }, 'copy');
  return el('div', { class: 'sample' }, button, el('pre', { tabindex: 0, 'aria-label': label }, el('code', {}, text)));
}

const quoted = (text) => `'${String(text).replaceAll("'", `'\\''`)}'`;
const placeholders = {
  apiKey: '$TALLY_KEY', apiSecret: '$TALLY_SECRET', bearerKey: '$TALLY_KEY', operatorToken: '$(cat data/operator.token)',
};

function securityFlags(operation) {
  const flags = [];
  for (const name of Object.keys((operation.security ?? [])[0] ?? {})) {
    const scheme = api.components.securitySchemes[name];
    const value = placeholders[name] ?? '$TOKEN';
    if (scheme.type === 'http') flags.push(`-H "Authorization: Bearer ${value}"`);
    else if (scheme.in === 'header') flags.push(`-H "${scheme.name}: ${value}"`);
  }
  return flags;
}

function curl({ method, path, operation }, parameters) {
  const filled = path.replace(/\{([^}]+)\}/g, (all, name) => {
    const found = parameters.find((each) => each.in === 'path' && each.name === name);
    return found?.example ?? resolve(found?.schema)?.example ?? all;
  });
  const query = parameters.filter((each) => each.in === 'query' && (each.required || each.example !== undefined))
    .map((each) => `${each.name}=${encodeURIComponent(each.example ?? '')}`).join('&');
  const flags = method === 'get' ? [] : [`-X ${method.toUpperCase()}`];
  flags.push(...securityFlags(operation));
  const [type, media] = Object.entries(resolve(operation.requestBody)?.content ?? {})[0] ?? [];
  if (media) {
    const [[, value] = []] = examplesOf(media);
    flags.push(`-H 'Content-Type: ${type}'`);
    if (value !== undefined) flags.push(`-d ${quoted(type.includes('form') ? new URLSearchParams(value) : typeof value === 'string' ? value : JSON.stringify(value))}`);
  }
  return [`curl -s ${quoted(location.origin + filled + (query ? `?${query}` : ''))}`, ...flags].join(' \\\n  ');
}

// ---- One operation ----

function securityView(operation) {
  const ways = (operation.security ?? []).map((way) => Object.keys(way).map((name) => {
    const scheme = api.components.securitySchemes[name];
    return scheme.type === 'http' ? `Authorization: Bearer (${scheme.bearerFormat ?? 'token'})` : scheme.name;
  }).join(' + '));
  return ways.length === 0 ? 'Nobody has to be known.' : ways.map((way, i) => [i > 0 ? ', or ' : '', el('code', {}, way)]);
}

function parametersView(parameters) {
  if (parameters.length === 0) return '';
  return [el('h4', {}, 'Parameters'), el('table', {},
    el('thead', {}, el('tr', {}, ['Name', 'In', 'Meaning'].map((head) => el('th', { scope: 'col' }, head)))),
    el('tbody', {}, parameters.map((each) => el('tr', {},
      el('td', {}, el('code', {}, each.name), each.required ? el('div', { class: 'needed' }, 'required') : ''),
      el('td', {}, each.in),
      el('td', {}, words(each.description), el('div', { class: 'kind' }, [kindOf(each.schema), boundsOf(each.schema)].filter(Boolean).join(', ')))))))];
}

function contentView(content, label) {
  return Object.entries(content ?? {}).map(([type, media]) => el('div', { class: 'halves' },
    el('div', {}, el('p', { class: 'kind' }, type), schemaView(media.schema ?? {})),
    el('div', {}, examplesOf(media).map(([name, value]) => [name ? el('p', { class: 'faint' }, name) : '', sample(asText(value), `${label}${name ? `, ${name}` : ''}`)]))));
}

function responseView([status, reference]) {
  const response = resolve(reference);
  const codes = Object.values(response.content ?? {}).flatMap((media) => codesOf(media.schema));
  const headers = Object.entries(response.headers ?? {}).filter(([name]) => name !== 'X-Request-Id');
  const body = () => el('div', {},
    codes.length > 0 ? el('ul', { class: 'codes', 'aria-label': 'Codes' }, codes.map((code) => el('li', {}, el('code', {}, code)))) : '',
    contentView(response.content, `Example of ${status}`),
    headers.length > 0 ? el('p', { class: 'faint' }, 'Headers: ', headers.map(([name, header], i) => [i > 0 ? ', ' : '', el('code', { title: resolve(header).description }, name)])) : '');
  const details = el('details', { class: 'response', toggle: () => details.children.length === 1 && details.append(body()) },
    el('summary', {}, el('span', { class: `status s${status[0]}` }, status), el('span', {}, words(response.description))));
  if (status.startsWith('2')) details.open = true;
  return details;
}

function operationBody(entry) {
  const { operation, outgoing, shared } = entry;
  const parameters = [...shared, ...(operation.parameters ?? [])].map(resolve);
  const body = resolve(operation.requestBody);
  const callbacks = Object.values(operation.callbacks ?? {}).flatMap((callback) => Object.entries(callback));
  return el('div', { class: 'inside' },
    el('div', { class: 'words' }, words(operation.description)),
    outgoing ? '' : el('p', { class: 'faint' }, 'Credentials: ', securityView(operation)),
    outgoing ? '' : [el('h4', {}, 'Try it'), sample(curl(entry, parameters), 'the call')],
    parametersView(parameters),
    body ? [el('h4', {}, 'Body'), el('div', { class: 'words' }, words(body.description)), contentView(body.content, 'Example of the body')] : '',
    el('h4', {}, outgoing ? 'What your answer does' : 'Answers'), Object.entries(operation.responses).map(responseView),
    callbacks.map(([url, item]) => [el('h4', {}, 'Calls back'), el('p', { class: 'kind' }, url), el('div', { class: 'words' }, words(item.post.description)),
      contentView(item.post.requestBody.content, 'Example of the callback')]));
}

// ---- The page ----

const shown = [];  // { link, details, text }: what the filter looks through

function operationView(entry) {
  const { method, path, operation, outgoing } = entry;
  const id = operation.operationId;
  const verb = outgoing ? 'to you' : method;
  const details = el('details', { class: 'operation', id, toggle: () => details.children.length === 1 && details.append(operationBody(entry)) },
    el('summary', {}, el('span', { class: `method ${outgoing ? '' : method}` }, verb), el('span', { class: 'path' }, path), el('span', { class: 'say' }, operation.summary)));
  const link = el('a', { href: `#${id}` }, el('span', { class: `method ${outgoing ? '' : method}` }, outgoing ? 'hook' : method), operation.summary);
  const codes = Object.values(operation.responses).map(resolve).flatMap((each) => Object.values(each.content ?? {}).flatMap((media) => codesOf(media.schema)));
  shown.push({ item: el('li', {}, link), details, text: [method, path, operation.summary, operation.description, id, ...codes].join(' ').toLowerCase() });
  return shown.at(-1);
}

function groupView(group) {
  const parts = [];
  const nav = el('details', { open: true }, el('summary', {}, group.name));
  for (const name of group.tags) {
    const entries = operationsOf(name).map(operationView);
    const heading = group.tags.length > 1 ? el('h3', {}, name) : '';
    const tag = api.tags.find((each) => each.name === name);
    parts.push(el('div', { class: 'tag' }, heading, el('div', { class: 'words faint' }, words(tag?.description)), entries.map((each) => each.details)));
    nav.append(el('div', { class: 'tag' }, group.tags.length > 1 ? el('h3', {}, name) : '', el('ul', {}, entries.map((each) => each.item))));
  }
  byId('contents').append(nav);
  return el('section', {}, el('h2', {}, group.name), parts);
}

function applyFilter() {
  const wanted = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { item, details, text } of shown) {
    item.hidden = details.hidden = !wanted.every((word) => text.includes(word));
  }
  for (const part of document.querySelectorAll('.tag, main > section, nav > details')) {
    part.hidden = wanted.length > 0 && !part.querySelector('.operation:not([hidden]), li:not([hidden])');
  }
  byId('nothing').hidden = shown.some(({ details }) => !details.hidden);
  byId('introduction').hidden = wanted.length > 0;
}

function openTarget() {
  const target = byId(decodeURIComponent(location.hash.slice(1)));
  for (const { item } of shown) item.firstChild.removeAttribute('aria-current');
  if (target?.tagName !== 'DETAILS') return;
  target.open = true;
  const row = shown.find(({ details }) => details === target);
  row?.item.firstChild.setAttribute('aria-current', 'true');
  target.scrollIntoView();
  target.querySelector('summary').focus({ preventScroll: true });
}

function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').title = theme === 'dark' ? 'Light' : 'Dark';
}

function wireControls() {
  byId('filter').addEventListener('input', applyFilter);
  byId('theme').addEventListener('click', () => {
    const theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', theme);
    chooseTheme(theme);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      byId('filter').focus();
    } else if (event.key === 'Escape' && document.activeElement === byId('filter')) {
      byId('filter').value = '';
      applyFilter();
    }
  });
  addEventListener('hashchange', openTarget);
}

async function start() {
  chooseTheme(localStorage.getItem('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
  const answer = await fetch('openapi.json');
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  api = await answer.json();
  byId('version').textContent = api.info.version;
  const content = byId('content');
  byId('waiting').remove();
  content.append(
    el('section', { id: 'introduction' }, el('h1', { id: 'top' }, api.info.title), el('p', { class: 'faint' }, api.info.summary),
      el('div', { class: 'words' }, words(api.info.description))),
    ...api['x-tagGroups'].map(groupView),
    el('p', { id: 'nothing', role: 'status', hidden: true }, 'Nothing fits. Escape clears the filter.'));
  if (matchMedia('(max-width: 60rem)').matches) for (const group of byId('contents').children) group.open = false;
  wireControls();
  openTarget();
}

start().catch((error) => {
  byId('content').textContent = `The document cannot be shown: ${error.message}`;
});
