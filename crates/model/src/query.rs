//! The hub's query language as values: what a query means, without its text
//! (iot-hub-service-api.md 8.2).
//!
//! The grammar is the business of `provost-wire`, where rows come from that of `provost-hub`. An
//! attribute a row does not have is *undefined*, and so is what is made of it: no comparison with it
//! is true, and neither is its negation.

mod aggregate;
mod condition;
mod evaluate;
mod expression;
mod function;
mod leaf;
mod plan;
mod select;

pub use self::aggregate::{Aggregate, Totals};
pub use self::condition::Condition;
pub use self::evaluate::Row;
pub use self::expression::{Arithmetic, Comparison, Expression, MAX_HEIGHT, Path};
pub use self::function::Function;
pub use self::leaf::{Leaf, leaves};
pub use self::plan::{Plan, Probe};
pub use self::select::{Collection, Column, ColumnValue, Query, Selection};
