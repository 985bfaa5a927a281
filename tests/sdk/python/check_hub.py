"""azure-iot-device: life at the hub with the identity that provisioning made."""
# proves: 21

import base64
import json
import queue

from azure.iot.device import Message, MethodResponse
from azure.iot.device.exceptions import CredentialError

from conformance import (
    HUB,
    HUB_SERVICE,
    create_enrollment,
    create_group,
    device_client,
    prove,
    prove_equal,
    register,
    signing_certificate,
    wait_for,
    x509_credential,
)


def telemetry_of(device_id):
    """Every telemetry message the hub holds from one device, oldest first."""
    found, after = [], 0
    while True:
        page = HUB_SERVICE.call("GET", f"/provost/hubs/{HUB}/telemetry?after={after}&limit=100")
        found += [entry for entry in page["value"] if entry["deviceId"] == device_id]
        if not page["value"]:
            return found
        after = page["next"]


def live_at_the_hub(state, credential, websockets, carrier):
    """Everything a provisioned device does at its hub; nine facts. Returns the connected client."""
    device = state.device_id
    client = device_client(device, state.assigned_hub, credential, websockets)
    patches, calls = queue.Queue(), queue.Queue()
    client.on_twin_desired_properties_patch_received = patches.put

    def on_method(request):
        calls.put(request)
        answer = {"heard": request.payload}
        client.send_method_response(MethodResponse.create_from_method_request(request, 207, answer))

    client.on_method_request_received = on_method
    client.connect()
    prove(client.connected, f"{device} connects to its assigned hub over {carrier}")
    seen = wait_for(
        "connection state", lambda: HUB_SERVICE.call("GET", f"/devices/{device}")["connectionState"] == "Connected"
    )
    prove(seen, f"the registry shows {device} as connected")

    twin = client.get_twin()
    prove_equal(
        (twin["desired"].get("interval"), twin["desired"].get("$version") is not None),
        (30, True),
        f"{device} reads the initial twin of its enrollment",
    )

    message = Message(json.dumps({"temperature": 21.5}), content_encoding="utf-8", content_type="application/json")
    message.custom_properties["alarm"] = "no"
    client.send_message(message)
    arrived = wait_for("telemetry", lambda: telemetry_of(device))[-1]
    prove_equal(
        json.loads(base64.b64decode(arrived["body"])), {"temperature": 21.5}, f"the telemetry of {device} arrives unchanged"
    )
    prove_equal(arrived["properties"], {"alarm": "no"}, f"the application properties of {device}'s message arrive")

    client.patch_twin_reported_properties({"firmware": "1.4.2", "nested": {"state": "ready"}})
    reported = HUB_SERVICE.call("GET", f"/twins/{device}")["properties"]["reported"]
    prove_equal(
        (reported["firmware"], reported["nested"]["state"]),
        ("1.4.2", "ready"),
        f"the service reads the reported properties of {device}",
    )

    HUB_SERVICE.call("PATCH", f"/twins/{device}", {"properties": {"desired": {"interval": 5}}}, if_match="*")
    patch = patches.get(timeout=15)
    prove_equal(
        (patch["interval"], patch["$version"]),
        (5, twin["desired"]["$version"] + 1),
        f"{device} receives the change of a desired property",
    )

    answer = HUB_SERVICE.call(
        "POST",
        f"/twins/{device}/methods",
        {"methodName": "blink", "payload": {"times": 3}, "responseTimeoutInSeconds": 20},
    )
    request = calls.get(timeout=15)
    prove_equal((request.name, request.payload), ("blink", {"times": 3}), f"{device} receives the direct method")
    prove_equal(
        (answer["status"], answer["payload"]),
        (207, {"heard": {"times": 3}}),
        f"the service receives {device}'s own status and answer",
    )
    return client


twin = {"tags": {"line": 4}, "properties": {"desired": {"interval": 30}}}
drill = x509_credential("drill/drill-0001")
create_group("python-drills", signing_certificate("drill/intermediate.pem"), initialTwin=twin)
state = register("drill-0001", drill).registration_state
live_at_the_hub(state, drill, websockets=False, carrier="MQTT with X.509").shutdown()

key = create_enrollment("crane-0001", {"type": "symmetricKey"}, initialTwin=twin)["attestation"]["symmetricKey"]
state = register("crane-0001", key["primaryKey"]).registration_state
client = live_at_the_hub(state, key["primaryKey"], websockets=True, carrier="MQTT over WebSocket with SAS")

identity = HUB_SERVICE.call("GET", "/devices/crane-0001")
identity["status"] = "disabled"
HUB_SERVICE.call("PUT", "/devices/crane-0001", identity, if_match="*")
prove(wait_for("the connection to drop", lambda: not client.connected), "disabling a connected device drops it")
client.shutdown()
client = device_client("crane-0001", state.assigned_hub, key["primaryKey"], websockets=True)
try:
    client.connect()
    outcome = "connected"
except CredentialError:
    outcome = "CredentialError"
except Exception as error:  # the SDK names a code other than 5 differently
    outcome = type(error).__name__
prove(outcome not in ("connected",), "a disabled device cannot connect again", outcome)
client.shutdown()

other = device_client("drill-0001", state.assigned_hub, x509_credential("mill/mill-0001"))
try:
    other.connect()
    outcome = "connected"
except CredentialError:
    outcome = "CredentialError"
prove_equal(outcome, "CredentialError", "another device's certificate is refused as a wrong credential")
other.shutdown()
