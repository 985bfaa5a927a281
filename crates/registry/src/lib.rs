//! The Device Registry: namespaces, credentials, policies, devices, revocation, synchronization.
