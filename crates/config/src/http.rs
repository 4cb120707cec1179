//! How to speak HTTP to a target: the keys every client section of the configuration shares.

mod auth;
mod headers;
mod proxy;
mod tls;

use std::collections::BTreeMap;

use crate::yaml::{Fields, Yaml, YamlMap};

pub use auth::{Authorization, BasicAuth, OAuth2, SecretSource};
pub use headers::HeaderValues;
use headers::check_headers;
pub use proxy::ProxyConfig;
pub(crate) use proxy::redacted_url;
pub use tls::{TlsConfig, TlsVersion};

#[derive(Debug, Clone, PartialEq)]
pub struct HttpClientConfig {
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub oauth2: Option<OAuth2>,
    pub tls: TlsConfig,
    pub follow_redirects: bool,
    pub enable_http2: bool,
    pub proxy: ProxyConfig,
    pub headers: BTreeMap<String, HeaderValues>,
}

impl Default for HttpClientConfig {
    fn default() -> HttpClientConfig {
        HttpClientConfig {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy: ProxyConfig::default(),
            headers: BTreeMap::new(),
        }
    }
}

impl HttpClientConfig {
    /// Takes the shared keys out of a section.
    pub(crate) fn take(fields: &mut Fields<'_>, enable_http2: bool) -> HttpClientConfig {
        let problems = fields.problems;
        let bearer = SecretSource {
            text: fields.secret("bearer_token"),
            file: fields.path("bearer_token_file"),
        };
        let mut http = HttpClientConfig {
            basic_auth: fields
                .take("basic_auth")
                .filter(|node| !node.is_null())
                .map(|node| BasicAuth::decode(node, problems)),
            authorization: fields
                .take("authorization")
                .filter(|node| !node.is_null())
                .map(|node| Authorization::decode(node, problems)),
            oauth2: fields
                .take("oauth2")
                .filter(|node| !node.is_null())
                .map(|node| OAuth2::decode(node, problems)),
            tls: fields
                .take("tls_config")
                .map(|node| TlsConfig::decode(node, problems))
                .unwrap_or_default(),
            follow_redirects: fields.bool("follow_redirects").unwrap_or(true),
            enable_http2: fields.bool("enable_http2").unwrap_or(enable_http2),
            proxy: ProxyConfig::take(fields),
            headers: fields
                .take("http_headers")
                .map(|node| {
                    problems.map(node, "map[string]config.Header", |value| {
                        Some(HeaderValues::decode(value, problems))
                    })
                })
                .unwrap_or_default(),
        };
        if let Err(message) = http.validate(&bearer) {
            problems.invalid(message);
        }
        if http.authorization.is_none() && bearer != SecretSource::default() {
            http.authorization = Some(Authorization {
                kind: "Bearer".to_owned(),
                credentials: bearer,
            });
        }
        http
    }

    /// Whether requests carry credentials of any kind.
    pub(crate) fn has_credentials(&self) -> bool {
        self.basic_auth.is_some() || self.authorization.is_some() || self.oauth2.is_some()
    }

    fn validate(&self, bearer: &SecretSource) -> Result<(), String> {
        let has_bearer = *bearer != SecretSource::default();
        let others = usize::from(self.basic_auth.is_some()) + usize::from(self.oauth2.is_some());
        let check = |allowed: bool, message: &str| if allowed { Ok(()) } else { Err(message.to_owned()) };
        check(
            !bearer.is_ambiguous(),
            "at most one of bearer_token & bearer_token_file must be configured",
        )?;
        check(
            others == 0 || !has_bearer,
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        )?;
        if let Some(auth) = &self.basic_auth {
            check(
                auth.username.is_empty() || auth.username_file.is_empty(),
                "at most one of basic_auth username, username_file & username_ref must be configured",
            )?;
            check(
                !auth.password.is_ambiguous(),
                "at most one of basic_auth password, password_file & password_ref must be configured",
            )?;
        }
        if let Some(auth) = &self.authorization {
            check(
                !has_bearer,
                "authorization is not compatible with bearer_token & bearer_token_file",
            )?;
            check(
                !auth.credentials.is_ambiguous(),
                "at most one of authorization credentials & credentials_file must be configured",
            )?;
            check(
                !auth.kind.eq_ignore_ascii_case("basic"),
                "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
            )?;
        }
        check(
            others + usize::from(self.authorization.is_some()) <= 1,
            "at most one of basic_auth, oauth2 & authorization must be configured",
        )?;
        if let Some(oauth2) = &self.oauth2 {
            oauth2.validate()?;
        }
        self.proxy.validate()?;
        check_headers(&self.headers)
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        if let Some(auth) = &self.basic_auth {
            map.put("basic_auth", Yaml::Map(auth.to_yaml()));
        }
        if let Some(auth) = &self.authorization {
            map.put("authorization", Yaml::Map(auth.to_yaml()));
        }
        if let Some(oauth2) = &self.oauth2 {
            map.put("oauth2", Yaml::Map(oauth2.to_yaml()));
        }
        if self.tls != TlsConfig::default() {
            map.put("tls_config", Yaml::Map(self.tls.to_yaml()));
        }
        map.bool("follow_redirects", self.follow_redirects)
            .bool("enable_http2", self.enable_http2)
            .extend(self.proxy.to_yaml());
        let headers = self
            .headers
            .iter()
            .map(|(name, values)| (name.as_str(), Yaml::Map(values.to_yaml())))
            .collect();
        map.some_map("http_headers", headers);
        map
    }
}

pub(crate) fn text_map(texts: &BTreeMap<String, String>) -> YamlMap {
    texts
        .iter()
        .map(|(name, value)| (name.as_str(), Yaml::Text(value.clone())))
        .collect()
}
