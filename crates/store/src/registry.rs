//! The Device Registry's rows.

mod crl;

pub use crl::{CrlPart, CrlWork, NewCrl, StoredCrl};
