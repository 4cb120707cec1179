//! Any message of remote write, both versions: an error, or series whose labels and samples can all be read.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    vigie_distributor::fuzz::read_all(data);
});
