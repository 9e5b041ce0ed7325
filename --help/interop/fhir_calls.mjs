// fhir_calls.mjs - every call to a FHIR server that three client libraries offer, against a running
// server. What becomes of each is compared with the table in README.md.
//     node fhir_calls.mjs BASE_URL README.md          TAP on stdout
// "right": the answer is what the library's documentation promises; "refused": an OperationOutcome
// with a status of 4xx says that it is not supported. The server keeps versions (--history).
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { MedplumClient } from '@medplum/core';
import { Client } from 'fhir-kit-client';

const { default: SmartClient } = createRequire(import.meta.url)('fhirclient/lib/Client');
const base = process.argv[2];
const kit = new Client({ baseUrl: base });
const smart = new SmartClient({}, { serverUrl: base });
const medplum = new MedplumClient({
    baseUrl: new URL('..', base).href, fhirUrlPath: 'fhir', fetch, cacheTime: 0,
});
const mark = `calls-${process.pid}`;
const person = (name, more) => ({
    resourceType: 'Patient', identifier: [{ system: 'urn:calls', value: `${mark}-${name}` }],
    name: [{ family: name }], ...more,
});
const about = (patient, code) => ({
    resourceType: 'Observation', status: 'final', code: { coding: [{ code }] },
    subject: { reference: `Patient/${patient}` },
});
const by = (name) => `identifier=urn:calls|${mark}-${name}`;

// What all calls find: a patient with 25 observations, and two versions of one.
const anna = await kit.create({ resourceType: 'Patient', body: person('anna') });
const { id } = anna;
await kit.update({ resourceType: 'Patient', id, body: { ...anna, active: true } });
for (let i = 0; i < 25; i += 1) await kit.create({ resourceType: 'Observation', body: about(id, 'X') });
const observation = (await kit.search({ resourceType: 'Observation', searchParams: { patient: id } }))
    .entry[0].resource;
const transaction = (type) => ({
    resourceType: 'Bundle', type,
    entry: [{ resource: person(`${type}-made`), request: { method: 'POST', url: 'Patient' } },
        { request: { method: 'GET', url: `Patient/${id}` } }],
});
const created = (b) => b.entry[0].response.status.startsWith('201') && b.entry[1].resource.id === id;
const patch = [{ op: 'add', path: '/gender', value: 'female' }];
const made = (name) => kit.create({ resourceType: 'Patient', body: person(name) });
const search = { resourceType: 'Observation', searchParams: { patient: id, _count: 10 } };
const gone = async (what) => (await fetch(base + what)).status === 410;
const collect = async (pages) => {
    const all = [];
    for await (const page of pages) all.push(...[page].flat());
    return all;
};

