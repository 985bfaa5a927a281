//! Chains made by our own issuer and by the openssl command, judged by our path building, by
//! openssl and by webpki.

#[cfg(test)]
mod activation;
#[cfg(test)]
mod bytes;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod issued;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod path;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod walk;
