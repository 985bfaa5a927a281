use serde_json::{Number, Value};

use super::evaluate::order;

/// Makes one value of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// How many rows, or how many have a value.
    Count,
    /// The mean of the numbers; nothing when there are none.
    Avg,
    /// The sum of the numbers; 0 when there are none.
    Sum,
    /// The smallest number, or the smallest text when there is no number.
    Min,
    /// The largest number, or the largest text when there is no number.
    Max,
}

/// What was put together so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    count: u64,
    numbers: u64,
    sum: f64,
    // Exact as long as every number was an integer and the sum fits.
    integer_sum: Option<i64>,
    least: Option<Value>,
    greatest: Option<Value>,
}

impl Totals {
    /// Counts a row without looking at a value.
    pub fn count_row(&mut self) {
        self.count += 1;
    }

    /// Takes in the value of a row.
    pub fn add(&mut self, value: &Value) {
        self.count += 1;
        match value {
            Value::Number(number) => self.add_number(number),
            Value::String(_) if self.numbers == 0 => self.widen(value),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {}
        }
    }

    /// What was asked for.
    pub fn result(&self, aggregate: Aggregate) -> Option<Value> {
        match aggregate {
            Aggregate::Count => Some(Value::from(self.count)),
            Aggregate::Sum => self.sum(),
            Aggregate::Avg if self.numbers == 0 => None,
            Aggregate::Avg => float(self.sum / to_float(self.numbers)),
            Aggregate::Min => self.least.clone(),
            Aggregate::Max => self.greatest.clone(),
        }
    }

    fn add_number(&mut self, number: &Number) {
        if self.numbers == 0 {
            (self.least, self.greatest, self.integer_sum) = (None, None, Some(0));
        }
        self.numbers += 1;
        self.sum += number.as_f64().unwrap_or_default();
        self.integer_sum = self
            .integer_sum
            .zip(number.as_i64())
            .and_then(|(sum, next)| sum.checked_add(next));
        self.widen(&Value::Number(number.clone()));
    }

    fn widen(&mut self, value: &Value) {
        let before = |other: &Option<Value>| match other {
            Some(other) => order(value, other),
            None => None,
        };
        if self.least.is_none() || before(&self.least).is_some_and(std::cmp::Ordering::is_lt) {
            self.least = Some(value.clone());
        }
        if self.greatest.is_none() || before(&self.greatest).is_some_and(std::cmp::Ordering::is_gt) {
            self.greatest = Some(value.clone());
        }
    }

    fn sum(&self) -> Option<Value> {
        match self.integer_sum {
            Some(sum) => Some(Value::from(sum)),
            None if self.numbers == 0 => Some(Value::from(0)),
            None => float(self.sum),
        }
    }
}

fn float(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number)
}

/// Counts stay far below the integers a float holds exactly.
fn to_float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
