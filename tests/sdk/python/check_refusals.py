"""azure-iot-device: who is refused at registration, and what the SDK makes of it."""
# proves: 12

import base64

from conformance import (
    DPS,
    HUB_SERVICE,
    X509,
    certificate_file,
    create_enrollment,
    create_group,
    derived_key,
    prove,
    prove_equal,
    refusal,
    register,
    set_provisioning_status,
    signing_certificate,
    x509_credential,
)

mill = x509_credential("mill/mill-0001")
create_group("python-mills", signing_certificate("mill/intermediate.pem"))

set_provisioning_status("enrollmentGroups", "python-mills", "disabled")
seen = refusal("mill-0001", mill)
prove("status disabled" in seen, "a device of a disabled group is told disabled over MQTT", seen)
seen = refusal("mill-0001", mill, websockets=True)
prove("status disabled" in seen, "a device of a disabled group is told disabled over MQTT over WebSocket", seen)
record = DPS.call("GET", "/registrations/mill-0001")
prove_equal(record["status"], "disabled", "the refusal is kept in the registration record")
status, _ = HUB_SERVICE.send("GET", "/devices/mill-0001")
prove_equal(status, 404, "the refused device has no hub identity")

set_provisioning_status("enrollmentGroups", "python-mills", "enabled")
prove_equal(register("mill-0001", mill).status, "assigned", "the device returns when its group is enabled again")

create_enrollment("mill-0002", {"type": "symmetricKey"}, provisioningStatus="disabled")
seen = refusal("mill-0002", x509_credential("mill/mill-0002"))
prove("ServiceError" in seen, "a disabled individual enrollment shadows the enabled group", seen)

seen = refusal("mill-0003", mill)
prove("status code 401" in seen, "a registration ID other than the common name is refused with 401", seen)

create_group("python-saws", {"type": "x509", "x509": {"caReferences": {"primary": "saw-root"}}})
leaf_only = X509(certificate_file("saw/saw-0001.pem"), certificate_file("saw/saw-0001.key"))
seen = refusal("saw-0001", leaf_only)
prove("status code 401" in seen, "a leaf without its intermediate is refused with 401", seen)
prove_equal(
    register("saw-0001", x509_credential("saw/saw-0001")).status, "assigned", "the same leaf with its chain is assigned"
)

create_enrollment("fan-0001", {"type": "symmetricKey"})
wrong_key = base64.b64encode(b"w" * 32).decode()
seen = refusal("fan-0001", wrong_key)
prove("status code 401" in seen or "CredentialError" in seen, "a wrong symmetric key is refused", seen)
seen = refusal("fan-unknown", wrong_key)
prove("status code 401" in seen or "CredentialError" in seen, "an unknown registration ID is refused", seen)

group_key = create_group("python-fans", {"type": "symmetricKey"})["attestation"]["symmetricKey"]["primaryKey"]
seen = refusal("fan-0002", derived_key(group_key, "fan-0003"))
prove("status code 401" in seen or "CredentialError" in seen, "the derived key of another device is refused", seen)
