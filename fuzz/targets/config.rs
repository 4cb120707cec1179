//! Any text as a configuration: an error, or a configuration that prints as one that reads the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use vigie_config::{Config, TenantsConfig};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(config) = Config::load_str(text, Path::new("/")) {
        let printed = config.to_yaml();
        // Secrets do not survive printing, so only the text can be compared.
        let again = Config::load_str(&printed, Path::new("/")).expect("what was printed is read");
        assert_eq!(again.to_yaml(), printed);
    }
    let _ = TenantsConfig::load_str(text);
});
