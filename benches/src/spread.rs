//! Medians and quantiles.

/// A value below which `percent` of the sorted values lie; 0 of none.
pub(crate) fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let place = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(place).copied().unwrap_or_default()
}

/// Middle and ends of some values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of any values; zeros of none. The median of an even count is the mean of the middle two.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let lower = sorted
            .get(sorted.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or_default();
        Self {
            median: f64::midpoint(lower, upper),
            min: sorted.first().copied().unwrap_or_default(),
            max: sorted.last().copied().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_even_and_odd_counts() {
        assert_eq!(
            Spread::of([3.0, 1.0, 2.0]),
            Spread {
                median: 2.0,
                min: 1.0,
                max: 3.0
            }
        );
        assert!((Spread::of([4.0, 1.0, 2.0, 3.0]).median - 2.5).abs() < f64::EPSILON);
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn quantiles_stay_inside() {
        let sorted: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((quantile(&sorted, 99) - 99.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 50).abs() < f64::EPSILON);
    }
}
