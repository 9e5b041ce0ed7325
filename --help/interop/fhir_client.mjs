// fhir_client.mjs - fhir-kit-client against a running server: what an ordinary client of FHIR does.
//     node fhir_client.mjs BASE_URL          TAP on stdout
// The server holds nothing of the patients made here; everything made is taken away again.
import { Client } from 'fhir-kit-client';

const client = new Client({ baseUrl: process.argv[2] });
const mark = `interop-${process.pid}-${Date.now()}`;
const identifier = [{ system: 'urn:interop', value: mark }];
let n = 0;
let bad = 0;

function check(label, passed, detail) {
    n += 1;
    bad += passed ? 0 : 1;
    console.log(`${passed ? 'ok' : 'not ok'} ${n} - ${label}`);
    if (!passed) console.log(`#   ${JSON.stringify(detail)}`.slice(0, 2000));
}

const http = (answer) => Client.httpFor(answer).response;

// The status of a request that must fail, with what the server says about it.
async function refused(promise) {
    try {
        await promise;
        return { status: 0 };
    } catch (error) {
        return error.response ?? { status: -1, data: String(error) };
    }
}

const observation = (patient, value) => ({
    resourceType: 'Observation',
    status: 'final',
    identifier,
    code: { coding: [{ system: 'http://loinc.org', code: '2345-7' }], text: 'Glucose' },
    subject: { reference: `Patient/${patient}` },
    effectiveDateTime: `2023-11-${String((value % 28) + 1).padStart(2, '0')}T08:00:00Z`,
    valueQuantity: { value, unit: 'mg/dL' },
});

async function capabilities() {
    const statement = await client.capabilityStatement();
    check('capabilities: a CapabilityStatement of R4', statement.resourceType === 'CapabilityStatement'
        && statement.fhirVersion === '4.0.1', statement);
    const patient = statement.rest[0].resource.find((r) => r.type === 'Patient');
    check('capabilities: Patient can be searched by identifier',
        patient?.searchParam.some((p) => p.name === 'identifier'), patient);
    check('capabilities: the content type is FHIR JSON',
        http(statement).headers.get('content-type') === 'application/fhir+json;charset=UTF-8',
        http(statement).headers.get('content-type'));
}

async function life() {
    const body = { resourceType: 'Patient', identifier, name: [{ family: 'Łukasz', given: ['Ann'] }] };
    const made = await client.create({ resourceType: 'Patient', body });
    const { id } = made;
    check('create: 201 with Location, id and version', http(made).status === 201 && id
        && made.meta.versionId === '1'
        && http(made).headers.get('location').includes(`Patient/${id}`), made);
    const got = await client.read({ resourceType: 'Patient', id });
    check('read: what was created', got.name[0].family === 'Łukasz' && got.id === id, got);
    check('read: ETag and Last-Modified', http(got).headers.get('etag') === 'W/"1"'
        && !Number.isNaN(Date.parse(http(got).headers.get('last-modified'))), got.meta);
    const old = await client.vread({ resourceType: 'Patient', id, version: '1' });
    check('vread: the current version', old.id === id, old);

    const options = { headers: { 'If-Match': 'W/"1"' } };
    const changed = { ...got, birthDate: '1980-02-03' };
    const updated = await client.update({ resourceType: 'Patient', id, body: changed, options });
    check('update: If-Match with the current version', updated.meta.versionId === '2'
        && updated.birthDate === '1980-02-03', updated);
    const stale = await refused(client.update({ resourceType: 'Patient', id, body: changed, options }));
    check('update: If-Match with an old version is 412 and an OperationOutcome',
        stale.status === 412 && stale.data.resourceType === 'OperationOutcome', stale);

    const gone = await client.delete({ resourceType: 'Patient', id });
    check('delete: 2xx', http(gone).ok, http(gone).status);
    const missing = await refused(client.read({ resourceType: 'Patient', id }));
    check('read after delete: 410 or 404', [404, 410].includes(missing.status), missing);
    const broken = await refused(client.create({ resourceType: 'Patient', body: '{"resourceType":' }));
    check('create from broken JSON: 400 and an OperationOutcome', broken.status === 400
        && broken.data.resourceType === 'OperationOutcome', broken);
}

