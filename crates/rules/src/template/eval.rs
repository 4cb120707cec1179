//! Walks the tree and writes text.

use std::collections::BTreeMap;

use super::parse::{Base, Branches, Node, Operand, Parsed, Pipeline};
use super::{TemplateEnvironment, Value, functions};

/// Nodes visited; templates of alerts take some dozens.
const MAX_STEPS: usize = 1_000_000;
const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Numbers that `range` counts to.
const MAX_RANGE: i64 = 10_000;
/// Levels of control structures, those of templates that use each other included.
const MAX_DEPTH: usize = 300;

pub(crate) struct Evaluation<'a> {
    parsed: &'a Parsed,
    environment: &'a dyn TemplateEnvironment,
    /// The innermost last.
    variables: Vec<(String, Value)>,
    output: String,
    steps: usize,
    depth: usize,
}

/// Whether the nodes behind go on.
enum Flow {
    On,
    Break,
    Continue,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(parsed: &'a Parsed, environment: &'a dyn TemplateEnvironment) -> Evaluation<'a> {
        Evaluation {
            parsed,
            environment,
            variables: Vec::new(),
            output: String::new(),
            steps: 0,
            depth: 0,
        }
    }

    pub(crate) fn run(mut self, data: &Value, variables: &[(&str, Value)]) -> Result<String, String> {
        self.variables.push((String::new(), data.clone()));
        for (name, value) in variables {
            self.variables.push(((*name).to_owned(), value.clone()));
        }
        let parsed = self.parsed;
        self.nodes(&parsed.main, data)?;
        Ok(self.output)
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        if self.output.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(format!("output is larger than {MAX_OUTPUT_BYTES} bytes"));
        }
        self.output.push_str(text);
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err("template takes too many steps".to_owned());
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        let flow = self.nodes_in_order(nodes, dot)?;
        self.depth -= 1;
        Ok(flow)
    }

    fn nodes_in_order(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(text) => {
                    self.write(text)?;
                    Flow::On
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.targets.is_empty() {
                        self.write(&value.to_string())?;
                    }
                    Flow::On
                }
                Node::If(branches) => self.scoped(|evaluation| {
                    let value = evaluation.pipeline(&branches.pipeline, dot)?;
                    let body = if value.is_true() {
                        &branches.body
                    } else {
                        &branches.otherwise
                    };
                    evaluation.nodes(body, dot)
                })?,
                Node::With(branches) => self.scoped(|evaluation| {
                    let value = evaluation.pipeline(&branches.pipeline, dot)?;
                    if value.is_true() {
                        evaluation.nodes(&branches.body, &value)
                    } else {
                        evaluation.nodes(&branches.otherwise, dot)
                    }
                })?,
                Node::Range(branches) => self.scoped(|evaluation| evaluation.range(branches, dot))?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
                Node::Template { name, argument } => {
                    let argument = match argument {
                        Some(pipeline) => self.pipeline(pipeline, dot)?,
                        None => Value::Nil,
                    };
                    self.template(name, &argument)?;
                    Flow::On
                }
            };
            if !matches!(flow, Flow::On) {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// Variables declared inside are forgotten behind it.
    fn scoped(&mut self, run: impl FnOnce(&mut Self) -> Result<Flow, String>) -> Result<Flow, String> {
        let scope = self.variables.len();
        let flow = run(self);
        self.variables.truncate(scope);
        flow
    }

    fn template(&mut self, name: &str, argument: &Value) -> Result<(), String> {
        let parsed = self.parsed;
        let body = parsed
            .defined
            .get(name)
            .ok_or_else(|| format!("template {name:?} not defined"))?;
        let outside = std::mem::replace(&mut self.variables, vec![(String::new(), argument.clone())]);
        self.nodes(body, argument)?;
        self.variables = outside;
        Ok(())
    }

    fn range(&mut self, branches: &Branches, dot: &Value) -> Result<Flow, String> {
        let pipeline = &branches.pipeline;
        let over = self.commands(pipeline, dot)?;
        let items = items_of(over)?;
        if items.is_empty() {
            return self.nodes(&branches.otherwise, dot);
        }
        for (key, item) in items {
            self.step()?;
            let scope = self.variables.len();
            match pipeline.targets.as_slice() {
                [] => {}
                [value] => self.store(value, item.clone(), pipeline.declares),
                [index, value, ..] => {
                    self.store(index, key, pipeline.declares);
                    self.store(value, item.clone(), pipeline.declares);
                }
            }
            let flow = self.nodes(&branches.body, &item)?;
            self.variables.truncate(scope);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let value = self.commands(pipeline, dot)?;
        for target in &pipeline.targets {
            self.store(target, value.clone(), pipeline.declares);
        }
        Ok(value)
    }

    fn store(&mut self, name: &str, value: Value, declares: bool) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        match known {
            Some((_, present)) if !declares => *present = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let mut piped = None;
        for command in &pipeline.commands {
            self.step()?;
            piped = Some(self.command(command, piped, dot)?);
        }
        Ok(piped.unwrap_or(Value::Nil))
    }

    fn command(&mut self, operands: &[Operand], piped: Option<Value>, dot: &Value) -> Result<Value, String> {
        let Some((first, rest)) = operands.split_first() else {
            return Ok(piped.unwrap_or(Value::Nil));
        };
        let Base::Function(name) = &first.base else {
            if !rest.is_empty() || piped.is_some() {
                return Err(format!("can't give argument to non-function {}", describe(first)));
            }
            return self.operand(first, dot);
        };
        // These two look at an argument only if those before it leave the outcome open.
        if name == "and" || name == "or" {
            let mut value = Value::Nil;
            for operand in rest {
                value = self.operand(operand, dot)?;
                if value.is_true() == (name == "or") {
                    return Ok(value);
                }
            }
            return piped
                .or_else(|| (!rest.is_empty()).then_some(value))
                .ok_or_else(|| format!("wrong number of args for {name}: want at least 1 got 0"));
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        let value = functions::call(name, arguments, self.environment)
            .map_err(|error| format!("error calling {name}: {error}"))?;
        fields_of(value, &first.fields)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, String> {
        self.step()?;
        let value = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Nil => Value::Nil,
            Base::Bool(value) => Value::Bool(*value),
            Base::Int(value) => Value::Int(*value),
            Base::Float(value) => Value::Float(*value),
            Base::Text(text) => Value::Text(text.clone()),
            Base::Variable(name) => self
                .variables
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .ok_or_else(|| format!("undefined variable: ${name}"))?,
            Base::Function(_) => return self.command(std::slice::from_ref(operand), None, dot),
            Base::Group(pipeline) => self.pipeline(pipeline, dot)?,
        };
        fields_of(value, &operand.fields)
    }
}

fn fields_of(value: Value, fields: &[String]) -> Result<Value, String> {
    fields.iter().try_fold(value, |value, name| match value {
        Value::Labels(mut labels) => Ok(Value::Text(labels.remove(name).unwrap_or_default())),
        Value::Map(mut map) => Ok(map.remove(name).unwrap_or(Value::Nil)),
        Value::Struct(mut known) => known
            .remove(name.as_str())
            .ok_or_else(|| format!("can't evaluate field {name} in type struct")),
        Value::Nil => Err(format!("nil data; no entry for key {name:?}")),
        other => Err(format!(
            "can't evaluate field {name} in type {}",
            other.type_name()
        )),
    })
}

/// Keys, or positions, and values.
fn items_of(value: Value) -> Result<Vec<(Value, Value)>, String> {
    let keyed = |map: BTreeMap<String, Value>| {
        map.into_iter()
            .map(|(key, value)| (Value::Text(key), value))
            .collect()
    };
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(items) => Ok((0..).map(Value::Int).zip(items).collect()),
        Value::Map(map) => Ok(keyed(map)),
        Value::Labels(labels) => Ok(keyed(
            labels
                .into_iter()
                .map(|(name, value)| (name, Value::Text(value)))
                .collect(),
        )),
        Value::Int(count) if count <= MAX_RANGE => {
            Ok((0..count).map(|at| (Value::Int(at), Value::Int(at))).collect())
        }
        other => Err(format!("range can't iterate over {other}")),
    }
}

fn describe(operand: &Operand) -> String {
    let base = match &operand.base {
        Base::Dot if operand.fields.is_empty() => ".".to_owned(),
        Base::Dot => String::new(),
        Base::Nil => "nil".to_owned(),
        Base::Bool(value) => value.to_string(),
        Base::Int(value) => value.to_string(),
        Base::Float(value) => value.to_string(),
        Base::Text(text) => format!("{text:?}"),
        Base::Variable(name) => format!("${name}"),
        Base::Function(name) => name.clone(),
        Base::Group(_) => "(…)".to_owned(),
    };
    operand
        .fields
        .iter()
        .fold(base, |text, field| format!("{text}.{field}"))
}
