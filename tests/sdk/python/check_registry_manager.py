"""azure-iot-hub: identities of devices and modules, bulk, statistics and twins through IoTHubRegistryManager."""
# proves: 24

import os

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import ExportImportDevice, AuthenticationMechanism, SymmetricKey, Twin, TwinProperties
from azure.iot.hub.protocol.models import Device
from msrest.exceptions import HttpOperationError

from conformance import prove, prove_equal

ID = "manager-0001"
KEYS = ("cHJpbWFyeS1rZXktb2YtYS1jaGVjaw==", "c2Vjb25kYXJ5LWtleS1vZi1hLWNoZWNr")
SHA1 = ("AA11BB22CC33DD44EE55FF66AA77BB88CC99DD00", "BB11BB22CC33DD44EE55FF66AA77BB88CC99DD00")

manager = IoTHubRegistryManager.from_connection_string(os.environ["PROVOST_HUB_CONNECTION_STRING"])


def refused(fact, status, call, *arguments):
    """Proves that a call fails with an HTTP status."""
    try:
        answer = call(*arguments)
    except HttpOperationError as error:
        prove_equal(error.response.status_code, status, fact)
    else:
        raise AssertionError(f"not proved: {fact}; answered {answer}")


# Devices.
created = manager.create_device_with_sas(ID, *KEYS, "enabled", status_reason="new")
prove(isinstance(created, Device), "a device is created with given keys", created)
prove_equal(
    (created.authentication.symmetric_key.primary_key, created.authentication.symmetric_key.secondary_key),
    KEYS,
    "the keys are the given ones",
)
prove(created.connection_state_updated_time and created.last_activity_time, "its times are readable", created)
refused("a second device of the same ID is refused", 409, manager.create_device_with_sas, ID, *KEYS, "enabled")
updated = manager.update_device_with_sas(ID, created.etag, *KEYS, "disabled", status_reason="check")
prove_equal((updated.status, updated.status_reason), ("disabled", "check"), "a device is disabled with its etag")
refused(
    "an update with a stale etag is refused", 412, manager.update_device_with_sas, ID, created.etag, *KEYS, "enabled"
)
x509 = manager.update_device_with_x509(ID, updated.etag, *SHA1, "enabled")
prove_equal(x509.authentication.type, "selfSigned", "a device changes to X.509 thumbprints")
by_ca = manager.update_device_with_certificate_authority(ID, x509.etag, "enabled")
prove_equal(by_ca.authentication.type, "certificateAuthority", "and to a certificate authority")
prove_equal(manager.get_device(ID).generation_id, created.generation_id, "it stays the same device")
prove(ID in [device.device_id for device in manager.get_devices(1000)], "the list shows it")

# Bulk and statistics.
before = manager.get_device_registry_statistics().total_device_count
batch = [
    ExportImportDevice(
        id=f"manager-bulk-{number}",
        status="enabled",
        import_mode="create",
        authentication=AuthenticationMechanism(
            type="sas", symmetric_key=SymmetricKey(primary_key=KEYS[0], secondary_key=KEYS[1])
        ),
    )
    for number in range(3)
]
prove(manager.bulk_create_or_update_devices(batch).is_successful, "three devices are created in bulk")
prove_equal(
    manager.get_device_registry_statistics().total_device_count, before + 3, "the statistics count them at once"
)
for item in batch:
    item.import_mode = "delete"
prove(manager.bulk_create_or_update_devices(batch).is_successful, "and deleted in bulk")
prove(manager.get_service_statistics().connected_device_count is not None, "connected devices are counted")

# Modules.
module = manager.create_module_with_sas(ID, "camera", "", *KEYS)
prove_equal((module.device_id, module.module_id), (ID, "camera"), "a module is created")
prove_equal([each.module_id for each in manager.get_modules(ID)], ["camera"], "the device lists its modules")
refused("a second module of the same ID is refused", 409, manager.create_module_with_sas, ID, "camera", "", *KEYS)
changed = manager.update_module_with_x509(ID, "camera", "", module.etag, *SHA1)
prove_equal(changed.authentication.type, "selfSigned", "a module changes to X.509 thumbprints")
twin = manager.update_module_twin(ID, "camera", Twin(properties=TwinProperties(desired={"zoom": 2})))
prove_equal(
    (twin.module_id, manager.get_module_twin(ID, "camera").properties.desired["zoom"]),
    ("camera", 2),
    "a module has a twin of its own",
)
manager.delete_module(ID, "camera")
refused("a deleted module is not found", 404, manager.get_module, ID, "camera")

# Twins.
twin = manager.update_twin(ID, Twin(tags={"site": "a"}, properties=TwinProperties(desired={"limit": {"high": 80}})))
prove_equal((twin.tags, twin.properties.desired["limit"]), ({"site": "a"}, {"high": 80}), "a twin is patched")
twin = manager.replace_twin(ID, Twin(tags={"line": 4}, properties=TwinProperties(desired={"mode": "run"})), twin.etag)
prove_equal(
    (twin.tags, twin.properties.desired.get("limit"), twin.properties.desired["mode"]),
    ({"line": 4}, None, "run"),
    "a twin is replaced",
)
prove_equal(manager.get_twin(ID).etag, twin.etag, "and read with the same etag")

manager.delete_device(ID)
refused("a deleted device is not found", 404, manager.get_device, ID)
