use serde::{Deserialize, Serialize};

/// One setting a system runs with that is not its own default, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// A flag, an environment variable, or a path in a configuration file.
    pub name: String,
    pub value: String,
    pub why: String,
}

/// Arguments and environment of a program, with the reasons of those that could bear on a measurement. Where it
/// listens and stores is only passed on.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) settings: Vec<Setting>,
}

impl Flags {
    /// Says where something is: no setting.
    pub(crate) fn place(&mut self, flag: &str, value: impl Into<String>) {
        self.args.push(format!("{flag}={}", value.into()));
    }

    pub(crate) fn set(&mut self, flag: &str, value: impl Into<String>, why: &str) {
        let value = value.into();
        self.args.push(format!("{flag}={value}"));
        self.note(flag, value, why);
    }

    pub(crate) fn set_env(&mut self, name: &str, value: impl Into<String>, why: &str) {
        let value = value.into();
        self.env.push((name.to_owned(), value.clone()));
        self.note(name, value, why);
    }

    /// A setting that is no argument: from a configuration file, or from the harness itself.
    pub(crate) fn note(&mut self, name: &str, value: impl Into<String>, why: &str) {
        self.settings.push(Setting {
            name: name.to_owned(),
            value: value.into(),
            why: why.to_owned(),
        });
    }
}
