//! Where alerts are sent.

use std::time::Duration;

use vigie_relabel::{NameScheme, Rule};

use crate::relabel::{build_rules, rules_to_yaml, take_rules};
use crate::remote::SIGV4_KEYS;
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};
use crate::{DiscoveryConfig, HttpClientConfig, RawSection};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertingConfig {
    pub alert_relabel_rules: Vec<Rule>,
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// A group of Alertmanagers that are found and spoken to alike.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertmanagerConfig {
    pub scheme: String,
    pub path_prefix: String,
    pub timeout: Duration,
    pub http: HttpClientConfig,
    pub sigv4: Option<RawSection>,
    pub discovery: DiscoveryConfig,
    pub relabel_rules: Vec<Rule>,
    pub alert_relabel_rules: Vec<Rule>,
}

impl AlertingConfig {
    pub(crate) fn decode(node: &Node, names: NameScheme, problems: &Problems) -> AlertingConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let rules = take_rules(
            &mut fields,
            "alert_relabel_configs",
            "empty or null alert relabeling rule",
        );
        let alerting = AlertingConfig {
            alert_relabel_rules: build_rules(rules, names, problems),
            alertmanagers: fields.sections(
                "alertmanagers",
                "empty or null section in alertmanagers",
                |node, problems| AlertmanagerConfig::decode(node, names, problems),
            ),
        };
        fields.finish();
        alerting
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        let alertmanagers = self
            .alertmanagers
            .iter()
            .map(|alertmanager| Yaml::Map(alertmanager.to_yaml()))
            .collect();
        map.some_list("alert_relabel_configs", rules_to_yaml(&self.alert_relabel_rules))
            .some_list("alertmanagers", alertmanagers);
        map
    }
}

impl AlertmanagerConfig {
    fn decode(node: &Node, names: NameScheme, problems: &Problems) -> AlertmanagerConfig {
        let mut fields = Fields::new(node, "config.AlertmanagerConfig", problems);
        let version = fields.string_or("api_version", "v2");
        if version != "v2" {
            problems.invalid(format!(
                "expected Alertmanager api version to be one of [v2] but got {version}"
            ));
        }
        let relabel = take_rules(
            &mut fields,
            "relabel_configs",
            "empty or null Alertmanager target relabeling rule",
        );
        let alert_relabel = take_rules(
            &mut fields,
            "alert_relabel_configs",
            "empty or null Alertmanager alert relabeling rule",
        );
        let discovery = DiscoveryConfig::take(&mut fields, "alertmanagers");
        if relabel.is_empty() {
            discovery.check_addresses(problems);
        }
        let config = AlertmanagerConfig {
            scheme: fields.string_or("scheme", "http"),
            path_prefix: fields.string("path_prefix"),
            timeout: fields.duration("timeout").unwrap_or(Duration::from_secs(10)),
            http: HttpClientConfig::take(&mut fields, true),
            sigv4: RawSection::take(&mut fields, "sigv4", "sigv4.plain", &SIGV4_KEYS),
            discovery,
            relabel_rules: build_rules(relabel, names, problems),
            alert_relabel_rules: build_rules(alert_relabel, names, problems),
        };
        fields.finish();
        if config.sigv4.is_some() && config.http.has_credentials() {
            problems.invalid("at most one of basic_auth, authorization, oauth2, & sigv4 must be configured");
        }
        config
    }

    fn to_yaml(&self) -> YamlMap {
        let mut map = self.http.to_yaml();
        if let Some(sigv4) = &self.sigv4 {
            map.put("sigv4", Yaml::Map(sigv4.to_yaml()));
        }
        map.text("scheme", &self.scheme)
            .some_text("path_prefix", &self.path_prefix)
            .duration("timeout", self.timeout)
            .text("api_version", "v2")
            .some_list("relabel_configs", rules_to_yaml(&self.relabel_rules))
            .some_list("alert_relabel_configs", rules_to_yaml(&self.alert_relabel_rules))
            .extend(self.discovery.to_yaml());
        map
    }
}
