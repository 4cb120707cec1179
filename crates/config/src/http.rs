//! How to speak HTTP to a target: the keys every client section of the configuration shares.

use std::collections::BTreeMap;

use crate::Secret;
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};

const NO_SECRET_MANAGER: &str = "no secret manager is configured";

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

/// A secret given in the configuration or in a file that is read for each use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretSource {
    pub text: Secret,
    /// Empty if there is none.
    pub file: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasicAuth {
    pub username: String,
    /// Empty if there is none.
    pub username_file: String,
    pub password: SecretSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The scheme, `Bearer` by default.
    pub kind: String,
    pub credentials: SecretSource,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct OAuth2 {
    pub client_id: String,
    pub client_secret: SecretSource,
    pub client_certificate_key_id: String,
    pub client_certificate_key: SecretSource,
    pub grant_type: String,
    pub signature_algorithm: String,
    pub issuer: String,
    pub audience: String,
    pub claims: BTreeMap<String, String>,
    pub scopes: Vec<String>,
    pub token_url: String,
    pub endpoint_params: BTreeMap<String, String>,
    pub tls: TlsConfig,
    pub proxy: ProxyConfig,
}

/// Each of the three documents is given as text or as a file, or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    pub ca: String,
    pub ca_file: String,
    pub cert: String,
    pub cert_file: String,
    pub key: SecretSource,
    pub server_name: String,
    pub insecure_skip_verify: bool,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Empty if there is none.
    pub url: String,
    /// Comma-separated hosts that are reached directly.
    pub no_proxy: String,
    pub from_environment: bool,
    pub connect_headers: BTreeMap<String, Vec<Secret>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderValues {
    pub values: Vec<String>,
    pub secrets: Vec<Secret>,
    pub files: Vec<String>,
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
        for name in self.headers.keys() {
            if let Some(reserved) = RESERVED_HEADERS
                .iter()
                .find(|header| header.eq_ignore_ascii_case(name))
            {
                return Err(format!("setting header {reserved:?} is not allowed"));
            }
        }
        Ok(())
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

impl SecretSource {
    fn take(fields: &mut Fields<'_>, name: &str) -> SecretSource {
        fields.refuse(&format!("{name}_ref"), NO_SECRET_MANAGER);
        SecretSource {
            text: fields.secret(name),
            file: fields.path(&format!("{name}_file")),
        }
    }

    fn is_ambiguous(&self) -> bool {
        !self.text.is_empty() && !self.file.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.file.is_empty()
    }

    fn put(&self, map: &mut YamlMap, name: &str) {
        map.some_text(name, self.text.shown())
            .some_text(&format!("{name}_file"), &self.file);
    }
}

impl BasicAuth {
    fn decode(node: &Node, problems: &Problems) -> BasicAuth {
        let mut fields = Fields::new(node, "config.plain", problems);
        fields.refuse("username_ref", NO_SECRET_MANAGER);
        let auth = BasicAuth {
            username: fields.string("username"),
            username_file: fields.path("username_file"),
            password: SecretSource::take(&mut fields, "password"),
        };
        fields.finish();
        auth
    }

    fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_text("username", &self.username)
            .some_text("username_file", &self.username_file);
        self.password.put(&mut map, "password");
        map
    }
}

impl Authorization {
    fn decode(node: &Node, problems: &Problems) -> Authorization {
        let mut fields = Fields::new(node, "config.Authorization", problems);
        let kind = fields.string("type").trim().to_owned();
        let auth = Authorization {
            kind: if kind.is_empty() {
                "Bearer".to_owned()
            } else {
                kind
            },
            credentials: SecretSource::take(&mut fields, "credentials"),
        };
        fields.finish();
        auth
    }

    fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_text("type", &self.kind);
        self.credentials.put(&mut map, "credentials");
        map
    }
}

impl OAuth2 {
    fn decode(node: &Node, problems: &Problems) -> OAuth2 {
        let mut fields = Fields::new(node, "config.plain", problems);
        let oauth2 = OAuth2 {
            client_id: fields.string("client_id"),
            client_secret: SecretSource::take(&mut fields, "client_secret"),
            client_certificate_key_id: fields.string("client_certificate_key_id"),
            client_certificate_key: SecretSource::take(&mut fields, "client_certificate_key"),
            grant_type: fields.string("grant_type"),
            signature_algorithm: fields.string("signature_algorithm"),
            issuer: fields.string("iss"),
            audience: fields.string("audience"),
            claims: fields.string_map("claims"),
            scopes: fields.strings("scopes"),
            token_url: fields.string("token_url"),
            endpoint_params: fields.string_map("endpoint_params"),
            tls: fields
                .take("tls_config")
                .map(|node| TlsConfig::decode(node, problems))
                .unwrap_or_default(),
            proxy: ProxyConfig::take(&mut fields),
        };
        fields.finish();
        oauth2
    }

