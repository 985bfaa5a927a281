'use strict';
// azure-iot-provisioning-service: registration records of devices that registered through a group.
// proves: 8

const { HOST, Http, derivedKey, prove, proveEqual, proveFails, register, run, service, symmetricKey } = require('./conformance');

run(async () => {
  const group = (
    await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'node-records', attestation: { type: 'symmetricKey' } })
  ).responseBody;
  const key = group.attestation.symmetricKey.primaryKey;
  const ids = ['record-0001', 'record-0002', 'record-0003'];
  const told = await Promise.all(ids.map((id) => register(symmetricKey(id, derivedKey(key, id)), Http)));

  const record = (await service.getDeviceRegistrationState('record-0001')).responseBody;
  proveEqual(
    [record.status, record.assignedHub, record.deviceId, record.registrationId],
    ['assigned', HOST, 'record-0001', 'record-0001'],
    'the record shows the assignment'
  );
  proveEqual(
    [record.etag, record.createdDateTimeUtc],
    [told[0].etag, told[0].createdDateTimeUtc],
    'device and service see the same record'
  );

  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'node-records', 2);
  const pages = [];
  do {
    pages.push((await query.next(query.continuationToken)).responseBody.map((item) => item.registrationId));
  } while (query.hasMoreResults);
  proveEqual(pages.flat().sort(), ids, 'the query over the group finds its three records');
  prove(pages.length >= 2 && pages.every((page) => page.length <= 2), 'it comes in pages of two', pages);

  await proveFails(
    service.deleteDeviceRegistrationState('record-0001', 'c3RhbGU='),
    'InvalidEtagError',
    'deleting a record with a stale etag is refused'
  );
  await service.deleteDeviceRegistrationState(record);
  const missing = await service.getDeviceRegistrationState('record-0001').catch((error) => error);
  proveEqual(missing.response.statusCode, 404, 'a deleted record is not found');

  const again = await register(symmetricKey('record-0001', derivedKey(key, 'record-0001')), Http);
  proveEqual([again.status, again.substatus], ['assigned', 'initialAssignment'], 'after that the next registration counts as a first one');

  await service.deleteEnrollmentGroup('node-records');
  const orphan = (await service.getDeviceRegistrationState('record-0002')).responseBody;
  proveEqual(orphan.status, 'assigned', 'deleting the group leaves the records of its devices');
});
