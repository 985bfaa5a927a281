'use strict';
// azure-iot-provisioning-service: enrollment groups.
// proves: 11

const { pem, prove, proveEqual, proveFails, run, service, thumbprint } = require('./conformance');

run(async () => {
  const created = (
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: 'node-group-x509',
      attestation: {
        type: 'x509',
        x509: {
          signingCertificates: {
            primary: { certificate: pem('press/root.pem') },
            secondary: { certificate: pem('lathe/root.pem') },
          },
        },
      },
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
    })
  ).responseBody;
  prove(created.etag, 'a created group has an etag', created);

  const read = (await service.getEnrollmentGroup('node-group-x509')).responseBody;
  proveEqual(
    read.reprovisionPolicy,
    { updateHubAssignment: true, migrateDeviceData: false },
    'the reprovision policy of a group is kept'
  );
  read.provisioningStatus = 'disabled';
  const updated = (await service.createOrUpdateEnrollmentGroup(read)).responseBody;
  proveEqual(updated.provisioningStatus, 'disabled', 'a group can be disabled by reading and writing back');
  const slots = updated.attestation.x509.signingCertificates;
  proveEqual(
    [slots.primary.info.sha256Thumbprint.toUpperCase(), slots.secondary.info.sha256Thumbprint.toUpperCase()],
    [thumbprint('press/root.pem'), thumbprint('lathe/root.pem')],
    'both signing certificates survive the round trip'
  );
  await proveFails(service.createOrUpdateEnrollmentGroup(read), 'InvalidEtagError', 'an update of a group with a stale etag is refused');

  const references = (
    await service.createOrUpdateEnrollmentGroup({
      ...updated,
      attestation: { type: 'x509', x509: { caReferences: { primary: 'press-root' } } },
    })
  ).responseBody;
  proveEqual(references.attestation.x509.caReferences.primary, 'press-root', 'a group can change to a CA reference');

  const symmetric = (
    await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'node-group-symmetric', attestation: { type: 'symmetricKey' } })
  ).responseBody;
  const keys = symmetric.attestation.symmetricKey;
  prove(keys.primaryKey && keys.secondaryKey, 'the service makes the keys of a symmetric group', keys);
  const mechanism = (await service.getEnrollmentGroupAttestationMechanism('node-group-symmetric')).responseBody;
  proveEqual(mechanism.symmetricKey, keys, 'the attestation mechanism of the group shows the same keys');

  const found = [];
  const query = service.createEnrollmentGroupQuery({ query: 'SELECT * FROM enrollmentGroups' }, 1);
  let largest = 0;
  do {
    const page = (await query.next(query.continuationToken)).responseBody;
    largest = Math.max(largest, page.length);
    found.push(...page.map((item) => item.enrollmentGroupId));
  } while (query.hasMoreResults);
  prove(
    largest === 1 && found.includes('node-group-x509') && found.includes('node-group-symmetric'),
    'the group query finds both groups, one to a page',
    found
  );

  await service.deleteEnrollmentGroup(references);
  await service.deleteEnrollmentGroup('node-group-symmetric');
  const missing = await service.getEnrollmentGroup('node-group-x509').catch((error) => error);
  proveEqual(missing.response.statusCode, 404, 'a deleted group is not found');
  await proveFails(
    service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'node-group-empty', attestation: { type: 'x509' } }),
    'ArgumentError',
    'a group without any certificate is refused'
  );
});