async function searches() {
    const patient = (await client.create({
        resourceType: 'Patient', body: { resourceType: 'Patient', identifier },
    })).id;
    const entry = Array.from({ length: 45 }, (_, i) => ({
        resource: observation(patient, i), request: { method: 'POST', url: 'Observation' },
    }));
    const batch = await client.batch({ body: { resourceType: 'Bundle', type: 'batch', entry } });
    check('batch: 45 created', batch.type === 'batch-response'
        && batch.entry.filter((e) => e.response.status.startsWith('201')).length === 45, batch);

    const searchParams = { patient, code: 'http://loinc.org|2345-7', _sort: '-date' };
    const byGet = await client.search({ resourceType: 'Observation', searchParams });
    const byPost = await client.search({
        resourceType: 'Observation', searchParams, options: { postSearch: true },
    });
    check('search by GET: total and first page of 20', byGet.total === 45
        && byGet.entry.length === 20, byGet);
    check('search by POST: the same', JSON.stringify(byPost.entry.map((e) => e.resource.id))
        === JSON.stringify(byGet.entry.map((e) => e.resource.id)), byPost);
    const seen = new Set();
    let pages = 0;
    for (let page = byGet; page && pages < 10; page = await client.nextPage({ bundle: page })) {
        page.entry.forEach((e) => seen.add(e.resource.id));
        pages += 1;
    }
    check('paging to the end: 45 in 3 pages', pages === 3 && seen.size === 45, [pages, seen.size]);
    const none = await client.search({
        resourceType: 'Observation', searchParams: { patient, code: 'nothing' },
    });
    check('search without a match: total 0 and no entry', none.total === 0 && !none.entry, none);
    const unknown = await refused(client.search({
        resourceType: 'Observation', searchParams: { nonsense: '1' },
    }));
    check('unknown parameter: 400 that names it', unknown.status === 400
        && unknown.data.issue[0].diagnostics.includes('nonsense'), unknown);
    return { patient, observations: [...seen] };
}

async function transactions() {
    const urn = 'urn:uuid:5b7f3a52-9d3c-4d3e-8d58-0c1c3f1a2b3c';
    const person = { resourceType: 'Patient', identifier: [{ system: 'urn:interop', value: `${mark}-t` }] };
    const made = await client.transaction({
        body: {
            resourceType: 'Bundle',
            type: 'transaction',
            entry: [
                {
                    resource: { ...observation('x', 1), subject: { reference: urn } },
                    request: { method: 'POST', url: 'Observation' },
                },
                { fullUrl: urn, resource: person, request: { method: 'POST', url: 'Patient' } },
            ],
        },
    });
    const ids = made.entry.map((e) => e.response.location.split('/_history')[0].split('/').slice(-2));
    const stored = await client.read({ resourceType: ids[0][0], id: ids[0][1] });
    check('transaction: urn:uuid references are resolved', made.type === 'transaction-response'
        && stored.subject.reference === `Patient/${ids[1][1]}`, stored);

    const failed = await refused(client.transaction({
        body: {
            resourceType: 'Bundle',
            type: 'transaction',
            entry: [
                {
                    resource: { ...person, identifier: [{ system: 'urn:interop', value: `${mark}-f` }] },
                    request: { method: 'POST', url: 'Patient' },
                },
                {
                    resource: { ...person, id: ids[1][1] },
                    request: { method: 'PUT', url: `Patient/${ids[1][1]}`, ifMatch: 'W/"77"' },
                },
            ],
        },
    }));
    const left = await client.search({
        resourceType: 'Patient', searchParams: { identifier: `${mark}-f` },
    });
    check('a transaction with one bad entry fails whole', failed.status >= 400 && left.total === 0,
        [failed, left]);
    return ids;
}

try {
    await capabilities();
    await life();
    const { patient, observations } = await searches();
    const ids = await transactions();
    const all = [...observations.map((id) => ['Observation', id]), ...ids, ['Patient', patient]];
    const swept = await client.batch({
        body: {
            resourceType: 'Bundle',
            type: 'batch',
            entry: all.map(([type, id]) => ({ request: { method: 'DELETE', url: `${type}/${id}` } })),
        },
    });
    check('batch: everything deleted', swept.entry.every((e) => e.response.status.startsWith('20')),
        swept);
} catch (error) {
    check('no exception', false, [String(error), error.response]);
}
console.log(`1..${n}`);
process.exit(bad ? 1 : 0);
