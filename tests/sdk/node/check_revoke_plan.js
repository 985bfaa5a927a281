'use strict';
// A revoke plan: azure-iot-provisioning-service, azure-iothub and the command line as the operator,
// azure-iot-device for Python as the devices. Blocking for a while and for ever: one device, one device of a group with
// and without its certificate, the group of an intermediate, the group of a root.
// proves: 43

const path = require('path');

const { prove, proveEqual, run, service } = require('./conformance');
const { device, entry, provost, registry, setHubStatus, slot, x509 } = require('./operator');

async function statusOf(promise) {
  return promise.then(
    () => 'found',
    (error) => error.response.statusCode
  );
}

async function oneDevice() {
  const lock = device('lock-0001', 'lock-0001');
  const enrollment = entry('enrollment', 'lock-0001');
  await enrollment.create(x509('clientCertificates', slot('lock-0001.pem')));
  await lock.registersAs('assigned', 'lock-0001 registers by its individual enrollment');
  await lock.connects('lock-0001 connects to its hub');

  await enrollment.disable();
  await lock.registersAs('disabled', 'lock-0001 is told disabled while its enrollment is disabled');
  await lock.connects('lock-0001 still connects to its hub: that is the second step');
  await setHubStatus('lock-0001', 'disabled');
  await lock.isNotServed('lock-0001 is not served by its hub while its identity is disabled');
  await enrollment.enable();
  await setHubStatus('lock-0001', 'enabled');
  await lock.registersAs('assigned', 'lock-0001 registers again when its enrollment is enabled');
  await lock.connects('lock-0001 connects again when its hub identity is enabled');

  await enrollment.remove();
  await lock.registersAs('unauthorized', 'lock-0001 is unauthorized once its enrollment is deleted');
  await registry.delete('lock-0001');
  await lock.isTurnedAway('lock-0001 is turned away once its hub identity is deleted');
  proveEqual(
    await Promise.all([
      statusOf(service.getIndividualEnrollment('lock-0001')),
      statusOf(service.getDeviceRegistrationState('lock-0001')),
      statusOf(registry.get('lock-0001')),
    ]),
    [404, 404, 404],
    'nothing is left of lock-0001: no enrollment, no record, no hub identity'
  );
}

async function oneDeviceOfAGroup() {
  const [gate, neighbour] = ['gate-0001', 'gate-0002'].map((id) => device(id, `gate/${id}`));
  await entry('group', 'plan-gates').create(x509('signingCertificates', slot('gate/intermediate.pem')));
  await gate.registersAs('assigned', 'gate-0001 registers by its group');
  const block = entry('enrollment', 'gate-0001');

  await block.create(x509('clientCertificates', slot('gate/gate-0001.pem')), { provisioningStatus: 'disabled' });
  await gate.registersAs('disabled', 'gate-0001 is blocked by a disabled enrollment with its certificate');
  await neighbour.registersAs('assigned', 'gate-0002 of the same group is not');
  await block.enable();
  await gate.registersAs('assigned', 'gate-0001 registers by that enrollment once it is enabled');
  await block.remove();
  await gate.registersAs('assigned', 'gate-0001 registers by its group once that enrollment is deleted');

  // Its certificate is not at hand: any attestation blocks, found by the registration ID.
  await block.create({ type: 'symmetricKey' }, { provisioningStatus: 'disabled' });
  await gate.registersAs('unauthorized', 'gate-0001 is blocked by a disabled enrollment without its certificate');
  await block.remove();
  await gate.registersAs('assigned', 'gate-0001 registers again once that enrollment is deleted');
}

/** Blocks the devices of a kind by their group, for a while and then for ever. */
async function wholeGroup(kind, attestation, endForEver) {
  const names = [`${kind}-0001`, `${kind}-0002`];
  const devices = names.map((id) => device(id, `${kind}/${id}`));
  const group = entry('group', `plan-${kind}s`);
  const both = (expected, fact) => Promise.all(devices.map((one, n) => one.registersAs(expected, `${names[n]} ${fact}`)));
  await group.create(attestation);
  await both('assigned', 'registers by its group');
  await group.disable();
  await both('disabled', 'is told disabled while its group is disabled');
  await devices[0].connects(`${names[0]} still connects to its hub`);
  await group.enable();
  await both('assigned', 'registers again when its group is enabled');

  await endForEver(group);
  await both('unauthorized', 'is unauthorized for ever');
  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, `plan-${kind}s`);
  const records = (await query.next()).responseBody.map((record) => record.registrationId);
  proveEqual(records.sort(), names, `the records of the group of ${kind}s are still listed`);
  for (const id of names) {
    await service.deleteDeviceRegistrationState(id);
    await registry.delete(id);
  }
  proveEqual(
    await Promise.all(names.map((id) => statusOf(service.getDeviceRegistrationState(id)))),
    [404, 404],
    `and are deleted one by one, ${kind}s`
  );
  await devices[1].isTurnedAway(`${names[1]} is turned away at the hub once its identity is deleted`);
}

async function intermediate() {
  await wholeGroup('fence', x509('signingCertificates', slot('fence/intermediate.pem')), async (group) => {
    await group.remove();
    proveEqual(await statusOf(service.getEnrollmentGroup('plan-fences')), 404, 'the deleted group of fences is gone');
  });
}

async function root() {
  const name = ['--certificate-name', 'plan-door'];
  const file = path.join(process.env.PROVOST_CERTIFICATES, 'door/root.pem');
  const { etag } = JSON.parse(await provost('dps', 'certificate', 'create', ...name, '--path', file, '--verified'));
  await wholeGroup('door', x509('caReferences', 'plan-door'), async () => {
    const stale = provost('dps', 'certificate', 'delete', ...name, '--etag', 'c3RhbGU=');
    const { message } = await stale.catch((error) => error);
    prove(/PreconditionFailed/.test(message), 'deleting the CA certificate with another etag is refused', message);
    await provost('dps', 'certificate', 'delete', ...name, '--etag', etag);
  });
}

run(() => Promise.all([oneDevice(), oneDeviceOfAGroup(), intermediate(), root()]));
