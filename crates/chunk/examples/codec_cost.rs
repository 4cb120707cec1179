//! What chunks cost: bytes a sample and processor time, for usual shapes of series.
//!
//!     cargo run --release -p vigie-chunk --example codec_cost [samples]

#![expect(clippy::print_stdout, reason = "prints its measurements")]

use std::hint::black_box;
use std::time::Duration;

use vigie_chunk::{OpenChunk, decode_into, seal};

const REPETITIONS: u32 = 5_000;

fn main() {
    let samples = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(240);
    println!(
        "{samples} samples: bytes/sample open, sealed; ns/sample append, decode open, decode sealed; us/chunk seal"
    );
    let mut noise = Noise(1);
    measure("constant", samples, |_| 3.25);
    measure("counter +0..10", samples, |at| {
        (at * 5) as f64 + (noise.next() % 10) as f64
    });
    measure("counter of bytes", samples, |at| {
        (at * 150_000) as f64 + (noise.next() % 90_000) as f64
    });
    measure("seconds, 2 places", samples, |at| {
        (at * 1_500 + noise.next() as usize % 90) as f64 / 100.0
    });
    measure("gauge, 3 places", samples, |_| {
        (noise.next() % 10_000) as f64 / 1_000.0
    });
    measure("random", samples, |_| {
        f64::from_bits(noise.next() >> 12 | 1_023 << 52)
    });
}

fn measure(what: &str, samples: usize, mut value: impl FnMut(usize) -> f64) {
    let times: Vec<i64> = (0..samples as i64)
        .map(|at| 1_700_000_000_000 + at * 15_000)
        .collect();
    let values: Vec<f64> = (0..samples).map(&mut value).collect();
    let fill = || {
        let mut chunk = OpenChunk::new();
        for (&time, &value) in times.iter().zip(&values) {
            let appended = chunk.append(time, value);
            debug_assert!(appended.is_ok());
        }
        chunk
    };
    let (open, sealed) = (fill().to_bytes(), seal(&times, &values).unwrap_or_default());
    let append = repeated(|| drop(black_box(fill())));
    let decode = |bytes: &[u8]| {
        let (mut times, mut values) = (Vec::with_capacity(samples), Vec::with_capacity(samples));
        repeated(|| {
            times.clear();
            values.clear();
            let decoded = decode_into(black_box(bytes), &mut times, &mut values);
            debug_assert!(decoded.is_ok());
        })
    };
    let (decode_open, decode_sealed) = (decode(&open), decode(&sealed));
    let sealing = repeated(|| drop(black_box(seal(&times, &values))));
    let per_sample = |spent: Duration| spent.as_nanos() as f64 / f64::from(REPETITIONS) / samples as f64;
    println!(
        "{what:18} {:6.2} {:6.2}   {:6.1} {:6.1} {:6.1}   {:6.1}",
        open.len() as f64 / samples as f64,
        sealed.len() as f64 / samples as f64,
        per_sample(append),
        per_sample(decode_open),
        per_sample(decode_sealed),
        per_sample(sealing) * samples as f64 / 1_000.0,
    );
}

fn repeated(mut work: impl FnMut()) -> Duration {
    let started = processor_time();
    for _ in 0..REPETITIONS {
        work();
    }
    processor_time().saturating_sub(started)
}

/// What this thread has spent on a processor: other programs do not count.
fn processor_time() -> Duration {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_nanos)
}

/// The splitmix64 sequence.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
