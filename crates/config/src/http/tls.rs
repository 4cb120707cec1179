//! Certificates and versions.

use super::auth::NO_SECRET_MANAGER;
use crate::SecretSource;
use crate::yaml::{Fields, Node, Problems, YamlMap};

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
