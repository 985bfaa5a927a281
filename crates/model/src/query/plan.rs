//! Which index leads to the rows of a condition.

use std::collections::BTreeSet;

use serde_json::Value;

use super::leaf::{self, Leaf};
use super::{Comparison, Condition, Expression, Function, Path};

/// A way to find devices: every device of which the condition is true is among those it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// These devices, by ID.
    Ids(BTreeSet<String>),
    /// Those with one of these entries in the index over tags.
    Leaves(BTreeSet<Leaf>),
    /// Those with an entry of this path and a key between these, both included.
    Between {
        /// The path.
        path: String,
        /// The least key.
        least: String,
        /// The greatest key.
        greatest: String,
    },
    /// Those that are connected.
    Connected,
    /// Those that may not connect.
    Disabled,
    /// Those that may act as edge gateways.
    Edge,
}

/// All that is known of where the devices of a condition are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The ways; each leads to all of them.
    pub probes: Vec<Probe>,
    /// Their IDs are not before this.
    pub first_id: Option<String>,
    /// Their IDs are not behind this.
    pub last_id: Option<String>,
    /// Whether the first of [`Self::probes`] leads to them and to no others.
    pub is_exact: bool,
}

/// Most entries that are looked up one by one.
const MAX_LEAVES: usize = 64;
/// The greatest character: behind every text with the same beginning.
const LAST: char = char::MAX;

impl Condition {
    /// How to find the devices of the condition.
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        let Some(expression) = self.expression() else {
            return plan;
        };
        match expression {
            Expression::All(conditions) => conditions.iter().for_each(|part| plan.add(part)),
            one => {
                plan.add(one);
                plan.is_exact = is_exact(one) && plan.probes.len() == 1;
            }
        }
        plan
    }
}

impl Plan {
    fn add(&mut self, condition: &Expression) {
        match condition {
            Expression::All(conditions) => conditions.iter().for_each(|part| self.add(part)),
            Expression::Compare(comparison, left, right) => {
                if let Some((comparison, path, value)) = against_literal(*comparison, left, right) {
                    self.compare(comparison, path, value);
                }
            }
            Expression::In(inner, values) => {
                if let Expression::Attribute(path) = &**inner {
                    self.one_of(path, values);
                }
            }
            Expression::Attribute(path) => self.one_of(path, &[Value::Bool(true)]),
            Expression::Call(function, arguments) => self.call(*function, arguments),
            Expression::Any(alternatives) => self.probes.extend(union(alternatives)),
            Expression::Literal(_)
            | Expression::Not(_)
            | Expression::Calculate(..)
            | Expression::Negate(_) => {}
        }
    }

    fn compare(&mut self, comparison: Comparison, path: &Path, value: &Value) {
        if comparison == Comparison::Equal {
            return self.one_of(path, std::slice::from_ref(value));
        }
        let is_lower = match comparison {
            Comparison::Greater | Comparison::GreaterOrEqual => true,
            Comparison::Less | Comparison::LessOrEqual => false,
            Comparison::Equal | Comparison::NotEqual => return,
        };
        if let Some(path) = tag(path) {
            self.probes.extend(range(path, is_lower, value));
        } else if is(path, &["deviceId"])
            && let Some(id) = value.as_str()
        {
            if is_lower {
                self.not_before(id);
            } else {
                self.not_behind(id.to_owned());
            }
        }
    }

    fn one_of(&mut self, path: &Path, values: &[Value]) {
        let has = |value: &Value| values.contains(value);
        if let Some(path) = tag(path) {
            let leaf = |key| Leaf {
                path: path.clone(),
                key,
            };
            let leaves: BTreeSet<_> = values.iter().filter_map(leaf::key).map(leaf).collect();
            if leaves.len() <= MAX_LEAVES {
                self.probes.push(Probe::Leaves(leaves));
            }
        } else if is(path, &["deviceId"]) {
            let ids = values.iter().filter_map(Value::as_str);
            self.probes.push(Probe::Ids(ids.map(str::to_owned).collect()));
        } else if is(path, &["connectionState"]) && !has(&Value::from("Disconnected")) {
            self.probes.push(Probe::Connected);
        } else if is(path, &["status"]) && !has(&Value::from("enabled")) {
            self.probes.push(Probe::Disabled);
        } else if is(path, &["capabilities", "iotEdge"]) && !has(&Value::Bool(false)) {
            self.probes.push(Probe::Edge);
        }
    }

