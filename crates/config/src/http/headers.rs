//! Headers added to requests.

use std::collections::BTreeMap;

use crate::Secret;
use crate::yaml::{Fields, Node, Problems, YamlMap};

/// Headers that belong to the client itself.
const RESERVED_HEADERS: [&str; 18] = [
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderValues {
    pub values: Vec<String>,
    pub secrets: Vec<Secret>,
    pub files: Vec<String>,
}

/// Refuses headers that belong to the client.
pub(super) fn check_headers(headers: &BTreeMap<String, HeaderValues>) -> Result<(), String> {
    for name in headers.keys() {
        if let Some(reserved) = RESERVED_HEADERS
            .iter()
            .find(|header| header.eq_ignore_ascii_case(name))
        {
            return Err(format!("setting header {reserved:?} is not allowed"));
        }
    }
    Ok(())
}

impl HeaderValues {
    pub(super) fn decode(node: &Node, problems: &Problems) -> HeaderValues {
        let mut fields = Fields::new(node, "config.Header", problems);
        let values = HeaderValues {
            values: fields.strings("values"),
            secrets: fields.strings("secrets").into_iter().map(Secret::new).collect(),
            files: fields
                .strings("files")
                .iter()
                .map(|file| problems.resolve(file))
                .collect(),
        };
        fields.finish();
        values
    }

    pub(super) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        let secrets: Vec<&str> = self.secrets.iter().map(Secret::shown).collect();
        map.some_texts("values", &self.values)
            .some_texts("secrets", &secrets)
            .some_texts("files", &self.files);
        map
    }
}
