'use strict';
// What the Node.js checks share: the stage they play on, device helpers, and `prove`.
//
// A check states each fact through `prove`, which both tests it and prints it. The runner counts the printed lines
// against the number the check file declares, so a fact cannot disappear unnoticed.

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const path = require('path');

const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt } = require('azure-iot-provisioning-device-mqtt');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');

const HOST = process.env.PROVOST_HOST;
const ID_SCOPE = process.env.PROVOST_ID_SCOPE;
const HUB_CONNECTION_STRING = process.env.PROVOST_HUB_CONNECTION_STRING;
const DEADLINE_MS = 15000;

/** The DPS service client under test. */
const service = ProvisioningServiceClient.fromConnectionString(process.env.PROVOST_DPS_CONNECTION_STRING);

/** Fails with what was seen unless the condition holds; prints the fact if it does. */
function prove(condition, fact, seen) {
  assert.ok(condition, `not proved: ${fact}; seen: ${JSON.stringify(seen)}`);
  console.log(`proved: ${fact}`);
}

/** Proves that two values are equal in depth. */
function proveEqual(seen, expected, fact) {
  assert.deepStrictEqual(seen, expected, `not proved: ${fact}; seen: ${JSON.stringify(seen)}`);
  console.log(`proved: ${fact}`);
}

/** Proves that the promise fails with the SDK's error class of that name; returns the error. */
async function proveFails(promise, name, fact) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `not proved: ${fact}; it succeeded`);
  assert.strictEqual(error.name, name, `not proved: ${fact}; seen: ${error.name}: ${error.message}`);
  console.log(`proved: ${fact}`);
  return error;
}

/** Resolves with the first truthy result of an asynchronous condition, or fails at the deadline. */
async function waitFor(what, condition) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const result = await condition();
    if (result) {
      return result;
    }
    assert.ok(Date.now() < end, `waited ${DEADLINE_MS} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Resolves with the promise's value, or fails at the deadline. */
function inTime(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${DEADLINE_MS} ms in vain for: ${what}`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The text of a file that tests/sdk/certificates.sh made. */
function pem(name) {
  return fs.readFileSync(path.join(process.env.PROVOST_CERTIFICATES, name), 'ascii');
}

/** SHA-256 thumbprint, upper case, of the first certificate in a file. */
function thumbprint(name) {
  return new crypto.X509Certificate(pem(name)).fingerprint256.replaceAll(':', '');
}

/** The key of one device of a symmetric enrollment group. */
function derivedKey(groupKey, registrationId) {
  return crypto.createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64');
}

/** Registers a device; the security client says who it is, the transport is `Http` or `Mqtt`. */
function register(security, Transport) {
  return ProvisioningDeviceClient.create(HOST, ID_SCOPE, new Transport(), security).register();
}

/** A security client with a certificate (and the chain it sends) and key made by certificates.sh. */
function x509(registrationId, certificate, key) {
  return new X509Security(registrationId, { cert: pem(certificate), key: pem(key) });
}

/** A security client with a base64 key. */
function symmetricKey(registrationId, key) {
  return new SymmetricKeySecurityClient(registrationId, key);
}

/** Bulk operations: the SDK answers only through a callback here. */
function bulk(mode, enrollments) {
  return inTime(
    'the bulk operation',
    new Promise((resolve, reject) => {
      service.runBulkEnrollmentOperation({ mode, enrollments }, (error, result) =>
        error ? reject(error) : resolve(result)
      );
    })
  );
}

/** A token of the hub's owner for the whole host. */
function hubToken() {
  const parts = Object.fromEntries(HUB_CONNECTION_STRING.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const [resource, end] = [encodeURIComponent(parts.HostName), Math.floor(Date.now() / 1000) + 3600];
  const signature = crypto.createHmac('sha256', Buffer.from(parts.SharedAccessKey, 'base64')).update(`${resource}\n${end}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${end}&skn=${parts.SharedAccessKeyName}`;
}

/** One request to an address of the hub that no SDK has; resolves with the parsed body, null when there is none. */
function hubRequest(method, path, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const address = `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`;
    const options = { host: HOST, path: address, method, headers: { Authorization: hubToken(), ...headers } };
    const request = https.request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode >= 300) {
          reject(new Error(`${method} ${path} answered ${response.statusCode}: ${text}`));
        } else {
          resolve(text === '' ? null : JSON.parse(text));
        }
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends a device a message; over AMQP alone the SDK could (docs/API-NOTES.md). */
function sendToDevice(deviceId, text, options) {
  const body = JSON.stringify({ ...options, body: Buffer.from(text).toString('base64') });
  return hubRequest('POST', `/provost/hubs/${HOST}/devices/${deviceId}/messages`, { body });
}

/** Runs a check: prints what went wrong and ends the process either way. */
function run(check) {
  check().then(
    () => process.exit(0),
    (error) => {
      console.log(error.stack);
      if (error.responseBody) {
        console.log(`the service answered: ${error.responseBody}`);
      }
      process.exit(1);
    }
  );
}

module.exports = {
  HOST,
  HUB_CONNECTION_STRING,
  Http,
  Mqtt,
  bulk,
  derivedKey,
  hubRequest,
  inTime,
  pem,
  prove,
  proveEqual,
  proveFails,
  register,
  run,
  sendToDevice,
  service,
  symmetricKey,
  thumbprint,
  waitFor,
  x509,
};
