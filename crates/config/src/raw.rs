//! Sections that are accepted and shown, and that nothing here acts on yet.

use crate::secret::REDACTED;
use crate::yaml::{Fields, Node, Value, Yaml, YamlMap};

/// A section kept as it was written.
#[derive(Debug, Clone)]
pub struct RawSection {
    yaml: YamlMap,
}

impl RawSection {
    /// Takes a section whose keys must be among those known.
    pub(crate) fn take(
        fields: &mut Fields<'_>,
        name: &str,
        go_type: &'static str,
        known: &[&str],
    ) -> Option<RawSection> {
        let node = fields.take(name).filter(|node| !node.is_null())?;
        let mut inner = Fields::new(node, go_type, fields.problems);
        for key in known {
            inner.take(key);
        }
        inner.finish();
        Some(RawSection {
            yaml: map_to_yaml(node),
        })
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        self.yaml.clone()
    }
}

/// Equal if shown equal; secrets are not compared.
impl PartialEq for RawSection {
    fn eq(&self, other: &RawSection) -> bool {
        self.yaml.to_text() == other.yaml.to_text()
    }
}

fn map_to_yaml(node: &Node) -> YamlMap {
    let Value::Map(entries) = &node.value else {
        return YamlMap::default();
    };
    entries
        .iter()
        .filter_map(|(key, value)| {
            let name = key.text()?;
            let is_secret = name.contains("secret") || name.contains("password");
            let value = if is_secret {
                Yaml::Plain(REDACTED.to_owned())
            } else {
                to_yaml(value)
            };
            Some((name, value))
        })
        .collect()
}

fn to_yaml(node: &Node) -> Yaml {
    match &node.value {
        Value::Null => Yaml::Plain("null".to_owned()),
        Value::Scalar { text, plain: true } => Yaml::Plain(text.clone()),
        Value::Scalar { text, plain: false } => Yaml::Text(text.clone()),
        Value::List(items) => Yaml::List(items.iter().map(to_yaml).collect()),
        Value::Map(_) => Yaml::Map(map_to_yaml(node)),
    }
}
