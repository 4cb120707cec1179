//! Proxies between the client and its servers.

use std::collections::BTreeMap;

use crate::Secret;
use crate::yaml::{Fields, Yaml, YamlMap};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Empty if there is none.
    pub url: String,
    /// Comma-separated hosts that are reached directly.
    pub no_proxy: String,
    pub from_environment: bool,
    pub connect_headers: BTreeMap<String, Vec<Secret>>,
}

impl ProxyConfig {
    pub(super) fn take(fields: &mut Fields<'_>) -> ProxyConfig {
        let problems = fields.problems;
        ProxyConfig {
            url: fields.string("proxy_url"),
            no_proxy: fields.string("no_proxy"),
            from_environment: fields.bool("proxy_from_environment").unwrap_or(false),
            connect_headers: fields
                .take("proxy_connect_header")
                .map(|node| {
                    problems.map(node, "config.ProxyHeader", |value| {
                        Some(problems.strings(value).into_iter().map(Secret::new).collect())
                    })
                })
                .unwrap_or_default(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let has_url = !self.url.is_empty();
        let message = if !self.connect_headers.is_empty() && !self.from_environment && !has_url {
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured"
        } else if self.from_environment && has_url {
            "if proxy_from_environment is configured, proxy_url must not be configured"
        } else if self.from_environment && !self.no_proxy.is_empty() {
            "if proxy_from_environment is configured, no_proxy must not be configured"
        } else if !has_url && !self.no_proxy.is_empty() {
            "if no_proxy is configured, proxy_url must also be configured"
        } else {
            return Ok(());
        };
        Err(message.to_owned())
    }

    pub(super) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_text("proxy_url", &redacted_url(&self.url))
            .some_text("no_proxy", &self.no_proxy)
            .some_bool("proxy_from_environment", self.from_environment);
        let headers = self
            .connect_headers
            .iter()
            .map(|(name, values)| (name.as_str(), Yaml::texts(values.iter().map(Secret::shown))))
            .collect();
        map.some_map("proxy_connect_header", headers);
        map
    }
}

/// Hides a password between `user:` and `@`, as Go's `URL.Redacted` does.
pub(crate) fn redacted_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match authority
        .rsplit_once('@')
        .map(|(user, host)| (user.split_once(':'), host))
    {
        Some((Some((user, _)), host)) => format!("{scheme}://{user}:xxxxx@{host}{path}"),
        _ => url.to_owned(),
    }
}
