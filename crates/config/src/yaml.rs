//! YAML as a tree that knows its lines: reading, strict decoding, and writing.
//!
//! A derived deserializer would be shorter, but the errors users know name the line, the Go type
//! and every offence at once, and a section left empty means its defaults. Both need the tree.

mod decode;
mod emit;
mod node;

pub use decode::{Fields, Problems};
pub(crate) use emit::{Yaml, YamlMap};
pub use node::{Node, Value};
