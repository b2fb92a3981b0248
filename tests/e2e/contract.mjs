// Holds what a server answers against the API document that it serves: an answer with an undocumented status, body or header fails
// the test that saw it. Validators are compiled once, when they are first needed.
import fs from 'node:fs';
import addFormats from 'ajv-formats';
import Ajv2020 from 'ajv/dist/2020.js';

// What the server writes by itself on every answer.
const houseHeaders = new Set(['server', 'date', 'content-type', 'content-length', 'connection', 'keep-alive', 'transfer-encoding', 'x-request-id']);
const methods = ['get', 'put', 'post', 'delete', 'patch'];
const pointer = (...keys) => '#/' + keys.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');

export class Contract {
  constructor(file) {
    this.document = JSON.parse(fs.readFileSync(file, 'utf8'));
    // The document is no schema itself, and its schemas have keywords of OpenAPI.
    this.ajv = new Ajv2020({ strict: false, validateSchema: false, validateFormats: true, allErrors: false });
    addFormats(this.ajv);
    this.ajv.addSchema(this.document, 'document');
    this.validators = new Map();
    this.operations = Object.entries(this.document.paths).flatMap(([path, item]) =>
      methods.filter((method) => item[method]).map((method) => ({ method, path, pattern: this.#pattern(path, item), operation: item[method] })));
    // Literals win over parameters, as they do in the router.
    this.operations.sort((a, b) => a.path.split('{').length - b.path.split('{').length);
    this.violations = [];
  }

  // Throws unless the document allows this answer to this request. Without a method the request was none that could be routed.
  check(method, target, { status, headers, body }) {
    const found = method && this.#find(method, target.split('?')[0]);
    const own = found && found.operation.responses[status];
    const where = own
      ? ['paths', found.path, found.method, 'responses', String(status)]
      : ['x-any-request', String(status)];
    const response = this.#resolve(own ?? this.document['x-any-request'][status], where);
    const complain = (what) => {
      const text = `${method ?? 'a malformed request'} ${target ?? ''}: ${status}: ${what}, says the API document\n${body?.toString().slice(0, 600)}`;
      this.violations.push(text);
      throw new Error(text);
    };
    if (!response) complain('this status is not documented');
    this.#checkHeaders(response, headers, complain);
    if (method !== 'HEAD') this.#checkBody(response, headers, body, complain);
  }

  // Throws unless the body, that a callback or a webhook brought, is one that the document has.
  checkCallback(schemas, body) {
    const failures = schemas.map((name) => this.#failure(pointer('components', 'schemas', name), body));
    if (failures.every((failure) => failure)) {
      const text = `a callback fits none of ${schemas}: ${failures.join('; ')}\n${JSON.stringify(body)}`;
      this.violations.push(text);
      throw new Error(text);
    }
  }

  #pattern(path, item) {
    const rest = (name) => item.parameters?.some((parameter) => parameter.name === name && parameter['x-rest-of-path']);
    return new RegExp('^' + path.split(/(\{[^}]+\})/).map((part) =>
      part.startsWith('{') ? (rest(part.slice(1, -1)) ? '.+' : '[^/]+') : part.replace(/[.]/g, '\\$&')).join('') + '$');
  }

  #find(method, path) {
    const wanted = method === 'HEAD' ? 'get' : method.toLowerCase();
    return this.operations.find((each) => each.method === wanted && each.pattern.test(path));
  }

  // The object that may be a reference, and in `where` the keys of the place where it really is.
  #resolve(object, where) {
    if (object?.$ref) {
      where.splice(0, where.length, ...object.$ref.slice(2).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')));
      object = where.reduce((value, key) => value[key], this.document);
    }
    if (object) Object.defineProperty(object, 'place', { value: where, enumerable: false, writable: true });
    return object;
  }

  // Why the value does not fit the schema, or nothing.
  #failure(place, value) {
    if (!this.validators.has(place)) this.validators.set(place, this.ajv.compile({ $ref: `document${place}` }));
    const validate = this.validators.get(place);
    return validate(value) ? undefined : this.ajv.errorsText(validate.errors, { dataVar: 'body' });
  }

  #checkHeaders(response, headers, complain) {
    const documented = new Map(Object.entries(response.headers ?? {}).map(([name, header]) => [name.toLowerCase(), header]));
    for (const name of Object.keys(headers)) {
      if (!houseHeaders.has(name) && !documented.has(name)) complain(`the header ${name} is not documented`);
    }
    for (const [name, reference] of documented) {
      const place = [...response.place, 'headers', Object.keys(response.headers).find((each) => each.toLowerCase() === name)];
      const header = this.#resolve(reference, place);
      const text = headers[name];
      if (text === undefined) {
        if (header.required) complain(`the header ${name} is missing`);
        continue;
      }
      const value = header.schema.type === 'integer' && /^-?\d+$/.test(text) ? Number(text) : text;
      const failure = this.#failure(pointer(...header.place, 'schema'), value);
      if (failure) complain(`the header ${name} is ${text}: ${failure}`);
    }
  }

  #checkBody(response, headers, body, complain) {
    const type = headers['content-type']?.split(';')[0];
    if (!response.content) {
      if (body.length > 0) complain('there should be no body');
      return;
    }
    if (!response.content[type]) complain(`the media type ${type} is not documented`);
    // Of a part, and of what is packed, nothing is said about the whole.
    if (!/[/+]json$/.test(type) || !response.content[type].schema || headers['content-encoding']) return;
    const failure = this.#failure(pointer(...response.place, 'content', type, 'schema'), JSON.parse(body.toString('utf8')));
    if (failure) complain(failure);
  }
}
