//! How a count is held.

/// Adds to a sum and its compensation: Neumaier's form of Kahan's algorithm. The result is
/// `sum + compensation`; an infinite sum has none.
#[inline(always)]
pub fn kahan_add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    let lost = if sum.abs() >= value.abs() {
        (sum - total) + value
    } else {
        (value - total) + sum
    };
    let compensation = if total.is_infinite() {
        0.0
    } else {
        compensation + lost
    };
    (total, compensation)
}

/// A count that can be added up. `total` is what comparisons look at.
pub trait Count: Copy + Default {
    fn new(value: f64) -> Self;
    fn add(&mut self, value: f64);
    fn add_count(&mut self, other: Self);
    fn scale(&mut self, scale: impl Fn(f64) -> f64);
    fn total(self) -> f64;
    fn is_zero(self) -> bool;
}

impl Count for f64 {
    fn new(value: f64) -> f64 {
        value
    }

    #[inline]
    fn add(&mut self, value: f64) {
        *self += value;
    }

    #[inline]
    fn add_count(&mut self, other: f64) {
        *self += other;
    }

    #[inline]
    fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        *self = scale(*self);
    }

    #[inline]
    fn total(self) -> f64 {
        self
    }

    #[inline]
    fn is_zero(self) -> bool {
        self == 0.0
    }
}

/// A sum and what rounding took from it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Compensated {
    pub total: f64,
    pub lost: f64,
}

impl Count for Compensated {
    fn new(value: f64) -> Compensated {
        Compensated {
            total: value,
            lost: 0.0,
        }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        (self.total, self.lost) = kahan_add(value, self.total, self.lost);
    }

    #[inline]
    fn add_count(&mut self, other: Compensated) {
        self.add(other.total);
        if other.lost != 0.0 {
            self.add(other.lost);
        }
    }

    #[inline]
    fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        self.total = scale(self.total);
        self.lost = scale(self.lost);
    }

    #[inline]
    fn total(self) -> f64 {
        self.total
    }

    #[inline]
    fn is_zero(self) -> bool {
        self.total == 0.0 && self.lost == 0.0
    }
}
