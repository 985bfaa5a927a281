//! Certificates that are issued and revoked: the rules A- (certificate-management.md 4), each test under
//! its number, with devices over the network and the Device Registry asked as management asks it.

mod audit_log;
mod device_revocation;
mod elsewhere;
mod expiry;
mod external_root;
mod forced_deletion;
mod forgetting;
mod hubs_without_link;
mod identifiers;
mod issuance;
mod next_certificate;
mod ocsp;
mod offline_root;
mod other_signatures;
mod plant;
mod policy_deletion;
mod policy_revocation;
mod publication;
mod refused_requests;
mod renewal;
mod renewal_meets_revocation;
mod renewal_of_issuers;
mod separate_operations;
mod sessions_anywhere;
mod spellings;
mod stolen_issuer;
