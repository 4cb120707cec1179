//! The trim operators `</` and `>/`: removing observations above or below a value.

use super::{Bucket, FloatHistogram};

/// Which observations are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// What is kept of a bucket, and where it is taken to lie.
struct Kept {
    count: f64,
    midpoint: f64,
}

impl FloatHistogram {
    /// Keeps the observations below a value (`</`). A bucket that is cut is taken to be filled evenly;
    /// count and sum are then estimated from what is left.
    pub fn trim_above(&mut self, limit: f64) {
        self.trim(limit, Keep::Below);
    }

    /// Keeps the observations above a value (`>/`), as [`Self::trim_above`] keeps those below.
    pub fn trim_below(&mut self, limit: f64) {
        self.trim(limit, Keep::Above);
    }

    fn trim(&mut self, limit: f64, keep: Keep) {
        let linear = self.uses_custom_buckets();
        let mut count = 0.0;
        let mut sum = 0.0;
        let mut changed = false;
        let mut trim_side = |buckets: &[Bucket], held: &mut [f64], positive: bool| {
            let mut any = false;
            for (bucket, held) in buckets.iter().zip(held) {
                if bucket.count == 0.0 {
                    continue;
                }
                any = true;
                let kept = trim_bucket(*bucket, limit, keep, positive, linear);
                count += kept.count;
                sum += kept.midpoint * kept.count;
                if *held != kept.count {
                    *held = kept.count;
                    changed = true;
                }
            }
            any
        };
        let positive: Vec<Bucket> = self.positive_buckets().collect();
        let negative: Vec<Bucket> = self.negative_buckets().collect();
        let any_positive = trim_side(&positive, &mut self.positive_buckets, true);
        let any_negative = trim_side(&negative, &mut self.negative_buckets, false);
        if self.zero_count > 0.0
            && let Some(zero) = self.zero_bucket()
        {
            // With observations on one side only, the zero bucket's are taken to be on that side too.
            let bucket = Bucket {
                lower: if any_positive && !any_negative {
                    0.0
                } else {
                    zero.lower
                },
                upper: if any_negative && !any_positive {
                    0.0
                } else {
                    zero.upper
                },
                ..zero
            };
            let kept = trim_zero_bucket(bucket, limit, keep);
            changed |= self.zero_count != kept.count;
            self.zero_count = kept.count;
            count += kept.count;
            sum += kept.midpoint * kept.count;
        }
        if changed {
            self.count = count;
            self.sum = sum;
            self.compact(0);
        }
    }
}

fn trim_bucket(bucket: Bucket, limit: f64, keep: Keep, positive: bool, linear: bool) -> Kept {
    let (all, some) = match keep {
        Keep::Below => (bucket.upper <= limit, bucket.lower < limit),
        Keep::Above => (bucket.lower >= limit, bucket.upper > limit),
    };
    if all {
        return Kept {
            count: bucket.count,
            midpoint: midpoint(bucket.lower, bucket.upper, positive, linear),
        };
    }
    if !some {
        return Kept {
            count: 0.0,
            midpoint: 0.0,
        };
    }
    if bucket.lower == f64::NEG_INFINITY {
        return trim_lowest(bucket, limit, keep);
    }
    if bucket.upper == f64::INFINITY {
        // Nobody knows how far it reaches: all of it is at its start, or at the limit.
        return match keep {
            Keep::Below => Kept {
                count: 0.0,
                midpoint: bucket.lower,
            },
            Keep::Above if limit >= bucket.lower => Kept {
                count: bucket.count,
                midpoint: limit,
            },
            Keep::Above => Kept {
                count: 0.0,
                midpoint: bucket.lower,
            },
        };
    }
    let below = if limit <= bucket.lower {
        0.0
    } else if limit >= bucket.upper {
        bucket.count
    } else {
        bucket.count * bucket.fraction_below(limit, linear)
    };
    match keep {
        Keep::Below => Kept {
            count: below,
            midpoint: midpoint(bucket.lower, limit, positive, linear),
        },
        Keep::Above => Kept {
            count: bucket.count - below,
            midpoint: midpoint(limit, bucket.upper, positive, linear),
        },
    }
}

/// A custom bucket from minus infinity that the limit cuts. If it ends above zero it is taken to begin
/// there.
fn trim_lowest(bucket: Bucket, limit: f64, keep: Keep) -> Kept {
    let upper = bucket.upper;
    let bounded_above = upper != f64::INFINITY;
    match keep {
        Keep::Below if limit > 0.0 && upper > 0.0 && bounded_above => Kept {
            count: bucket.count * limit / upper,
            midpoint: limit / 2.0,
        },
        Keep::Below if upper <= 0.0 => Kept {
            count: bucket.count,
            midpoint: limit,
        },
        Keep::Above if limit >= 0.0 && bounded_above => Kept {
            count: bucket.count * (1.0 - limit / upper),
            midpoint: f64::midpoint(limit, upper),
        },
        Keep::Above | Keep::Below => Kept {
            count: 0.0,
            midpoint: if bounded_above { upper } else { 0.0 },
        },
    }
}

fn trim_zero_bucket(bucket: Bucket, limit: f64, keep: Keep) -> Kept {
    let (lower, upper) = (bucket.lower, bucket.upper);
    let whole = Kept {
        count: bucket.count,
        midpoint: f64::midpoint(lower, upper),
    };
    let none = Kept {
        count: 0.0,
        midpoint: 0.0,
    };
    match keep {
        Keep::Below if limit <= lower => none,
        Keep::Below if limit >= upper => whole,
        Keep::Below => Kept {
            count: bucket.count * ((limit - lower) / (upper - lower)),
            midpoint: f64::midpoint(lower, limit),
        },
        Keep::Above if limit <= lower => whole,
        Keep::Above if limit >= upper => none,
        Keep::Above => Kept {
            count: bucket.count * ((upper - limit) / (upper - lower)),
            midpoint: f64::midpoint(limit, upper),
        },
    }
}

/// Where the observations between two bounds are taken to lie: at the arithmetic mean if linear, else
/// at the geometric one.
fn midpoint(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if linear => f64::midpoint(lower, upper),
        (false, false) => {
            let mean = (lower * upper).abs().sqrt();
            if positive { mean } else { -mean }
        }
    }
}
