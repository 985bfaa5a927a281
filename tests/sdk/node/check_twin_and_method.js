'use strict';
// azure-iothub twins and direct methods, against an azure-iot-device-mqtt device in the same process.
// proves: 14

const { Client: DeviceClient, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { Client: ServiceClient, Registry } = require('azure-iothub');

const { HOST, HUB_CONNECTION_STRING, inTime, prove, proveEqual, proveFails, run, waitFor } = require('./conformance');

const ID = 'twin-0001';

/** The numeric code inside the error body of the method call. */
function codeOf(error) {
  const outer = JSON.parse(error.responseBody);
  return JSON.parse(outer.Message).errorCode;
}

run(async () => {
  const registry = Registry.fromConnectionString(HUB_CONNECTION_STRING);
  const service = ServiceClient.fromConnectionString(HUB_CONNECTION_STRING);
  const key = (await registry.create({ deviceId: ID })).responseBody.authentication.symmetricKey.primaryKey;

  const call = { methodName: 'start', payload: { speed: 3 }, responseTimeoutInSeconds: 15 };
  const offline = await service.invokeDeviceMethod(ID, call).catch((error) => error);
  proveEqual([offline.response.statusCode, codeOf(offline)], [404, 404103], 'a method on an offline device fails with 404103');
  const unknown = await service.invokeDeviceMethod('twin-unknown', call).catch((error) => error);
  proveEqual(unknown.response.statusCode, 404, 'a method on an unknown device is not found');

  const fresh = (await registry.getTwin(ID)).responseBody;
  proveEqual([fresh.deviceId, fresh.properties.desired.$version], [ID, 1], 'a new twin has version 1');
  const tagged = (
    await registry.updateTwin(ID, { tags: { line: 4 }, properties: { desired: { limit: { high: 80, low: 10 } } } }, fresh.etag)
  ).responseBody;
  proveEqual(
    [tagged.tags, tagged.properties.desired.limit, tagged.properties.desired.$version],
    [{ line: 4 }, { high: 80, low: 10 }, 2],
    'a patch of tags and desired properties is stored'
  );
  await proveFails(registry.updateTwin(ID, { tags: { line: 5 } }, fresh.etag), 'InvalidEtagError', 'a twin update with a stale etag is refused');

  const device = DeviceClient.fromConnectionString(`HostName=${HOST};DeviceId=${ID};SharedAccessKey=${key}`, Mqtt);
  await device.open();
  prove(
    await waitFor('connection state', async () => (await registry.get(ID)).responseBody.connectionState === 'Connected'),
    'the registry shows the device as connected'
  );
  const twin = await device.getTwin();
  proveEqual(twin.properties.desired.limit, { high: 80, low: 10 }, 'the device reads the desired properties');

  let received;
  const patched = new Promise((resolve) => {
    received = resolve;
  });
  twin.on('properties.desired', (patch) => {
    if (patch.limit && patch.limit.high === 95) {
      received(patch);
    }
  });
  // The SDK subscribes when the listener is added: writing again until it arrives needs no guess about when.
  const writing = setInterval(() => {
    registry.updateTwin(ID, { properties: { desired: { limit: { high: 95, low: null } } } }, '*').catch(() => {});
  }, 500);
  const patch = await inTime('the desired patch', patched).finally(() => clearInterval(writing));
  prove(patch.$version > 2, 'the device receives a desired patch with its version', patch);
  proveEqual(twin.properties.desired.limit, { high: 95 }, 'a null in the patch removes the property');

  await new Promise((resolve, reject) => {
    twin.properties.reported.update({ mode: 'run', load: { now: 7 } }, (error) => (error ? reject(error) : resolve()));
  });
  const reported = (await registry.getTwin(ID)).responseBody.properties.reported;
  proveEqual([reported.mode, reported.load], ['run', { now: 7 }], 'the service reads the reported properties');

  await inTime('telemetry', device.sendEvent(new Message('{"pressure":3}')));
  prove(true, 'telemetry is acknowledged');

  const calls = [];
  device.onDeviceMethod('start', (request, response) => {
    calls.push(request.payload);
    response.send(202, { started: true });
  });
  // The device is callable from the moment its subscription is acknowledged; until then the hub says 404103.
  const answer = await waitFor('the method subscription', async () => {
    try {
      return (await service.invokeDeviceMethod(ID, call)).result;
    } catch (error) {
      if (codeOf(error) !== 404103) {
        throw error;
      }
      return null;
    }
  });
  proveEqual(calls[0], { speed: 3 }, 'the device receives the payload of the direct method');
  proveEqual([answer.status, answer.payload], [202, { started: true }], 'the service receives status and payload of the answer');

  // The SDK keeps a lost connection to itself for minutes and tries again: the registry tells at once.
  await registry.update({ deviceId: ID, status: 'disabled' });
  await waitFor('the disconnect', async () => (await registry.get(ID)).responseBody.connectionState === 'Disconnected');
  prove(true, 'disabling the identity disconnects the device');
  await registry.delete(ID);
});
