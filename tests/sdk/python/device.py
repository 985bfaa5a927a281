"""azure-iot-device driven by another program, for checks whose operator is another SDK.

Reads one JSON request a line, `{"n": 1, "act": "register"|"connect", "id": ..., "leaf": ...}`, and answers each with
a line `{"n": 1, "outcome": ..., "told": ...}`. Requests are worked on side by side. The leaf is the name of a
certificate that tests/sdk/certificates.sh made.
"""

import json
import logging
import sys
import threading

from azure.iot.device import Message
from azure.iot.device.exceptions import ClientError, ConnectionFailedError, CredentialError

from conformance import HUB, causes, device_client, register, x509_credential


def registered(device, credential):
    """`assigned`, `disabled` or `unauthorized`; anything else is told as it came."""
    try:
        return register(device, credential).status, ""
    except ClientError as error:
        told = causes(error)
    for words, outcome in (("status disabled", "disabled"), ("status code 401", "unauthorized")):
        if words in told:
            return outcome, told
    return "failed", told


def connected(device, credential):
    """`connected`, after a message was taken; `turned away` for want of a right; `not served` while it is disabled."""
    client = device_client(device, HUB, credential)
    try:
        client.connect()
        client.send_message(Message("{}", content_type="application/json", content_encoding="utf-8"))
        return "connected", ""
    except CredentialError as error:
        return "turned away", causes(error)
    except ConnectionFailedError as error:
        return "not served", causes(error)
    finally:
        client.shutdown()


# The SDK warns of every refused connection; outcomes are answered.
logging.disable(logging.CRITICAL)
ACTS = {"register": registered, "connect": connected}
writing = threading.Lock()


def answer(request):
    """Works on one request."""
    outcome, told = ACTS[request["act"]](request["id"], x509_credential(request["leaf"]))
    with writing:
        print(json.dumps({"n": request["n"], "outcome": outcome, "told": told}), flush=True)


for line in sys.stdin:
    threading.Thread(target=answer, args=[json.loads(line)]).start()
