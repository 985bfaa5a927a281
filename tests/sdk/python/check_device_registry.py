"""azure-mgmt-deviceregistry: namespace, credential, policy, synchronize, device and revocation through the pollers
of the management SDK."""
# proves: 17

import os
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.deviceregistry import DeviceRegistryMgmtClient, models

from conformance import HOST, prove, prove_equal

GROUP, NAMESPACE, POLICY, DEVICE = "g1", "sdk-plant", "line-7", "sdk-press-1"


class AdminToken:
    """The admin token, as the SDK asks for tokens."""

    def get_token(self, *_scopes, **_options):
        return AccessToken(os.environ["PROVOST_ADMIN_TOKEN"], int(time.time()) + 3600)


client = DeviceRegistryMgmtClient(
    AdminToken(),
    "00000000-0000-0000-0000-000000000000",
    base_url=f"https://{HOST}",
    connection_verify=os.environ["PROVOST_ROOT_CA"],
    polling_interval=0,
)


def refused(fact, code, call):
    """Proves that a call fails with a word."""
    try:
        answer = call()
    except HttpResponseError as error:
        prove_equal(error.error.code, code, fact)
    else:
        raise AssertionError(f"not proved: {fact}; answered {answer}")


namespace = client.namespaces.begin_create_or_replace(
    GROUP, NAMESPACE, models.Namespace(location="local", tags={"hall": "7"}, properties=models.NamespaceProperties())
).result()
prove_equal(namespace.properties.provisioning_state, "Succeeded", "a namespace is made")
listed = [found.name for found in client.namespaces.list_by_resource_group(GROUP)]
prove(NAMESPACE in listed, "and listed", listed)
changed = client.namespaces.begin_update(GROUP, NAMESPACE, models.NamespaceUpdate(tags={"hall": "8"})).result()
prove_equal((changed.tags, changed.properties.uuid), ({"hall": "8"}, namespace.properties.uuid), "its tags change alone")

credential = client.credentials.begin_create_or_update(
    GROUP, NAMESPACE, models.Credential(location="local")
).result()
prove_equal(credential.name, "default", "a credential is made")


def policy_of(days, byor=None):
    """A policy as the SDK writes it."""
    return models.Policy(
        properties=models.PolicyProperties(
            certificate=models.CertificateConfiguration(
                certificate_authority_configuration=models.CertificateAuthorityConfiguration(
                    key_type="ECC", bring_your_own_root=byor
                ),
                leaf_certificate_configuration=models.LeafCertificateConfiguration(validity_period_in_days=days),
            )
        )
    )


policy = client.policies.begin_create_or_update(GROUP, NAMESPACE, POLICY, policy_of(30)).result()
authority = policy.properties.certificate.certificate_authority_configuration
prove(authority.subject.startswith("CN=ica-"), "a policy has an issuing CA", authority.subject)
prove(authority.validity_not_after > authority.validity_not_before, "whose validity is readable")
refused(
    "a second policy is one too many",
    "PolicyLimitExceeded",
    lambda: client.policies.begin_create_or_update(GROUP, NAMESPACE, "second", policy_of(30)).result(),
)
refused(
    "a validity that is too long is refused",
    "ValidityOutOfRange",
    lambda: client.policies.begin_create_or_update(GROUP, NAMESPACE, POLICY, policy_of(91)).result(),
)

client.credentials.begin_synchronize(GROUP, NAMESPACE).result()
prove(True, "synchronizing ends")

device = client.namespace_devices.begin_create_or_replace(
    GROUP,
    NAMESPACE,
    DEVICE,
    models.NamespaceDevice(
        location="local",
        properties=models.NamespaceDeviceProperties(
            manufacturer="acme", policy=models.DeviceCredentialPolicy(resource_id=policy.id)
        ),
    ),
).result()
prove_equal(
    (device.properties.enabled, device.properties.external_device_id, device.properties.policy.resource_id),
    (True, DEVICE, policy.id),
    "a device is made with its policy",
)
client.namespace_devices.begin_revoke(
    GROUP, NAMESPACE, DEVICE, models.DeviceCredentialsRevokeRequest(disable=True)
).result()
revoked = client.namespace_devices.get(GROUP, NAMESPACE, DEVICE)
prove_equal(revoked.properties.enabled, False, "a device is revoked and disabled")
enabled = client.namespace_devices.begin_update(
    GROUP,
    NAMESPACE,
    DEVICE,
    models.NamespaceDeviceUpdate(properties=models.NamespaceDeviceUpdateProperties(enabled=True)),
).result()
prove_equal(
    (enabled.properties.enabled, enabled.properties.manufacturer), (True, "acme"), "and enabled again, all else kept"
)

client.policies.begin_revoke_issuer(GROUP, NAMESPACE, POLICY).result()
after = client.policies.get(GROUP, NAMESPACE, POLICY).properties.certificate
prove(
    after.certificate_authority_configuration.subject != authority.subject,
    "after its revocation the issuing CA is another one",
    after.certificate_authority_configuration.subject,
)
refused(
    "a credential with a policy is not deleted",
    "CredentialHasPolicies",
    lambda: client.credentials.begin_delete(GROUP, NAMESPACE).result(),
)
client.policies.begin_delete(GROUP, NAMESPACE, POLICY).result()
prove_equal(list(client.policies.list_by_resource_group(GROUP, NAMESPACE)), [], "a policy is deleted")

client.policies.begin_create_or_update(
    GROUP, NAMESPACE, POLICY, policy_of(30, models.BringYourOwnRoot(enabled=True))
).result()
external = client.policies.get(GROUP, NAMESPACE, POLICY).properties.certificate.certificate_authority_configuration
prove(
    external.bring_your_own_root.status == "PendingActivation"
    and external.bring_your_own_root.certificate_signing_request.startswith("-----BEGIN CERTIFICATE REQUEST-----"),
    "a policy under a customer's root waits with its signing request",
    external.bring_your_own_root,
)

client.policies.begin_delete(GROUP, NAMESPACE, POLICY).result()
client.namespace_devices.begin_delete(GROUP, NAMESPACE, DEVICE).result()
client.credentials.begin_delete(GROUP, NAMESPACE).result()
client.namespaces.begin_delete(GROUP, NAMESPACE).result()
try:
    client.namespaces.get(GROUP, NAMESPACE)
except ResourceNotFoundError as error:
    prove_equal(error.error.code, "ResourceNotFound", "everything is deleted in order")