// Each gives true when the answer is right; an error that is an OperationOutcome is a refusal.
const calls = {
    'fhir-kit-client': {
        capabilityStatement: async () => (await kit.capabilityStatement()).fhirVersion === '4.0.1',
        read: async () => (await kit.read({ resourceType: 'Patient', id })).active,
        vread: async () => !(await kit.vread({ resourceType: 'Patient', id, version: '1' })).active,
        create: async () => (await kit.create({ resourceType: 'Patient', body: person('k') })).id,
        'create, If-None-Exist': async () => (await kit.create({
            resourceType: 'Patient', body: person('anna'), options: { headers: { 'If-None-Exist': by('anna') } },
        })).id === id,
        update: async () => {
            const p = await made('k2');
            return (await kit.update({ resourceType: 'Patient', id: p.id, body: { ...p, active: false } }))
                .meta.versionId === '2';
        },
        'update by search': async () => {
            const p = await made('k3');
            return (await kit.update({
                resourceType: 'Patient', searchParams: { identifier: `urn:calls|${mark}-k3` }, body: person('k3'),
            })).id === p.id;
        },
        patch: async () => {
            const p = await made('k4');
            return (await kit.patch({ resourceType: 'Patient', id: p.id, jsonPatch: patch })).gender === 'female';
        },
        delete: async () => {
            const p = await made('k5');
            await kit.delete({ resourceType: 'Patient', id: p.id });
            return gone(`Patient/${p.id}`);
        },
        batch: async () => created(await kit.batch({ body: transaction('batch') })),
        transaction: async () => created(await kit.transaction({ body: transaction('transaction') })),
        'search (resourceSearch)': async () => (await kit.resourceSearch(search)).total === 25,
        'search by POST': async () => (await kit.search({ ...search, options: { postSearch: true } })).total === 25,
        compartmentSearch: async () => (await kit.compartmentSearch({
            resourceType: 'Observation', compartment: { resourceType: 'Patient', id },
        })).total === 25,
        'systemSearch (baseSearch)': async () => (await kit.systemSearch({
            searchParams: { _type: 'Patient,Observation', _id: id },
        })).total === 1,
        nextPage: async () => (await kit.nextPage({ bundle: await kit.search(search) })).entry.length === 10,
        prevPage: async () => {
            const first = await kit.search(search);
            const back = await kit.prevPage({ bundle: await kit.nextPage({ bundle: first }) });
            return (await kit.prevPage({ bundle: first })) === undefined
                && back.entry.map((e) => e.resource.id).join() === first.entry.map((e) => e.resource.id).join();
        },
        resourceHistory: async () => (await kit.resourceHistory({ resourceType: 'Patient', id })).total === 2,
        typeHistory: () => kit.typeHistory({ resourceType: 'Patient' }),
        systemHistory: () => kit.systemHistory(),
        'operation $everything': async () => (await kit.operation({
            name: 'everything', resourceType: 'Patient', id, method: 'get',
        })).entry.length === 26,
        'operation $validate': () => kit.operation({
            name: 'validate', resourceType: 'Patient', input: { resourceType: 'Parameters' },
        }),
        resolve: async () => (await kit.resolve({ reference: `Patient/${id}` })).id === id,
        smartAuthMetadata: async () => (await kit.smartAuthMetadata()).tokenUrl === undefined,
    },
    fhirclient: {
        create: async () => (await smart.create(person('s'))).id,
        update: async () => (await smart.update({ ...(await made('s2')), active: true })).meta.versionId === '2',
        delete: async () => {
            const p = await made('s3');
            await smart.delete(`Patient/${p.id}`);
            return gone(`Patient/${p.id}`);
        },
        patch: async () => (await smart.patch(`Patient/${(await made('s4')).id}`, patch)).gender === 'female',
        'request (read)': async () => (await smart.request(`Patient/${id}`)).active,
        'request (search, all pages, flat)': async () => (await smart.request(
            `Observation?patient=${id}&_count=10`, { pageLimit: 0, flat: true })).length === 25,
        'request, resolveReferences': async () => (await smart.request(
            `Observation/${observation.id}`, { resolveReferences: 'subject' })).subject.id === id,
        'resources (iterator)': async () => (await collect(smart.resources(
            `Observation?patient=${id}&_count=10`))).length === 25,
        'pages (iterator)': async () => (await collect(smart.pages(
            `Observation?patient=${id}&_count=10`))).length === 3,
        resolveReferences: async () => {
            const o = structuredClone(observation);
            await smart.resolveReferences(o, ['subject']);
            return o.subject.id === id;
        },
        getReferences: async () => Object.keys(await smart.getReferences(observation, ['subject'])).length === 1,
        getFhirVersion: async () => (await smart.getFhirVersion()) === '4.0.1',
        getFhirRelease: async () => (await smart.getFhirRelease()) === 4,
    },
    '@medplum/core': {
        readResource: async () => (await medplum.readResource('Patient', id)).active,
        readReference: async () => (await medplum.readReference({ reference: `Patient/${id}` })).id === id,
        readVersion: async () => !(await medplum.readVersion('Patient', id, '1')).active,
        readHistory: async () => (await medplum.readHistory('Patient', id)).entry.length === 2,
        readPatientEverything: async () => (await medplum.readPatientEverything(id)).entry.length === 26,
        createResource: async () => (await medplum.createResource(person('m'))).id,
        createResourceIfNoneExist: async () => (
            await medplum.createResourceIfNoneExist(person('anna'), by('anna'))).id === id,
        upsertResource: async () => {
            const p = await made('m2');
            return (await medplum.upsertResource(person('m2', { active: true }), by('m2'))).id === p.id;
        },
        updateResource: async () => (
            await medplum.updateResource({ ...(await made('m3')), active: true })).meta.versionId === '2',
        patchResource: async () => (
            await medplum.patchResource('Patient', (await made('m4')).id, patch)).gender === 'female',
        deleteResource: async () => {
            const p = await made('m5');
            await medplum.deleteResource('Patient', p.id);
            return gone(`Patient/${p.id}`);
        },
        'executeBatch (batch)': async () => created(await medplum.executeBatch(transaction('batch'))),
        'executeBatch (transaction)': async () => created(
            await medplum.executeBatch(transaction('transaction'))),
        search: async () => (await medplum.search('Observation', `patient=${id}&_count=10`)).total === 25,
        searchOne: async () => (await medplum.searchOne('Patient', by('anna'))).id === id,
        searchResources: async () => (await medplum.searchResources('Observation', `patient=${id}`)).length === 20,
        searchResourcePages: async () => (await collect(medplum.searchResourcePages(
            'Observation', `patient=${id}&_count=10`))).length === 25,
        validateResource: () => medplum.validateResource(person('v')),
        valueSetExpand: () => medplum.valueSetExpand({ url: 'urn:none' }),
        readPatientSummary: () => medplum.readPatientSummary(id),
        bulkExport: () => medplum.bulkExport(),
        graphql: () => medplum.graphql('{ PatientList { id } }'),
        createBinary: () => medplum.createBinary({ data: 'text', contentType: 'text/plain' }),
    },
};

