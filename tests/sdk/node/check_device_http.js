'use strict';
// azure-iot-device over HTTP: single messages, batches, and cloud-to-device messages with their lock tokens.
// proves: 8

const { Client: DeviceClient, Message } = require('azure-iot-device');
const { Http } = require('azure-iot-device-http');
const { Registry } = require('azure-iothub');

const { HOST, HUB_CONNECTION_STRING, hubRequest, inTime, pem, prove, proveEqual, run, sendToDevice, thumbprint, waitFor } = require('./conformance');

const ID = 'http-0001';
const X509_ID = 'http-0002';

/** The messages of one device in the hub's buffer, as text. */
async function messagesOf(deviceId) {
  const page = await hubRequest('GET', `/provost/hubs/${HOST}/telemetry?from=earliest&deviceId=${deviceId}&limit=1000`);
  return page.value.map((item) => ({ body: Buffer.from(item.body, 'base64').toString(), properties: item.properties }));
}

run(async () => {
  const registry = Registry.fromConnectionString(HUB_CONNECTION_STRING);
  const key = (await registry.create({ deviceId: ID })).responseBody.authentication.symmetricKey.primaryKey;
  const device = DeviceClient.fromConnectionString(`HostName=${HOST};DeviceId=${ID};SharedAccessKey=${key}`, Http);
  await inTime('opening', device.open());

  const message = new Message('one');
  message.properties.add('line', '4');
  message.messageId = 'm-1';
  await inTime('an event', device.sendEvent(message));
  prove(true, 'a message is taken over HTTP');
  const batch = ['two', 'three'].map((text) => new Message(text));
  batch[0].properties.add('line', '5');
  await inTime('a batch', device.sendEventBatch(batch));
  const seen = await waitFor('the messages', async () => {
    const found = await messagesOf(ID);
    return found.length === 3 && found;
  });
  proveEqual(seen.map((each) => each.body), ['one', 'two', 'three'], 'all of them are in the buffer, in order');
  proveEqual([seen[0].properties.line, seen[1].properties.line], ['4', '5'], 'with their application properties');

  // The SDK polls every second once a listener is added; the first outcome is to give the message back.
  await sendToDevice(ID, 'hello', { ack: 'full', properties: { colour: 'red' } });
  const received = [];
  await inTime(
    'the cloud-to-device messages',
    new Promise((resolve, reject) => {
      device.on('message', (incoming) => {
        received.push(incoming);
        const settle = received.length === 1 ? 'abandon' : 'complete';
        device[settle](incoming).then(() => received.length === 2 && resolve(), reject);
      });
    })
  );
  proveEqual(received.map((each) => each.getData().toString()), ['hello', 'hello'], 'an abandoned message comes again');
  // Over HTTP the SDK calls a property by its header.
  proveEqual(received[0].properties.getValue('iothub-app-colour'), 'red', 'with its application properties');
  const count = await waitFor('the queue', async () => {
    const identity = (await registry.get(ID)).responseBody;
    return identity.cloudToDeviceMessageCount === 0 && identity;
  });
  prove(count, 'a completed message is gone');
  await inTime('closing', device.close());

  await registry.create({
    deviceId: X509_ID,
    authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: thumbprint('mill/mill-0001.pem') } },
  });
  const certified = DeviceClient.fromConnectionString(`HostName=${HOST};DeviceId=${X509_ID};x509=true`, Http);
  // Over HTTP the SDK never says that it is done with a certificate; it takes it at once.
  certified.setOptions({ cert: pem('mill/mill-0001.pem'), key: pem('mill/mill-0001.key') });
  await inTime('an event with a certificate', certified.sendEvent(new Message('four')));
  prove(true, 'a device with a certificate sends over HTTP');
  const [last] = await waitFor('the message', async () => {
    const found = await messagesOf(X509_ID);
    return found.length > 0 && found;
  });
  proveEqual(last.body, 'four', 'and its message is in the buffer');
  await registry.delete(ID);
  await registry.delete(X509_ID);
});
