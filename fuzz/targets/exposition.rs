//! Any page of an exporter, in each format: entries until the first error, and never more of them than bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie_exposition::{Entry, ExpositionOptions, Parser, ProtobufParser};

fuzz_target!(|data: &[u8]| {
    for mut parser in [Parser::text(data), Parser::open_metrics(data)] {
        let mut entries = 0;
        while let Ok(Some(entry)) = parser.next() {
            entries += 1;
            assert!(entries <= data.len() + 1, "more entries than bytes");
            if let Entry::Series(series) = entry {
                let _ = series.labels();
            }
        }
    }
    let mut parser = ProtobufParser::new(data, ExpositionOptions::default());
    let mut entries = 0;
    while let Ok(Some(entry)) = parser.next() {
        entries += 1;
        assert!(entries <= 8 * data.len() + 8, "more entries than bytes can stand for");
        if let Entry::Series(series) = entry {
            let _ = series.labels();
        }
    }
});