// The OperationOutcome of a library's error, in whatever form it comes.
async function outcomeOf(error) {
    const forms = [error?.response?.data, error?.outcome, error?.body, error?.response?.body];
    const found = forms.find((o) => o?.resourceType === 'OperationOutcome');
    if (found) return JSON.stringify(found);
    return JSON.stringify(error?.message ?? String(error));
}

async function becomesOf(call) {
    try {
        return (await call()) ? 'right' : 'wrong';
    } catch (error) {
        const outcome = await outcomeOf(error);
        return /not.support|does not|is no interaction|reads application/.test(outcome) ? 'refused'
            : `error: ${outcome.slice(0, 400)} ${error?.stack?.slice(0, 300)}`;
    }
}

// "| library | call | becomes |" of the README.
const table = new Map(readFileSync(process.argv[3], 'utf8').split('\n')
    .map((line) => line.split('|').map((s) => s.trim())).filter((c) => c.length === 5 && calls[c[1]])
    .map(([, library, call, becomes]) => [`${library}: ${call}`, becomes]));
let n = 0;
let bad = 0;
for (const [library, list] of Object.entries(calls))
    for (const [name, call] of Object.entries(list)) {
        const label = `${library}: ${name}`;
        const is = await becomesOf(call);
        const passed = is === table.get(label);
        n += 1;
        bad += passed ? 0 : 1;
        console.log(`${passed ? 'ok' : 'not ok'} ${n} - ${label}: ${table.get(label) ?? 'not in the table'}`);
        if (!passed) console.log(`#   ${is}`);
        table.delete(label);
    }
n += 1;
bad += table.size ? 1 : 0;
console.log(`${table.size ? 'not ok' : 'ok'} ${n} - the table has no other rows ${[...table.keys()]}`);
console.log(`1..${n}`);
process.exit(bad ? 1 : 0);
