'use strict';
// azure-iot-provisioning-device over its http and mqtt transports, X.509 and symmetric keys.
// proves: 12

const {
  HOST, Http, Mqtt, derivedKey, pem, proveEqual, proveFails, register, run, service, symmetricKey, x509,
} = require('./conformance');

run(async () => {
  const carriers = [['HTTPS', Http, '0001'], ['MQTT', Mqtt, '0002']];

  await service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'node-ovens',
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: pem('oven/intermediate.pem') } } } },
  });
  for (const [carrier, Transport, number] of carriers) {
    const id = `oven-${number}`;
    const state = await register(x509(id, `oven/${id}-chain.pem`, `oven/${id}.key`), Transport);
    proveEqual(
      [state.status, state.assignedHub, state.deviceId],
      ['assigned', HOST, id],
      `group X.509 device ${id} is assigned over ${carrier}`
    );
  }

  for (const [carrier, Transport, number] of carriers) {
    const id = `sensor-${number}`;
    await service.createOrUpdateIndividualEnrollment({
      registrationId: id,
      attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: pem(`${id}.pem`) } } } },
    });
    const state = await register(x509(id, `${id}.pem`, `${id}.key`), Transport);
    proveEqual([state.status, state.assignedHub], ['assigned', HOST], `individual X.509 device ${id} is assigned over ${carrier}`);
  }

  for (const [carrier, Transport, number] of carriers) {
    const id = `meter-${number}`;
    const created = await service.createOrUpdateIndividualEnrollment({ registrationId: id, attestation: { type: 'symmetricKey' } });
    const key = created.responseBody.attestation.symmetricKey.primaryKey;
    const state = await register(symmetricKey(id, key), Transport);
    proveEqual([state.status, state.assignedHub], ['assigned', HOST], `individual symmetric key device ${id} is assigned over ${carrier}`);
  }

  const group = await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'node-gauges', attestation: { type: 'symmetricKey' } });
  const groupKey = group.responseBody.attestation.symmetricKey.primaryKey;
  for (const [carrier, Transport, number] of carriers) {
    const id = `gauge-${number}`;
    const state = await register(symmetricKey(id, derivedKey(groupKey, id)), Transport);
    proveEqual([state.status, state.deviceId], ['assigned', id], `group symmetric key device ${id} is assigned over ${carrier}`);
  }

  for (const [carrier, Transport] of carriers) {
    await proveFails(
      register(symmetricKey('gauge-0009', derivedKey(groupKey, 'gauge-0008')), Transport),
      'UnauthorizedError',
      `the derived key of another device is unauthorized over ${carrier}`
    );
  }

  await service.createOrUpdateIndividualEnrollment({
    registrationId: 'meter-0009',
    provisioningStatus: 'disabled',
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: 'ZGlzYWJsZWQtZGV2aWNlLTE=', secondaryKey: 'ZGlzYWJsZWQtZGV2aWNlLTI=' } },
  });
  for (const [carrier, Transport] of carriers) {
    const error = await register(symmetricKey('meter-0009', 'ZGlzYWJsZWQtZGV2aWNlLTE='), Transport).then(
      () => new Error('assigned'),
      (caught) => caught
    );
    proveEqual(error.message, 'status is disabled', `a disabled enrollment is told disabled over ${carrier}`);
  }
});
