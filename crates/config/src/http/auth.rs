//! Credentials.

use std::collections::BTreeMap;

use super::text_map;
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};
use crate::{ProxyConfig, Secret, TlsConfig};

pub(super) const NO_SECRET_MANAGER: &str = "no secret manager is configured";

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

impl SecretSource {
    pub(super) fn take(fields: &mut Fields<'_>, name: &str) -> SecretSource {
        fields.refuse(&format!("{name}_ref"), NO_SECRET_MANAGER);
        SecretSource {
            text: fields.secret(name),
            file: fields.path(&format!("{name}_file")),
        }
    }

    pub(super) fn is_ambiguous(&self) -> bool {
        !self.text.is_empty() && !self.file.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.file.is_empty()
    }

    pub(super) fn put(&self, map: &mut YamlMap, name: &str) {
        map.some_text(name, self.text.shown())
            .some_text(&format!("{name}_file"), &self.file);
    }
}

impl BasicAuth {
    pub(super) fn decode(node: &Node, problems: &Problems) -> BasicAuth {
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

    pub(super) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_text("username", &self.username)
            .some_text("username_file", &self.username_file);
        self.password.put(&mut map, "password");
        map
    }
}

impl Authorization {
    pub(super) fn decode(node: &Node, problems: &Problems) -> Authorization {
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

    pub(super) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_text("type", &self.kind);
        self.credentials.put(&mut map, "credentials");
        map
    }
}

impl OAuth2 {
    pub(super) fn decode(node: &Node, problems: &Problems) -> OAuth2 {
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

    pub(super) fn validate(&self) -> Result<(), String> {
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

    pub(super) fn to_yaml(&self) -> YamlMap {
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
