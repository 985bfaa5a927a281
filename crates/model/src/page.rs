/// How many items one page of a listing holds, at least 1 and at most [`MAX_PAGE_SIZE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(usize);

/// The largest page any listing gives (dps-service-api.md 2.5).
pub const MAX_PAGE_SIZE: usize = 1000;

impl PageSize {
    /// The size asked for, held between 1 and `max`; absent or zero asks for `default`.
    pub fn clamp(asked: Option<usize>, default: usize, max: usize) -> Self {
        let size = match asked {
            None | Some(0) => default,
            Some(size) => size,
        };
        Self(size.clamp(1, max.clamp(1, MAX_PAGE_SIZE)))
    }

    /// The number of items.
    pub fn get(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_absent_mean_the_default() {
        assert_eq!(PageSize::clamp(None, 100, 1000).get(), 100);
        assert_eq!(PageSize::clamp(Some(0), 100, 1000).get(), 100);
        assert_eq!(PageSize::clamp(Some(1_000_000), 100, 1000).get(), 1000);
        assert_eq!(PageSize::clamp(Some(5), 100, 1000).get(), 5);
    }
}
