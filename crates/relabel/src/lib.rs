//! Relabelling: the rules that rewrite, select and drop label sets, with the meaning, the defaults
//! and the error texts of Prometheus 3.14 (model/relabel).
//!
//! The crate is pure: it must not know configuration files, targets or where labels come from.

mod action;
mod apply;
mod rule;
mod template;

pub use action::Action;
pub use apply::{Verdict, apply};
pub use rule::{InvalidRule, NameScheme, Rule, RuleSpec};