    fn call(&mut self, function: Function, arguments: &[Expression]) {
        match (function, arguments) {
            (Function::IsDefined, [Expression::Attribute(path)]) => {
                self.probes.extend(tag(path).map(|path| Probe::Between {
                    path,
                    least: String::new(),
                    greatest: LAST.to_string(),
                }));
            }
            (
                Function::StartsWith,
                [
                    Expression::Attribute(path),
                    Expression::Literal(Value::String(text)),
                ],
            ) => {
                if let Some(path) = tag(path) {
                    self.probes.extend(beginning_with(path, text));
                } else if is(path, &["deviceId"]) {
                    self.not_before(text);
                    self.not_behind(format!("{text}{LAST}"));
                }
            }
            _ => {}
        }
    }

    fn not_before(&mut self, id: &str) {
        if self.first_id.as_deref().is_none_or(|first| first < id) {
            self.first_id = Some(id.to_owned());
        }
    }

    fn not_behind(&mut self, id: String) {
        if self.last_id.as_ref().is_none_or(|last| *last > id) {
            self.last_id = Some(id);
        }
    }
}

/// `attribute compared with literal`, whichever is written first.
fn against_literal<'a>(
    comparison: Comparison,
    left: &'a Expression,
    right: &'a Expression,
) -> Option<(Comparison, &'a Path, &'a Value)> {
    match (left, right) {
        (Expression::Attribute(path), Expression::Literal(value)) => Some((comparison, path, value)),
        (Expression::Literal(value), Expression::Attribute(path)) => {
            let turned = match comparison {
                Comparison::Equal | Comparison::NotEqual => comparison,
                Comparison::Less => Comparison::Greater,
                Comparison::LessOrEqual => Comparison::GreaterOrEqual,
                Comparison::Greater => Comparison::Less,
                Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            };
            Some((turned, path, value))
        }
        _ => None,
    }
}

/// The path of a tag the index holds.
fn tag(path: &Path) -> Option<String> {
    if path.first() == "tags" {
        leaf::path(path.rest())
    } else {
        None
    }
}

fn is(path: &Path, names: &[&str]) -> bool {
    path.names().eq(names.iter().copied())
}

/// Everything of the value's type on one side of it.
fn range(path: String, is_lower: bool, value: &Value) -> Option<Probe> {
    let key = leaf::key(value)?;
    let (least, greatest) = match value {
        Value::Bool(_) => ("b".to_owned(), "b2".to_owned()),
        Value::Number(_) => ("n".to_owned(), "ng".to_owned()),
        Value::String(_) => ("s".to_owned(), format!("s{LAST}{LAST}")),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(if is_lower {
        Probe::Between {
            path,
            least: key,
            greatest,
        }
    } else {
        Probe::Between {
            path,
            least,
            greatest: key,
        }
    })
}

fn beginning_with(path: String, text: &str) -> Option<Probe> {
    let least = leaf::key(&Value::from(text))?;
    let greatest = format!("{least}{LAST}{LAST}");
    Some(Probe::Between {
        path,
        least,
        greatest,
    })
}

/// One probe for alternatives that each have one of the same kind.
fn union(alternatives: &[Expression]) -> Option<Probe> {
    let (mut ids, mut leaves) = (Some(BTreeSet::new()), Some(BTreeSet::new()));
    for alternative in alternatives {
        let mut plan = Plan::default();
        plan.add(alternative);
        let (mut id_probe, mut leaf_probe) = (None, None);
        for probe in plan.probes {
            match probe {
                Probe::Ids(found) => id_probe = Some(found),
                Probe::Leaves(found) => leaf_probe = Some(found),
                Probe::Between { .. } | Probe::Connected | Probe::Disabled | Probe::Edge => {}
            }
        }
        ids = join(ids, id_probe);
        leaves = join(leaves, leaf_probe);
    }
    let leaves = leaves.filter(|leaves| leaves.len() <= MAX_LEAVES);
    ids.map(Probe::Ids).or(leaves.map(Probe::Leaves))
}

fn join<T: Ord>(all: Option<BTreeSet<T>>, more: Option<BTreeSet<T>>) -> Option<BTreeSet<T>> {
    let (mut all, more) = (all?, more?);
    all.extend(more);
    Some(all)
}

/// Whether a condition is an equality of one tag whose entries nothing else has.
fn is_exact(condition: &Expression) -> bool {
    let of_tag = |inner: &Expression| matches!(inner, Expression::Attribute(path) if tag(path).is_some());
    match condition {
        Expression::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
            (inner, Expression::Literal(value)) | (Expression::Literal(value), inner) => {
                of_tag(inner) && leaf::is_exact(value)
            }
            _ => false,
        },
        Expression::In(inner, values) => of_tag(inner) && values.iter().all(leaf::is_exact),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
