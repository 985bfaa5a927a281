#!/usr/bin/env python3
"""A device: gets in through the Device Provisioning Service, then talks to the hub it was assigned to.

It uses the official package azure-iot-device as it comes. Every option can also be given as an environment
variable of the same name with the prefix PROVISIONING_ (for example PROVISIONING_ID_SCOPE).

    device.py --host localhost --id-scope 0ne... --registration-id press-0001 --root-ca root-ca.pem \\
              --certificate press-0001-chain.pem --key press-0001.key
    device.py --host localhost --id-scope 0ne... --registration-id press-0001 --root-ca root-ca.pem \\
              --symmetric-key BASE64
"""

import argparse
import json
import os
import random
import sys
import threading
import time

from azure.iot.device import IoTHubDeviceClient, Message, MethodResponse, ProvisioningDeviceClient, X509


def say(text):
    """Prints a line with the time of day, at once."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def options():
    """Reads the options from the command line, with defaults from the environment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name, text, default=None):
        value = os.environ.get("PROVISIONING_" + name.upper().replace("-", "_"), default)
        parser.add_argument("--" + name, default=value, help=text)

    option("host", "host name of the provisioning service", "localhost")
    option("id-scope", "ID scope of the provisioning service")
    option("registration-id", "registration ID; for X.509 the common name of the certificate")
    option("root-ca", "PEM file with the root that signed the server's certificate")
    option("certificate", "PEM file with the device certificate, followed by its intermediates")
    option("key", "PEM file with the private key of the device certificate")
    option("symmetric-key", "base64 key of the device, instead of certificate and key")
    option("interval", "seconds between telemetry messages", "5")
    option("count", "stop after so many messages; 0 means never", "0")
    option("retry", "seconds to wait after a refusal", "10")
    chosen = parser.parse_args()
    if not chosen.id_scope or not chosen.registration_id:
        parser.error("--id-scope and --registration-id are needed")
    if bool(chosen.certificate) != bool(chosen.key):
        parser.error("--certificate and --key belong together")
    if bool(chosen.certificate) == bool(chosen.symmetric_key):
        parser.error("give either --certificate and --key, or --symmetric-key")
    return chosen


def root_ca(chosen):
    """The trusted root as PEM text, or None for the roots of this machine."""
    if not chosen.root_ca:
        return None
    with open(chosen.root_ca, encoding="ascii") as file:
        return file.read()


def provision(chosen):
    """Registers over MQTT and returns the registration state: assigned hub and device ID."""
    common = {
        "provisioning_host": chosen.host,
        "registration_id": chosen.registration_id,
        "id_scope": chosen.id_scope,
        "server_verification_cert": root_ca(chosen),
    }
    if chosen.certificate:
        client = ProvisioningDeviceClient.create_from_x509_certificate(
            x509=X509(chosen.certificate, chosen.key), **common
        )
    else:
        client = ProvisioningDeviceClient.create_from_symmetric_key(symmetric_key=chosen.symmetric_key, **common)
    result = client.register()
    if result is None or result.status != "assigned":
        raise RuntimeError("registration ended as " + (result.status if result else "nothing"))
    return result.registration_state


def connect(chosen, state):
    """Connects to the assigned hub with the credential that was used for provisioning."""
    # Without automatic retry a refusal reaches this program, which then asks the provisioning service again.
    common = {"server_verification_cert": root_ca(chosen), "connection_retry": False}
    if chosen.certificate:
        client = IoTHubDeviceClient.create_from_x509_certificate(
            x509=X509(chosen.certificate, chosen.key),
            hostname=state.assigned_hub,
            device_id=state.device_id,
            **common,
        )
    else:
        client = IoTHubDeviceClient.create_from_symmetric_key(
            symmetric_key=chosen.symmetric_key, hostname=state.assigned_hub, device_id=state.device_id, **common
        )
    client.connect()
    return client


def work(chosen, client):
    """Prints the twin, answers methods and sends telemetry until the connection is lost or `reprovision` is called.

    Returns True when the number of messages asked for was sent.
    """
    leave = threading.Event()

    def on_connection_state():
        if not client.connected:
            say("connection to the hub lost")
            leave.set()

    def on_method(request):
        say(f"method {request.name} called with {json.dumps(request.payload)}")
        answer = {"method": request.name, "payload": request.payload}
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, answer))
        if request.name == "reprovision":
            leave.set()

    client.on_connection_state_change = on_connection_state
    client.on_method_request_received = on_method
    client.on_twin_desired_properties_patch_received = lambda patch: say(f"desired properties: {json.dumps(patch)}")

    say("twin: " + json.dumps(client.get_twin()))
    client.patch_twin_reported_properties({"sample": "device.py", "startedAt": int(time.time())})

    sent = 0
    while not leave.is_set():
        reading = {"temperature": round(20 + 5 * random.random(), 2), "sequence": sent}
        message = Message(json.dumps(reading), content_encoding="utf-8", content_type="application/json")
        client.send_message(message)
        sent += 1
        say(f"sent {json.dumps(reading)}")
        if sent == int(chosen.count):
            return True
        leave.wait(float(chosen.interval))
    return False


def reason(error):
    """The error and what caused it, in one line."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}".rstrip(": "))
        error = error.__cause__
    return " <- ".join(texts)


def main():
    """Provisions, works, and starts over whenever it is refused or loses the hub."""
    chosen = options()
    while True:
        client = None
        try:
            say(f"registering {chosen.registration_id} at {chosen.host}")
            state = provision(chosen)
            say(f"assigned to hub {state.assigned_hub} as device {state.device_id} ({state.sub_status})")
            client = connect(chosen, state)
            say(f"connected to {state.assigned_hub}")
            if work(chosen, client):
                return
        except KeyboardInterrupt:
            return
        except Exception as error:  # whatever the reason, a device tries again
            say(f"REFUSED OR FAILED: {reason(error)}")
            say(f"next try in {chosen.retry} s")
            time.sleep(float(chosen.retry))
        finally:
            if client is not None:
                client.shutdown()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
