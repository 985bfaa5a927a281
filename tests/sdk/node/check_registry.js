'use strict';
// azure-iothub: the identity registry.
// proves: 15

const { Registry } = require('azure-iothub');

const { HUB_CONNECTION_STRING, prove, proveEqual, proveFails, run } = require('./conformance');

const PRIMARY = 'aa11bb22cc33dd44ee55ff66aa77bb88cc99dd00';
const SECONDARY = 'aa11bb22cc33dd44ee55ff66aa77bb88cc99dd00aa11bb22cc33dd44ee55ff66';

run(async () => {
  const registry = Registry.fromConnectionString(HUB_CONNECTION_STRING);

  const created = (await registry.create({ deviceId: 'Registry-0001' })).responseBody;
  const keys = created.authentication.symmetricKey;
  prove(created.authentication.type === 'sas' && keys.primaryKey && keys.secondaryKey, 'a device is created with keys of its own', created);
  proveEqual([created.status, created.connectionState], ['enabled', 'Disconnected'], 'it is enabled and disconnected');
  const times = [created.connectionStateUpdatedTime, created.statusUpdatedTime, created.lastActivityTime];
  prove(times.every((time) => /^\d{4}-\d\d-\d\dT.*Z?$/.test(time)), 'its times are never null', times);
  await proveFails(registry.create({ deviceId: 'Registry-0001' }), 'DeviceAlreadyExistsError', 'a second device of the same ID is refused');

  const read = (await registry.get('Registry-0001')).responseBody;
  proveEqual([read.generationId, read.authentication], [created.generationId, created.authentication], 'reading shows the same generation and keys');

  const disabled = (await registry.update({ deviceId: 'Registry-0001', status: 'disabled', statusReason: 'check' })).responseBody;
  proveEqual([disabled.status, disabled.statusReason], ['disabled', 'check'], 'a device can be disabled with a reason');
  prove(disabled.etag !== created.etag, 'the etag changes with the write', disabled.etag);
  proveEqual(disabled.authentication.symmetricKey, keys, 'the empty keys this SDK sends along leave the stored keys alone');

  const selfSigned = (
    await registry.update({
      deviceId: 'Registry-0001',
      status: 'enabled',
      authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: PRIMARY, secondaryThumbprint: SECONDARY } },
    })
  ).responseBody;
  proveEqual(
    [selfSigned.authentication.type, selfSigned.authentication.x509Thumbprint.primaryThumbprint.toLowerCase()],
    ['selfSigned', PRIMARY],
    'a device can change to X.509 thumbprints'
  );

  await registry.create({ deviceId: 'Registry-0002', authentication: { type: 'certificateAuthority' } });
  const listed = (await registry.list()).responseBody.map((device) => device.deviceId);
  prove(listed.includes('Registry-0001') && listed.includes('Registry-0002'), 'the list shows both devices', listed);
  const statistics = (await registry.getRegistryStatistics()).responseBody;
  prove(statistics.totalDeviceCount >= 2 && statistics.enabledDeviceCount >= 2, 'the statistics count them', statistics);

  await registry.delete('Registry-0001');
  await registry.delete('Registry-0002');
  const error = await proveFails(registry.get('Registry-0001'), 'DeviceNotFoundError', 'a deleted device is not found');
  proveEqual(error.response.headers['iothub-errorcode'], 'DeviceNotFound', 'the error is named in its header too');

  const reborn = (await registry.create({ deviceId: 'Registry-0001' })).responseBody;
  prove(reborn.generationId !== created.generationId, 'a device made again has another generation', reborn.generationId);
  await registry.delete('Registry-0001');

  const stranger = Registry.fromConnectionString(HUB_CONNECTION_STRING.replace(/SharedAccessKey=.*/, 'SharedAccessKey=d3Jvbmcta2V5LW9mLXRoZS1jaGVjaw=='));
  await proveFails(stranger.get('Registry-0001'), 'UnauthorizedError', 'a wrong policy key is unauthorized');
});
