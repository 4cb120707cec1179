//! Events of the parser to a tree.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::ConfigError;

/// Deeper nesting is no configuration; the decoder recurses, so this bounds its stack.
const MAX_DEPTH: usize = 64;
/// Bounds what aliases may expand to, in nodes.
const MAX_ALIASED: usize = 100_000;

/// A value and where it starts, both counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub line: usize,
    pub column: usize,
    pub value: Value,
}

/// What YAML knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    /// `plain`: written without quotes, so it may be a number or a boolean as well.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The first document of the text; null if there is none.
    pub fn parse(text: &str) -> Result<Node, ConfigError> {
        let mut builder = Builder::default();
        for next in Parser::new_from_str(text) {
            let (event, span) = next.map_err(|error| ConfigError::Syntax {
                line: error.marker().line(),
                message: error.kind().to_string(),
            })?;
            let place = (span.start.line(), span.start.col() + 1);
            if let Some(root) = builder.accept(event, place)? {
                return Ok(root);
            }
        }
        Ok(Node {
            line: 1,
            column: 1,
            value: Value::Null,
        })
    }

    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The text of a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Node::count).sum(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| key.count() + value.count())
                .sum(),
        }
    }
}

/// A collection whose end has not come yet.
struct Open {
    place: (usize, usize),
    anchor: usize,
    /// Keys and values of a map alternate.
    items: Vec<Node>,
    is_map: bool,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

impl Builder {
    /// Returns the root once it is complete.
    fn accept(&mut self, event: Event<'_>, place: (usize, usize)) -> Result<Option<Node>, ConfigError> {
        let (line, column) = place;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    }
                };
                Ok(self.place(Node { line, column, value }, anchor))
            }
            Event::Alias(anchor) => {
                let node = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| ConfigError::Syntax {
                        line,
                        message: "anchor contains itself".to_owned(),
                    })?;
                self.aliased += node.count();
                if self.aliased > MAX_ALIASED {
                    return Err(ConfigError::Syntax {
                        line,
                        message: "document contains excessive aliasing".to_owned(),
                    });
                }
                Ok(self.place(node, 0))
            }
            Event::SequenceStart(_, anchor, _) => self.enter(place, anchor, false),
            Event::MappingStart(_, anchor, _) => self.enter(place, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(done) => {
                    let anchor = done.anchor;
                    Ok(self.place(done.close(), anchor))
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn enter(
        &mut self,
        place: (usize, usize),
        anchor: usize,
        is_map: bool,
    ) -> Result<Option<Node>, ConfigError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ConfigError::Syntax {
                line: place.0,
                message: "document is nested too deeply".to_owned(),
            });
        }
        self.open.push(Open {
            place,
            anchor,
            items: Vec::new(),
            is_map,
        });
        Ok(None)
    }

    fn place(&mut self, node: Node, anchor: usize) -> Option<Node> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(parent) => {
                parent.items.push(node);
                None
            }
            None => Some(node),
        }
    }
}

impl Open {
    fn close(self) -> Node {
        let value = if self.is_map {
            Value::Map(merged(pairs(self.items)))
        } else {
            Value::List(self.items)
        };
        Node {
            line: self.place.0,
            column: self.place.1,
            value,
        }
    }
}

fn pairs(items: Vec<Node>) -> Vec<(Node, Node)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// Resolves `<<: *defaults`: keys of the map itself win over merged ones.
fn merged(entries: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
    let is_merge = |key: &Node| matches!(&key.value, Value::Scalar { text, plain: true } if text == "<<");
    if !entries.iter().any(|(key, _)| is_merge(key)) {
        return entries;
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| is_merge(key));
    for (_, source) in merges {
        let sources = match source.value {
            Value::List(items) => items,
            Value::Map(_) | Value::Null | Value::Scalar { .. } => vec![source],
        };
        for source in sources {
            if let Value::Map(entries) = source.value {
                for (key, value) in entries {
                    if !own.iter().any(|(present, _)| present.text() == key.text()) {
                        own.push((key, value));
                    }
                }
            }
        }
    }
    own
}
