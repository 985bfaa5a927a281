"""What the Python checks share: the stage they play on, the service side over REST, and `prove`.

A check states each fact through `prove`, which both tests it and prints it. The runner counts the printed lines
against the number the check file declares, so a fact cannot disappear unnoticed.
"""

import base64
import hashlib
import hmac
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from azure.iot.device import IoTHubDeviceClient, ProvisioningDeviceClient, X509
from azure.iot.device.exceptions import ClientError

HOST = os.environ["PROVOST_HOST"]
ID_SCOPE = os.environ["PROVOST_ID_SCOPE"]
HUB = os.environ["PROVOST_HUB"]
CERTIFICATES = os.environ["PROVOST_CERTIFICATES"]
with open(os.environ["PROVOST_ROOT_CA"], encoding="ascii") as _file:
    ROOT_CA = _file.read()

DPS_VERSION = "2021-10-01"
HUB_VERSION = "2021-04-12"
DEADLINE_SECONDS = 15


def prove(condition, fact, seen=""):
    """Fails with what was seen unless the condition holds; prints the fact if it does."""
    if not condition:
        raise AssertionError(f"not proved: {fact}; seen: {seen!r}")
    print(f"proved: {fact}", flush=True)


def prove_equal(seen, expected, fact):
    """Proves that two values are equal."""
    prove(seen == expected, fact, {"seen": seen, "expected": expected})


def wait_for(what, condition):
    """Returns the first truthy result of the condition; fails when the deadline passes first."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_SECONDS} s in vain for: {what}")
        time.sleep(0.05)


class Service:
    """A back end: calls the service API with a connection string's shared access policy."""

    def __init__(self, connection_string, version):
        parts = dict(part.split("=", 1) for part in connection_string.split(";"))
        self.host = parts["HostName"]
        self.policy = parts["SharedAccessKeyName"]
        self.key = base64.b64decode(parts["SharedAccessKey"])
        self.version = version
        self.tls = ssl.create_default_context(cadata=ROOT_CA)

    def token(self):
        """A SAS token for the whole host, one hour long."""
        resource = urllib.parse.quote(self.host, safe="")
        expiry = int(time.time()) + 3600
        signature = base64.b64encode(hmac.digest(self.key, f"{resource}\n{expiry}".encode(), "sha256")).decode()
        return (
            f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(signature, safe='')}"
            f"&se={expiry}&skn={self.policy}"
        )

    def send(self, method, path, body=None, if_match=None):
        """Sends one request; returns the status and the parsed body."""
        separator = "&" if "?" in path else "?"
        request = urllib.request.Request(
            f"https://{self.host}{path}{separator}api-version={self.version}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": self.token(), "Content-Type": "application/json"},
        )
        if if_match is not None:
            request.add_header("If-Match", if_match)
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text) if text.strip() else None

    def call(self, method, path, body=None, if_match=None):
        """As `send`, for a request that has to succeed; returns the body."""
        status, answer = self.send(method, path, body, if_match)
        if status >= 300:
            raise AssertionError(f"{method} {path} answered {status}: {answer}")
        return answer


DPS = Service(os.environ["PROVOST_DPS_CONNECTION_STRING"], DPS_VERSION)
HUB_SERVICE = Service(os.environ["PROVOST_HUB_CONNECTION_STRING"], HUB_VERSION)


def certificate_file(name):
    """The path of a file that tests/sdk/certificates.sh made."""
    return os.path.join(CERTIFICATES, name)


def pem(name):
    """The text of such a file."""
    with open(certificate_file(name), encoding="ascii") as file:
        return file.read()


def thumbprints(name):
    """Upper-case SHA-1 and SHA-256 thumbprints of the first certificate in a file."""
    text = pem(name)
    first = text[: text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    der = ssl.PEM_cert_to_DER_cert(first)
    return {hashlib.sha1(der).hexdigest().upper(), hashlib.sha256(der).hexdigest().upper()}


def derived_key(group_key, registration_id):
    """The key of one device of a symmetric enrollment group."""
    digest = hmac.digest(base64.b64decode(group_key), registration_id.encode(), "sha256")
    return base64.b64encode(digest).decode()


def create_enrollment(registration_id, attestation, **more):
    """Creates an individual enrollment; returns the service's answer."""
    body = {"registrationId": registration_id, "attestation": attestation, **more}
    return DPS.call("PUT", f"/enrollments/{registration_id}", body)


def create_group(group_id, attestation, **more):
    """Creates an enrollment group; returns the service's answer."""
    body = {"enrollmentGroupId": group_id, "attestation": attestation, **more}
    return DPS.call("PUT", f"/enrollmentGroups/{group_id}", body)


def set_provisioning_status(kind, name, status):
    """Reads an enrollment or group, changes its provisioning status and writes it back."""
    record = DPS.call("GET", f"/{kind}/{name}")
    record["provisioningStatus"] = status
    DPS.call("PUT", f"/{kind}/{name}", record, if_match=record["etag"])


def signing_certificate(name):
    """Attestation of a group by an uploaded signing certificate."""
    return {"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": pem(name)}}}}


def x509_credential(name):
    """A device's certificate (with the chain it sends) and key."""
    chain = certificate_file(f"{name}-chain.pem")
    if not os.path.exists(chain):
        chain = certificate_file(f"{name}.pem")
    return X509(chain, certificate_file(f"{name}.key"))


def register(registration_id, credential, websockets=False):
    """Registers a device through the SDK; the credential is an X509 object or a base64 key."""
    common = {
        "provisioning_host": HOST,
        "registration_id": registration_id,
        "id_scope": ID_SCOPE,
        "websockets": websockets,
        "server_verification_cert": ROOT_CA,
    }
    if isinstance(credential, X509):
        client = ProvisioningDeviceClient.create_from_x509_certificate(x509=credential, **common)
    else:
        client = ProvisioningDeviceClient.create_from_symmetric_key(symmetric_key=credential, **common)
    return client.register()


def causes(error):
    """An error of the SDK with its causes as one text."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__
    return " <- ".join(texts)


def refusal(registration_id, credential, websockets=False):
    """Registers a device that has to be refused; returns the SDK's error with its causes as one text."""
    try:
        result = register(registration_id, credential, websockets)
    except ClientError as error:
        return causes(error)
    raise AssertionError(f"{registration_id} was not refused but {result.status}")


def device_client(device_id, hub, credential, websockets=False):
    """A hub client of the SDK that reports a refusal instead of trying again for ever."""
    common = {
        "hostname": hub,
        "device_id": device_id,
        "websockets": websockets,
        "server_verification_cert": ROOT_CA,
        "connection_retry": False,
    }
    if isinstance(credential, X509):
        return IoTHubDeviceClient.create_from_x509_certificate(x509=credential, **common)
    return IoTHubDeviceClient.create_from_symmetric_key(symmetric_key=credential, **common)