    fn validate(&self) -> Result<(), String> {
        if self.client_id.is_empty() {
            return Err("oauth2 client_id must be configured".to_owned());
        }
        if self.token_url.is_empty() {
            return Err("oauth2 token_url must be configured".to_owned());
        }
        if self.client_secret.is_ambiguous() {
            return Err(
                "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured"
                    .to_owned(),
            );
        }
        self.proxy.validate()
    }

    fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.text("client_id", &self.client_id);
        self.client_secret.put(&mut map, "client_secret");
        map.some_text("client_certificate_key_id", &self.client_certificate_key_id);
        self.client_certificate_key
            .put(&mut map, "client_certificate_key");
        map.some_text("grant_type", &self.grant_type)
            .some_text("signature_algorithm", &self.signature_algorithm)
            .some_text("iss", &self.issuer)
            .some_text("audience", &self.audience)
            .some_map("claims", text_map(&self.claims))
            .some_texts("scopes", &self.scopes)
            .text("token_url", &self.token_url)
            .some_map("endpoint_params", text_map(&self.endpoint_params));
        if self.tls != TlsConfig::default() {
            map.put("tls_config", Yaml::Map(self.tls.to_yaml()));
        }
        map.extend(self.proxy.to_yaml());
        map
    }
}

impl TlsConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> TlsConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        fields.refuse("ca_ref", NO_SECRET_MANAGER);
        fields.refuse("cert_ref", NO_SECRET_MANAGER);
        let tls = TlsConfig {
            ca: fields.string("ca"),
            ca_file: fields.path("ca_file"),
            cert: fields.string("cert"),
            cert_file: fields.path("cert_file"),
            key: SecretSource::take(&mut fields, "key"),
            server_name: fields.string("server_name"),
            insecure_skip_verify: fields.bool("insecure_skip_verify").unwrap_or(false),
            min_version: TlsVersion::take(&mut fields, "min_version"),
            max_version: TlsVersion::take(&mut fields, "max_version"),
        };
        fields.finish();
        if let Err(message) = tls.validate() {
            problems.invalid(message);
        }
        tls
    }

    fn validate(&self) -> Result<(), &'static str> {
        let has_cert = !self.cert.is_empty() || !self.cert_file.is_empty();
        if !self.ca.is_empty() && !self.ca_file.is_empty() {
            return Err("at most one of ca, ca_file & ca_ref must be configured");
        }
        if !self.cert.is_empty() && !self.cert_file.is_empty() {
            return Err("at most one of cert, cert_file & cert_ref must be configured");
        }
        if self.key.is_ambiguous() {
            return Err("at most one of key and key_file must be configured");
        }
        match (has_cert, !self.key.is_empty()) {
            (true, false) => Err(
                "exactly one of key or key_file must be configured when a client certificate is configured",
            ),
            (false, true) => {
                Err("exactly one of cert or cert_file must be configured when a client key is configured")
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_text("ca", &self.ca).some_text("cert", &self.cert);
        self.key.put(&mut map, "key");
        map.some_text("ca_file", &self.ca_file)
            .some_text("cert_file", &self.cert_file)
            .some_text("server_name", &self.server_name)
            .bool("insecure_skip_verify", self.insecure_skip_verify);
        for (name, version) in [
            ("min_version", self.min_version),
            ("max_version", self.max_version),
        ] {
            map.some_text(name, version.map_or("", TlsVersion::as_str));
        }
        map
    }
}

impl TlsVersion {
    fn as_str(self) -> &'static str {
        match self {
            TlsVersion::Tls10 => "TLS10",
            TlsVersion::Tls11 => "TLS11",
            TlsVersion::Tls12 => "TLS12",
            TlsVersion::Tls13 => "TLS13",
        }
    }

    fn take(fields: &mut Fields<'_>, name: &str) -> Option<TlsVersion> {
        let text = fields.string(name);
        if text.is_empty() {
            return None;
        }
        let all = [
            TlsVersion::Tls10,
            TlsVersion::Tls11,
            TlsVersion::Tls12,
            TlsVersion::Tls13,
        ];
        let version = all.into_iter().find(|version| version.as_str() == text);
        if version.is_none() {
            fields.problems.invalid(format!("unknown TLS version: {text}"));
        }
        version
    }
}

impl ProxyConfig {
    fn take(fields: &mut Fields<'_>) -> ProxyConfig {
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

    fn validate(&self) -> Result<(), String> {
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

    fn to_yaml(&self) -> YamlMap {
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

impl HeaderValues {
    fn decode(node: &Node, problems: &Problems) -> HeaderValues {
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

    fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        let secrets: Vec<&str> = self.secrets.iter().map(Secret::shown).collect();
        map.some_texts("values", &self.values)
            .some_texts("secrets", &secrets)
            .some_texts("files", &self.files);
        map
    }
}

pub(crate) fn text_map(texts: &BTreeMap<String, String>) -> YamlMap {
    texts
        .iter()
        .map(|(name, value)| (name.as_str(), Yaml::Text(value.clone())))
        .collect()
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
