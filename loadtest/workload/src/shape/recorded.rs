//! Hosts that show what a recorded one showed, each with a course of its own.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use super::Builder;
use crate::continuation::{Continuation, RecordedHost};
use crate::duration::Millis;
use crate::random::mix2;
use crate::recording::{Recording, RecordingError};
use crate::series::Text;
use crate::spec::WorkloadError;
use crate::value::Value;

/// Twice what the largest recording of whole numbers takes.
const MAX_FILE_BYTES: u64 = 1 << 30;

pub(super) fn load(path: &str, interval: Millis) -> Result<Continuation, WorkloadError> {
    let fail = |what: &str| WorkloadError::Spec(format!("`recording.file`: read {path}: {what}"));
    let file = File::open(path).map_err(|error| fail(&error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fail(&error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(fail("it is larger than 1 GiB"));
    }
    let recording = Recording::from_bytes(&bytes)?;
    let continuation = Continuation::new(&recording)?;
    // Increments of another interval would be of another size, and so would their bytes on disk.
    let recorded_ms = continuation.interval_ms;
    if (recorded_ms - interval.0).abs() * 10 > interval.0 {
        return Err(RecordingError::Unusable(format!(
            "{path} was recorded every {}, but `interval` is {interval}; make them equal",
            Millis(recorded_ms)
        ))
        .into());
    }
    Ok(continuation)
}

pub(super) fn build(unit: u32, recorded: &Arc<Continuation>, builder: &mut Builder<'_>) {
    let generation = builder.generation;
    let seed = mix2(builder.name_seed(2), u64::from(generation));
    let host = Arc::new(RecordedHost::new(recorded, seed, builder.birth_round()));
    let renewed = if generation > 0 {
        format!("-{generation}")
    } else {
        String::new()
    };
    let instance = format!("host-{unit}{renewed}{}", recorded.port);
    builder.target(&[("instance", &instance)]);
    let mut family = None;
    for (index, series) in recorded.series.iter().enumerate() {
        if family != Some(&series.family) {
            builder.family(&series.family.name, series.family.kind, &series.family.help);
            family = Some(&series.family);
        }
        let own = series.labels.iter().filter(|(name, _)| name != "instance");
        let own = own.map(|(name, value)| (Text::from(name.clone()), Text::from(value.clone())));
        let value = Value::Recorded {
            host: Arc::clone(&host),
            series: index as u32,
        };
        builder.push_labels(series.name.clone(), own, value);
    }
}
