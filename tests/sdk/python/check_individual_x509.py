"""azure-iot-device: individual X.509 enrollment with self-signed leafs in both slots."""
# proves: 6

from conformance import HUB_SERVICE, create_enrollment, pem, prove, prove_equal, register, thumbprints, x509_credential

create_enrollment(
    "robot-0001",
    {
        "type": "x509",
        "x509": {
            "clientCertificates": {
                "primary": {"certificate": pem("robot-primary.pem")},
                "secondary": {"certificate": pem("robot-secondary.pem")},
            }
        },
    },
    deviceId="Robot.7",
)


def stored_thumbprint():
    """The thumbprint that the hub holds for the device."""
    identity = HUB_SERVICE.call("GET", "/devices/Robot.7")
    return (identity["authentication"]["x509Thumbprint"]["primaryThumbprint"] or "").upper()


state = register("robot-0001", x509_credential("robot-primary")).registration_state
prove_equal(state.device_id, "Robot.7", "an individual enrollment names another device ID than its registration ID")
seen = stored_thumbprint()
prove(seen in thumbprints("robot-primary.pem"), "the primary certificate opens the enrollment over MQTT", seen)

result = register("robot-0001", x509_credential("robot-secondary"), websockets=True)
prove_equal(result.status, "assigned", "the secondary certificate opens the enrollment over MQTT over WebSocket")
prove_equal(result.registration_state.device_id, "Robot.7", "the second registration keeps the device ID")
seen = stored_thumbprint()
prove(seen in thumbprints("robot-secondary.pem"), "the hub identity now has the thumbprint of the secondary", seen)
prove(seen not in thumbprints("robot-primary.pem"), "the hub identity no longer has the thumbprint of the primary", seen)
