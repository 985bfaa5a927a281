//! What of the transport is fuzzed, without the transport: building sockets, TLS and a database would take
//! longer than all runs together. The folder beside this file is a link to it.
#![allow(dead_code, unused_imports, reason = "only decoding is fuzzed")]

pub(crate) mod codec;
