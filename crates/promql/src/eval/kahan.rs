//! Compensated summation, as Prometheus does it.

pub(crate) use vigie_model::kahan_add;

/// Mean of a stream: the sum divided in the end, or an incremental mean once the sum overflows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    pub count: f64,
    /// The sum, or the mean once incremental.
    pub total: f64,
    pub compensation: f64,
    pub incremental: bool,
}

impl Mean {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.total = value;
            return;
        }
        if !self.incremental {
            let (total, compensation) = kahan_add(value, self.total, self.compensation);
            if !total.is_infinite() {
                self.total = total;
                self.compensation = compensation;
                return;
            }
            self.incremental = true;
            self.total /= self.count - 1.0;
            self.compensation /= self.count - 1.0;
        }
        let weight = (self.count - 1.0) / self.count;
        (self.total, self.compensation) = kahan_add(
            value / self.count,
            weight * self.total,
            weight * self.compensation,
        );
    }

    #[inline]
    pub(crate) fn value(self) -> f64 {
        if self.incremental {
            self.total + self.compensation
        } else {
            self.total / self.count + self.compensation / self.count
        }
    }
}
