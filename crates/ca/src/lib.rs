//! Signs: issuing CAs, leaves, CRLs and OCSP answers. Who asks and whether he may is decided elsewhere.

mod addresses;

pub use addresses::PublicAddresses;
