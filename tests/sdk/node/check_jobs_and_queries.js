'use strict';
// azure-iothub queries, jobs and modules, against azure-iot-device devices over MQTT and over MQTT in a WebSocket.
// proves: 18

const { Client: DeviceClient, ModuleClient } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { Client: ServiceClient, JobClient, Registry } = require('azure-iothub');

const { HOST, HUB_CONNECTION_STRING, inTime, prove, proveEqual, run, waitFor } = require('./conformance');

const IDS = ['yard-0001', 'yard-0002', 'yard-0003'];

/** Every item of a query of the SDK, and how many pages it took. */
async function all(query, next) {
  const items = [];
  let pages = 0;
  do {
    const { result } = await query[next]();
    items.push(...result);
    pages += 1;
  } while (query.hasMoreResults);
  return { items, pages };
}

run(async () => {
  const registry = Registry.fromConnectionString(HUB_CONNECTION_STRING);
  const service = ServiceClient.fromConnectionString(HUB_CONNECTION_STRING);
  const jobs = JobClient.fromConnectionString(HUB_CONNECTION_STRING);
  const called = [];
  const devices = [];

  for (const [index, deviceId] of IDS.entries()) {
    const identity = (await registry.create({ deviceId })).responseBody;
    await registry.updateTwin(deviceId, { tags: { yard: 'north', rank: index } }, '*');
    const key = identity.authentication.symmetricKey.primaryKey;
    const device = DeviceClient.fromConnectionString(
      `HostName=${HOST};DeviceId=${deviceId};SharedAccessKey=${key}`,
      index === 0 ? MqttWs : Mqtt
    );
    await inTime('opening', device.open());
    device.onDeviceMethod('reprovision', (request, response) => {
      called.push(deviceId);
      response.send(index === 1 ? 500 : 200, { from: deviceId });
    });
    device.onDeviceMethod('hello', (request, response) => response.send(200));
    devices.push(device);
  }

  // Queries.
  const twins = await all(registry.createQuery("SELECT * FROM devices WHERE tags.yard = 'north'", 2), 'nextAsTwin');
  proveEqual(twins.items.map((twin) => twin.deviceId).sort(), IDS, 'a query by tag finds the devices as twins');
  proveEqual(twins.pages, 2, 'in pages of two');
  const raw = await all(registry.createQuery("SELECT deviceId, tags.rank AS rank FROM devices WHERE tags.rank > 0 AND tags.yard = 'north'", 100), 'next');
  proveEqual(raw.items.sort((a, b) => a.rank - b.rank), [{ deviceId: IDS[1], rank: 1 }, { deviceId: IDS[2], rank: 2 }], 'a projection gives the members asked for');
  const counted = await all(registry.createQuery("SELECT tags.yard AS yard, COUNT() AS n FROM devices WHERE IS_DEFINED(tags.yard) GROUP BY tags.yard", 100), 'next');
  proveEqual(counted.items, [{ yard: 'north', n: 3 }], 'an aggregate counts by group');
  const broken = await registry.createQuery('SELECT * FROM devices WHERE', 100).next().catch((error) => error);
  proveEqual([broken.name, broken.response.statusCode], ['ArgumentError', 400], 'a query with a mistake is an argument error');

  // A method job; the devices are callable once their subscription is acknowledged.
  for (const deviceId of IDS) {
    await waitFor('the method subscription', () =>
      service.invokeDeviceMethod(deviceId, { methodName: 'hello', payload: null, responseTimeoutInSeconds: 10 }).then(() => true, () => false)
    );
  }
  const methodJob = `call-${process.pid}`;
  const parameters = { methodName: 'reprovision', payload: { to: 'here' }, responseTimeoutInSeconds: 15 };
  const scheduled = await jobs.scheduleDeviceMethod(methodJob, "tags.yard = 'north'", parameters, new Date(), 60);
  proveEqual([scheduled.jobStatus.jobId, scheduled.jobStatus.type], [methodJob, 'scheduleDeviceMethod'], 'a job that calls a method is taken');
  const again = await jobs.scheduleDeviceMethod(methodJob, '*', parameters, new Date(), 60).catch((error) => error);
  proveEqual(again.response.statusCode, 409, 'a second job of the same ID is refused');
  const done = await waitFor('the job', async () => {
    const { jobStatus } = await jobs.getJob(methodJob);
    return jobStatus.status === 'completed' && jobStatus;
  });
  proveEqual([done.deviceJobStatistics.deviceCount, done.deviceJobStatistics.succeededCount], [3, 3], 'every device answered');
  proveEqual(called.sort(), IDS, 'each was called once');
  const rows = await all(registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${methodJob}'`, 100), 'next');
  proveEqual(
    rows.items.map((row) => [row.deviceId, row.outcome.deviceMethodResponse.status]).sort(),
    [[IDS[0], 200], [IDS[1], 500], [IDS[2], 200]],
    'the answer of each device can be read'
  );

  // A twin job.
  const twinJob = `write-${process.pid}`;
  await jobs.scheduleTwinUpdate(twinJob, `deviceId IN ['${IDS[0]}', '${IDS[1]}']`, { etag: '*', tags: { shift: 2 } }, new Date(), 60);
  await waitFor('the job', async () => (await jobs.getJob(twinJob)).jobStatus.status === 'completed');
  const shifts = await Promise.all(IDS.map(async (id) => (await registry.getTwin(id)).responseBody.tags.shift));
  proveEqual(shifts, [2, 2, undefined], 'a job updates the twins its condition names');
  const listed = await all(jobs.createQuery('scheduleUpdateTwin', 'completed', 10), 'next');
  prove(listed.items.some((job) => job.jobId === twinJob), 'the list of jobs shows it', listed.items);
  const later = `later-${process.pid}`;
  await jobs.scheduleTwinUpdate(later, '*', { etag: '*', tags: { late: true } }, new Date(Date.now() + 3600000), 60);
  await jobs.cancelJob(later);
  proveEqual((await jobs.getJob(later)).jobStatus.status, 'cancelled', 'a scheduled job is cancelled');

  // Modules.
  await registry.addModule({ deviceId: IDS[0], moduleId: 'camera' });
  const module = (await registry.getModule(IDS[0], 'camera')).responseBody;
  proveEqual([module.deviceId, module.moduleId, module.connectionState], [IDS[0], 'camera', 'Disconnected'], 'a module is created');
  const unknown = await registry.getModule(IDS[0], 'lidar').catch((error) => error);
  proveEqual([unknown.response.statusCode, unknown.response.headers['iothub-errorcode']], [404, 'ModuleNotFound'], 'an unknown module is not found');
  const camera = ModuleClient.fromConnectionString(
    `HostName=${HOST};DeviceId=${IDS[0]};ModuleId=camera;SharedAccessKey=${module.authentication.symmetricKey.primaryKey}`,
    Mqtt
  );
  await inTime('opening the module', camera.open());
  const twin = await camera.getTwin();
  proveEqual(twin.properties.desired.$version, 1, 'a module connects and reads its own twin');
  camera.onMethod('zoom', (request, response) => response.send(200, { zoom: request.payload }));
  const answer = await waitFor('the module method', () =>
    service.invokeDeviceMethod(IDS[0], 'camera', { methodName: 'zoom', payload: 3, responseTimeoutInSeconds: 10 }).then(({ result }) => result, () => null)
  );
  proveEqual([answer.status, answer.payload], [200, { zoom: 3 }], 'a module answers a method');
  await registry.removeModule(IDS[0], 'camera');
  proveEqual((await registry.getModulesOnDevice(IDS[0])).responseBody, [], 'a module is removed');

  await Promise.all(IDS.map((id) => registry.delete(id)));
});
