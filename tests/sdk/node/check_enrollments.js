'use strict';
// azure-iot-provisioning-service: individual enrollments.
// proves: 22

const { bulk, pem, prove, proveEqual, proveFails, run, service, thumbprint } = require('./conformance');

const KEYS = { primaryKey: 'cHJpbWFyeS1rZXktb2YtdGhlLWNoZWNr', secondaryKey: 'c2Vjb25kYXJ5LWtleS1vZi1jaGVjay4=' };

async function x509RoundTrip() {
  const created = (
    await service.createOrUpdateIndividualEnrollment({
      registrationId: 'node-x509',
      deviceId: 'node-x509-device',
      attestation: {
        type: 'x509',
        x509: {
          clientCertificates: {
            primary: { certificate: pem('robot-primary.pem') },
            secondary: { certificate: pem('robot-secondary.pem') },
          },
        },
      },
      initialTwin: { tags: { site: 'north' }, properties: { desired: { rate: 2 } } },
    })
  ).responseBody;
  prove(created.etag && created.createdDateTimeUtc.endsWith('Z'), 'a created enrollment has an etag and a UTC time', created);

  const read = (await service.getIndividualEnrollment('node-x509')).responseBody;
  const info = read.attestation.x509.clientCertificates.primary.info;
  proveEqual(info.sha256Thumbprint.toUpperCase(), thumbprint('robot-primary.pem'), 'reading shows the SHA-256 thumbprint of the primary');
  prove(
    ['subjectName', 'sha1Thumbprint', 'issuerName', 'notBeforeUtc', 'notAfterUtc', 'serialNumber', 'version'].every((name) => info[name]),
    'the certificate information is complete',
    info
  );
  proveEqual([read.allocationPolicy, read.provisioningStatus], ['hashed', 'enabled'], 'an enrollment is hashed and enabled unless it says otherwise');

  read.initialTwin.properties.desired.rate = 5;
  const updated = (await service.createOrUpdateIndividualEnrollment(read)).responseBody;
  proveEqual(updated.initialTwin.properties.desired.rate, 5, 'what was read, changed and written back is stored');
  const slots = updated.attestation.x509.clientCertificates;
  proveEqual(
    [slots.primary.info.sha256Thumbprint.toUpperCase(), slots.secondary.info.sha256Thumbprint.toUpperCase()],
    [thumbprint('robot-primary.pem'), thumbprint('robot-secondary.pem')],
    'both certificates survive the round trip that shows only their information'
  );
  proveEqual(updated.createdDateTimeUtc, created.createdDateTimeUtc, 'the creation time does not change');
  prove(updated.etag !== created.etag, 'the etag changes with the write', updated.etag);

  await proveFails(service.createOrUpdateIndividualEnrollment(read), 'InvalidEtagError', 'an update with a stale etag is refused');
  await proveFails(service.deleteIndividualEnrollment('node-x509', created.etag), 'InvalidEtagError', 'a delete with a stale etag is refused');
  await service.deleteIndividualEnrollment(updated);
  const missing = await service.getIndividualEnrollment('node-x509').catch((error) => error);
  proveEqual(
    [missing.response.statusCode, JSON.parse(missing.responseBody).errorCode],
    [404, 404201],
    'a deleted enrollment is not found, with code 404201'
  );
}

async function symmetricRoundTrip() {
  const created = (
    await service.createOrUpdateIndividualEnrollment({
      registrationId: 'node-symmetric',
      attestation: { type: 'symmetricKey', symmetricKey: KEYS },
    })
  ).responseBody;
  proveEqual(created.attestation.symmetricKey, KEYS, 'the answer to a write shows the keys that were given');
  const read = (await service.getIndividualEnrollment('node-symmetric')).responseBody;
  prove(!(read.attestation.symmetricKey || {}).primaryKey, 'reading hides the keys', read.attestation);
  read.provisioningStatus = 'disabled';
  const updated = (await service.createOrUpdateIndividualEnrollment(read)).responseBody;
  proveEqual(updated.provisioningStatus, 'disabled', 'an enrollment can be disabled by reading and writing back');
  const mechanism = (await service.getIndividualEnrollmentAttestationMechanism('node-symmetric')).responseBody;
  proveEqual(mechanism, { type: 'symmetricKey', symmetricKey: KEYS }, 'the keys survive it and the attestation mechanism shows them');
  await service.deleteIndividualEnrollment('node-symmetric');
}

async function bulkAndQuery() {
  const ids = Array.from({ length: 7 }, (_, index) => `node-bulk-${index}`);
  const items = ids.map((id) => ({ registrationId: id, attestation: { type: 'symmetricKey' } }));
  proveEqual((await bulk('create', items)).isSuccessful, true, 'a bulk operation creates seven enrollments');

  const again = await bulk('create', items.slice(0, 1));
  proveEqual(
    [again.isSuccessful, again.errors.map((error) => error.registrationId)],
    [false, ['node-bulk-0']],
    'a bulk create of an existing enrollment names the one that failed'
  );

  const found = [];
  const query = service.createIndividualEnrollmentQuery({ query: '*' }, 3);
  let pages = 0;
  let type;
  do {
    const page = await query.next(query.continuationToken);
    type = page.httpResponse.headers['x-ms-item-type'];
    found.push(...page.responseBody.map((item) => item.registrationId));
    pages += 1;
  } while (query.hasMoreResults);
  prove(ids.every((id) => found.includes(id)), 'the query finds every enrollment of the bulk operation', found);
  prove(pages >= 3 && new Set(found).size === found.length, 'it comes in pages of three without repetition', { pages, found });
  proveEqual(type.toLowerCase(), 'enrollment', 'its pages name the item type');

  const tooMany = Array.from({ length: 11 }, (_, index) => ({ registrationId: `node-many-${index}` }));
  await proveFails(bulk('create', tooMany), 'ArgumentError', 'eleven enrollments are too many for one bulk operation');

  proveEqual((await bulk('delete', items)).isSuccessful, true, 'a bulk operation deletes them again');
}

run(async () => {
  await x509RoundTrip();
  await symmetricRoundTrip();
  await bulkAndQuery();
});
