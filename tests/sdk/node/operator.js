'use strict';
// What the checks of whole plans share: an operator with the service SDKs and the command line, and devices that are
// azure-iot-device for Python.

const { execFile, spawn } = require('child_process');
const path = require('path');
const readline = require('readline');

const { Registry } = require('azure-iothub');

const { HUB_CONNECTION_STRING, inTime, pem, proveEqual, service } = require('./conformance');

const registry = Registry.fromConnectionString(HUB_CONNECTION_STRING);

/** Starts the Python SDK once; returns a function that asks it to act. */
function pythonDevices() {
  const program = path.join(__dirname, '..', 'python', 'device.py');
  const child = spawn(process.env.PROVOST_PYTHON, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map();
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const { n, ...answer } = JSON.parse(line);
    waiting.get(n)(answer);
    waiting.delete(n);
  });
  let n = 0;
  return (act, id, leaf) => {
    n += 1;
    const request = { n, act, id, leaf };
    const answered = new Promise((resolve) => waiting.set(request.n, resolve));
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return inTime(`${id} to ${act}`, answered);
  };
}

const act = pythonDevices();

/** A device of the Python SDK, with the leaf of that name under the certificates. */
function device(id, leaf) {
  const proveOutcome = async (verb, expected, fact) => {
    const { outcome, told } = await act(verb, id, leaf);
    proveEqual(outcome, expected, fact + (outcome === expected ? '' : ` (${told})`));
  };
  return {
    registersAs: (expected, fact) => proveOutcome('register', expected, fact),
    connects: (fact) => proveOutcome('connect', 'connected', fact),
    isTurnedAway: (fact) => proveOutcome('connect', 'turned away', fact),
    isNotServed: (fact) => proveOutcome('connect', 'not served', fact),
  };
}

/** An entry: reading, changing, writing back and deleting it, individual or group. */
function entry(kind, id) {
  const calls = {
    enrollment: ['getIndividualEnrollment', 'createOrUpdateIndividualEnrollment', 'deleteIndividualEnrollment'],
    group: ['getEnrollmentGroup', 'createOrUpdateEnrollmentGroup', 'deleteEnrollmentGroup'],
  };
  const [get, put, remove] = calls[kind].map((name) => service[name].bind(service));
  const member = kind === 'group' ? 'enrollmentGroupId' : 'registrationId';
  const change = async (edit) => {
    const read = (await get(id)).responseBody;
    edit(read);
    return (await put(read)).responseBody;
  };
  return {
    create: async (attestation, more) => (await put({ [member]: id, attestation, ...more })).responseBody,
    disable: () => change((read) => (read.provisioningStatus = 'disabled')),
    enable: () => change((read) => (read.provisioningStatus = 'enabled')),
    /** Writes both slots; `undefined` keeps what there is. */
    fill: (slots) => change((read) => Object.assign(Object.values(read.attestation.x509).find(Boolean), slots)),
    remove: () => remove(id),
  };
}

/** X.509 attestation with one kind of slots. */
function x509(member, primary) {
  return { type: 'x509', x509: { [member]: { primary } } };
}

/** What fills a slot with a certificate. */
function slot(name) {
  return { certificate: pem(name) };
}

/** Sets the status of a device at the hub. An update replaces: without what was read it would change the credential. */
async function setHubStatus(deviceId, status) {
  const identity = (await registry.get(deviceId)).responseBody;
  await registry.update({ ...identity, status });
}

/** Runs one provost command; resolves with what it printed. */
function provost(...words) {
  return new Promise((resolve, reject) => {
    execFile(process.env.PROVOST_PROGRAM, words, (error, stdout, stderr) =>
      error ? reject(new Error(`provost ${words.join(' ')}: ${stderr}${stdout}`)) : resolve(stdout)
    );
  });
}

module.exports = { device, entry, provost, registry, setHubStatus, slot, x509 };
