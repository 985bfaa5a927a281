//! A good chain with one thing wrong at a time, judged by us, by openssl and by webpki. Where the three do
//! not agree, the reason stands in [`table`].

#[cfg(test)]
mod draft;
#[cfg(test)]
mod judges;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod kinds_of_chain;
#[cfg(test)]
mod kinds_of_encoding;
#[cfg(test)]
mod table;
