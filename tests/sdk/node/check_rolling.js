'use strict';
// Rolling certificates: azure-iot-provisioning-service, azure-iothub and the command line as the operator,
// azure-iot-device for Python as the device. Before expiry and after a breach: the certificate of an individual
// enrollment, the intermediate of a group, the root of a group.
// proves: 42

const path = require('path');

const { run } = require('./conformance');
const { device, entry, provost, registry, slot, x509 } = require('./operator');

/**
 * Rolls the first generation to the second before it expires, and the second to the third after a breach.
 * `contents` is what fills a slot for each generation, `leaves` what the device holds.
 */
async function roll(id, holder, contents, leaves, endTrust = async () => {}) {
  const [first, second, third] = leaves.map((leaf) => device(id, leaf));
  await first.registersAs('assigned', `${id} registers with its first certificate`);
  await second.registersAs('unauthorized', `${id} does not with its second yet`);

  await holder.fill({ secondary: contents[1] });
  await first.registersAs('assigned', `${id} registers with its first certificate in the overlap`);
  await second.registersAs('assigned', `${id} registers with its second certificate in the overlap`);
  await first.isTurnedAway(`${id} is turned away at the hub with the certificate it had before`);
  await second.connects(`${id} connects with its second certificate`);
  await holder.fill({ primary: null });
  await Promise.all([
    first.registersAs('unauthorized', `${id} is unauthorized with its first certificate once that is removed`),
    second.registersAs('assigned', `${id} registers with its second certificate alone`),
  ]);

  // The second is stolen: both slots are written in one update.
  await endTrust();
  await holder.fill({ primary: contents[2], secondary: null });
  await second.registersAs('unauthorized', `${id} is unauthorized with its stolen certificate at once`);
  await second.connects(`${id} still connects with its stolen certificate: the hub is the second step`);
  await registry.delete(id);
  await second.isTurnedAway(`${id} is turned away with its stolen certificate once its hub identity is deleted`);
  await third.registersAs('assigned', `${id} registers with its third certificate`);
  await third.connects(`${id} connects with its third certificate`);
  await second.isTurnedAway(`${id} is still turned away with its stolen certificate`);
}

async function individual() {
  const leaves = ['lift-1', 'lift-2', 'lift-3'];
  const contents = leaves.map((leaf) => slot(`${leaf}.pem`));
  const enrollment = entry('enrollment', 'lift-0001');
  await enrollment.create(x509('clientCertificates', contents[0]));
  await roll('lift-0001', enrollment, contents, leaves);
}

async function intermediate() {
  const folders = ['belt-1', 'belt-2', 'belt-3'];
  const contents = folders.map((folder) => slot(`${folder}/intermediate.pem`));
  const group = entry('group', 'plan-belts');
  await group.create(x509('signingCertificates', contents[0]));
  await roll('belt-0001', group, contents, folders.map((folder) => `${folder}/belt-0001`));
}

async function root() {
  const names = ['kiln-1', 'kiln-2', 'kiln-3'];
  for (const name of names) {
    const file = path.join(process.env.PROVOST_CERTIFICATES, name, 'root.pem');
    await provost('dps', 'certificate', 'create', '-n', name, '--path', file, '--verified');
  }
  const group = entry('group', 'plan-kilns');
  await group.create(x509('caReferences', names[0]));
  const endTrust = () => provost('dps', 'certificate', 'delete', '-n', names[1]);
  await roll('kiln-0001', group, names, names.map((name) => `${name}/kiln-0001`), endTrust);
}

run(() => Promise.all([individual(), intermediate(), root()]));
