'use strict';
// azure-iot-device over MQTT: cloud-to-device messages with their properties, and those that waited.
// proves: 6

const { Client: DeviceClient } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { Registry } = require('azure-iothub');

const { HOST, HUB_CONNECTION_STRING, hubRequest, inTime, prove, proveEqual, run, sendToDevice, waitFor } = require('./conformance');

const ID = 'mail-0001';

run(async () => {
  const registry = Registry.fromConnectionString(HUB_CONNECTION_STRING);
  const key = (await registry.create({ deviceId: ID })).responseBody.authentication.symmetricKey.primaryKey;
  await sendToDevice(ID, 'early', { ack: 'full', messageId: 'mail-1', properties: { colour: 'blue', note: 'a/b c=d&e' } });
  proveEqual((await registry.get(ID)).responseBody.cloudToDeviceMessageCount, 1, 'a message for a device that is away waits');

  const device = DeviceClient.fromConnectionString(`HostName=${HOST};DeviceId=${ID};SharedAccessKey=${key}`, Mqtt);
  const messages = [];
  device.on('message', (message) => {
    messages.push(message);
    device.complete(message, () => {});
  });
  await inTime('opening', device.open());
  await waitFor('the message', () => messages.length > 0);
  proveEqual([messages[0].getData().toString(), messages[0].messageId], ['early', 'mail-1'], 'it is delivered once the device listens');
  proveEqual(
    [messages[0].properties.getValue('colour'), messages[0].properties.getValue('note')],
    ['blue', 'a/b c=d&e'],
    'with its application properties, odd characters included'
  );
  await sendToDevice(ID, 'late', {});
  await waitFor('the second message', () => messages.length > 1);
  prove(messages[1].getData().toString() === 'late', 'a message to a connected device comes at once');
  await waitFor('the queue', async () => (await registry.get(ID)).responseBody.cloudToDeviceMessageCount === 0);
  prove(true, 'acknowledged messages are gone');
  const feedback = await waitFor('the feedback', async () => hubRequest('GET', '/messages/serviceBound/feedback'));
  proveEqual(
    feedback.filter((each) => each.deviceId === ID).map((each) => [each.originalMessageId, each.statusCode]),
    [['mail-1', 'Success']],
    'and the sender who asked is told'
  );
  await registry.delete(ID);
});
