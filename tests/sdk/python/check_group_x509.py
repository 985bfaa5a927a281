"""azure-iot-device: X.509 enrollment groups, by signing certificate and by verified CA, chain with an intermediate."""
# proves: 11

from conformance import (
    DPS,
    HOST,
    HUB_SERVICE,
    create_group,
    prove,
    prove_equal,
    register,
    signing_certificate,
    thumbprints,
    x509_credential,
)

create_group("python-presses", signing_certificate("press/intermediate.pem"))

result = register("press-0001", x509_credential("press/press-0001"))
prove_equal(result.status, "assigned", "group X.509 device press-0001 is assigned over MQTT")
state = result.registration_state
prove_equal(state.assigned_hub, HOST, f"press-0001 is assigned to {HOST}")
prove_equal(state.device_id, "press-0001", "the device ID of a group device is its registration ID")
prove_equal(state.sub_status, "initialAssignment", "the first registration is an initial assignment")

record = DPS.call("GET", "/registrations/press-0001")
prove_equal(record["etag"], state.etag, "device and service see the same registration record (etag)")

identity = HUB_SERVICE.call("GET", "/devices/press-0001")
prove_equal(
    identity["authentication"]["type"], "selfSigned", "the hub identity of press-0001 authenticates by thumbprint"
)
stored = (identity["authentication"]["x509Thumbprint"]["primaryThumbprint"] or "").upper()
prove(stored in thumbprints("press/press-0001.pem"), "the hub knows the thumbprint of the presented leaf", stored)

again = register("press-0001", x509_credential("press/press-0001")).registration_state
prove_equal(
    (again.assigned_hub, again.device_id),
    (state.assigned_hub, state.device_id),
    "a second registration gives press-0001 the same assignment",
)

result = register("press-0002", x509_credential("press/press-0002"), websockets=True)
prove_equal(
    (result.status, result.registration_state.assigned_hub),
    ("assigned", HOST),
    "group X.509 device press-0002 is assigned over MQTT over WebSocket",
)

create_group("python-lathes", {"type": "x509", "x509": {"caReferences": {"primary": "lathe-root"}}})
result = register("lathe-0001", x509_credential("lathe/lathe-0001"))
prove_equal(result.status, "assigned", "lathe-0001 is assigned through the verified root CA of its chain")
records = DPS.call("POST", "/registrations/python-lathes/query", {"query": "*"})
prove_equal(
    [entry["registrationId"] for entry in records], ["lathe-0001"], "the record of lathe-0001 belongs to its own group"
)
