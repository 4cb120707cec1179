//! The text form.

use std::fmt;

use super::{Bucket, FloatHistogram};
use crate::format_go_g;

/// `{count:9, sum:1.5, [-2,-1):2, [-0.1,0.1]:3, (1,2]:4}`; empty buckets are left out.
impl fmt::Display for FloatHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{count:{}, sum:{}",
            format_go_g(self.count),
            format_go_g(self.sum)
        )?;
        let buckets = self
            .negative_buckets()
            .rev()
            .chain(self.zero_bucket())
            .chain(self.positive_buckets());
        for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{},{}{}:{}",
            if self.lower_inclusive { '[' } else { '(' },
            format_go_g(self.lower),
            format_go_g(self.upper),
            if self.upper_inclusive { ']' } else { ')' },
            format_go_g(self.count)
        )
    }
}
