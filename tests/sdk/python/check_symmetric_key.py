"""azure-iot-device: symmetric key enrollments, individual and group with derived keys."""
# proves: 9

from conformance import (
    DPS,
    HOST,
    HUB_SERVICE,
    create_enrollment,
    create_group,
    derived_key,
    prove,
    prove_equal,
    register,
)

created = create_enrollment("pump-0001", {"type": "symmetricKey"})
keys = created["attestation"]["symmetricKey"]
prove(keys["primaryKey"] and keys["secondaryKey"], "the service makes both keys when none are given", keys)
shown = DPS.call("POST", "/enrollments/pump-0001/attestationmechanism")
prove_equal(shown["symmetricKey"], keys, "the attestation mechanism call shows the same keys")

result = register("pump-0001", keys["primaryKey"])
prove_equal(
    (result.status, result.registration_state.assigned_hub),
    ("assigned", HOST),
    "individual symmetric key device pump-0001 is assigned over MQTT with its primary key",
)
result = register("pump-0001", keys["secondaryKey"], websockets=True)
prove_equal(result.status, "assigned", "pump-0001 is assigned over MQTT over WebSocket with its secondary key")
identity = HUB_SERVICE.call("GET", "/devices/pump-0001")
prove_equal(identity["authentication"]["type"], "sas", "the hub identity of pump-0001 authenticates by SAS")

group = create_group("python-valves", {"type": "symmetricKey"})
group_keys = group["attestation"]["symmetricKey"]
device_key = derived_key(group_keys["primaryKey"], "valve-0001")
result = register("valve-0001", device_key)
prove_equal(result.status, "assigned", "valve-0001 is assigned over MQTT with a key derived from the group's primary key")
identity = HUB_SERVICE.call("GET", "/devices/valve-0001")
prove_equal(
    identity["authentication"]["symmetricKey"]["primaryKey"],
    device_key,
    "the hub identity of valve-0001 has the derived key as its primary key",
)
result = register("valve-0002", derived_key(group_keys["primaryKey"], "valve-0002"), websockets=True)
prove_equal(result.status, "assigned", "valve-0002 is assigned over MQTT over WebSocket with its derived key")
result = register("valve-0003", derived_key(group_keys["secondaryKey"], "valve-0003"))
prove_equal(result.status, "assigned", "valve-0003 is assigned with a key derived from the group's secondary key")
