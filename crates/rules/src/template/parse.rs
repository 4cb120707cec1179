//! Tokens to a tree. Functions and variables have to be known here already, as in Go.

use std::collections::BTreeMap;

use super::functions;
use super::lex::{Placed, Token, lex};

/// Deeper nesting is refused: everything that walks the tree recurses.
const MAX_DEPTH: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl SyntaxError {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            line,
            message: message.into(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) main: Vec<Node>,
    /// By `define` and `block`.
    pub(crate) defined: BTreeMap<String, Vec<Node>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    /// A pipeline whose value is written, unless it declares or assigns.
    Action(Pipeline),
    If(Branches),
    With(Branches),
    Range(Branches),
    Break,
    Continue,
    Template {
        name: String,
        argument: Option<Pipeline>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Branches {
    pub(crate) pipeline: Pipeline,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pipeline {
    /// Variables that get its value: one, or for `range` also two.
    pub(crate) targets: Vec<String>,
    /// The variables are new (`:=`) rather than known (`=`).
    pub(crate) declares: bool,
    /// Each gets the value of the one before it as its last argument.
    pub(crate) commands: Vec<Vec<Operand>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    pub(crate) base: Base,
    /// Fields taken of it, one after the other.
    pub(crate) fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Base {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// The empty name is the data of the template.
    Variable(String),
    Function(String),
    Group(Pipeline),
}

pub(crate) fn parse(text: &str, variables: &[&str]) -> Result<Parsed, SyntaxError> {
    let tokens = lex(text)?;
    let known = variables.iter().map(|name| (*name).to_owned());
    let mut parser = Parser {
        last_line: tokens.last().map_or(1, |(line, _)| *line),
        tokens,
        at: 0,
        variables: std::iter::once(String::new()).chain(known).collect(),
        defined: BTreeMap::new(),
        depth: 0,
        loops: 0,
    };
    let (main, end) = parser.nodes()?;
    match end {
        End::OfText => Ok(Parsed {
            main,
            defined: parser.defined,
        }),
        End::Else => Err(parser.error("unexpected {{else}}")),
        End::Closed => Err(parser.error("unexpected {{end}}")),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    /// The next of them.
    at: usize,
    last_line: usize,
    /// Those in scope, the innermost last.
    variables: Vec<String>,
    defined: BTreeMap<String, Vec<Node>>,
    depth: usize,
    /// `range`s around this place.
    loops: usize,
}

/// What ended a list of nodes.
enum End {
    OfText,
    /// The rest of the action, as `if …`, has not been read.
    Else,
    Closed,
}

impl Parser {
    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(self.last_line, |(line, _)| *line)
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.line(), message)
    }

    fn next(&mut self) -> Option<Token> {
        let (_, token) = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token.clone())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.next();
        }
    }

    fn deeper(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("template is nested too deeply"));
        }
        Ok(())
    }

    fn nodes(&mut self) -> Result<(Vec<Node>, End), SyntaxError> {
        let mut nodes = Vec::new();
        while let Some(token) = self.next() {
            if let Token::Text(text) = token {
                nodes.push(Node::Text(text));
                continue;
            }
            self.skip_space();
            let keyword = match self.peek() {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "else" => {
                    self.next();
                    return Ok((nodes, End::Else));
                }
                "end" => {
                    self.next();
                    self.close("end")?;
                    return Ok((nodes, End::Closed));
                }
                "define" => self.define()?,
                "if" | "with" | "range" | "break" | "continue" | "template" | "block" => {
                    self.next();
                    let node = self.control(&keyword)?;
                    nodes.push(node);
                }
                _ => {
                    let pipeline = self.pipeline("command", false)?;
                    nodes.push(Node::Action(pipeline));
                }
            }
        }
        Ok((nodes, End::OfText))
    }

    fn close(&mut self, context: &str) -> Result<(), SyntaxError> {
        self.skip_space();
        match self.next() {
            Some(Token::Close) => Ok(()),
            Some(other) => Err(self.error(format!("unexpected {} in {context}", shown(&other)))),
            None => Err(self.error("unclosed action")),
        }
    }

    fn control(&mut self, keyword: &str) -> Result<Node, SyntaxError> {
        match keyword {
            "break" | "continue" => {
                self.close(keyword)?;
                if self.loops == 0 {
                    return Err(self.error(format!("{{{{{keyword}}}}} outside {{{{range}}}}")));
                }
                Ok(if keyword == "break" {
                    Node::Break
                } else {
                    Node::Continue
                })
            }
            "template" | "block" => {
                let name = self.name(keyword)?;
                self.skip_space();
                let argument = if self.peek() == Some(&Token::Close) && keyword == "template" {
                    self.next();
                    None
                } else {
                    Some(self.pipeline(keyword, false)?)
                };
                if keyword == "block" {
                    self.body_of(&name)?;
                }
                Ok(Node::Template { name, argument })
            }
            _ => self.branches(keyword),
        }
    }

    fn name(&mut self, context: &str) -> Result<String, SyntaxError> {
        self.skip_space();
        match self.next() {
            Some(Token::Quoted(name)) => Ok(name),
            Some(other) => Err(self.error(format!("unexpected {} in {context} clause", shown(&other)))),
            None => Err(self.error("unclosed action")),
        }
    }

    fn define(&mut self) -> Result<(), SyntaxError> {
        self.next();
        let name = self.name("define")?;
        self.close("define clause")?;
        self.body_of(&name)
    }

    /// Reads to `end` what a template of its own consists of; variables from outside are not known there.
    fn body_of(&mut self, name: &str) -> Result<(), SyntaxError> {
        self.deeper()?;
        let outside = std::mem::replace(&mut self.variables, vec![String::new()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.nodes()?;
        self.depth -= 1;
        self.variables = outside;
        self.loops = loops;
        if !matches!(end, End::Closed) {
            return Err(self.error("unexpected end of a template definition"));
        }
        self.defined.insert(name.to_owned(), body);
        Ok(())
    }

    fn branches(&mut self, keyword: &str) -> Result<Node, SyntaxError> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipeline = self.pipeline(keyword, keyword == "range")?;
        let is_loop = usize::from(keyword == "range");
        self.loops += is_loop;
        let (body, end) = self.nodes()?;
        self.loops -= is_loop;
        let otherwise = match end {
            End::Closed => Vec::new(),
            End::OfText => return Err(self.error("unexpected EOF")),
            End::Else => self.otherwise(keyword)?,
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        let branches = Branches {
            pipeline,
            body,
            otherwise,
        };
        Ok(match keyword {
            "if" => Node::If(branches),
            "with" => Node::With(branches),
            _ => Node::Range(branches),
        })
    }

    /// Behind `else`: either the end of its action, or `if` and `with` of a branch that shares the end.
    fn otherwise(&mut self, keyword: &str) -> Result<Vec<Node>, SyntaxError> {
        self.skip_space();
        if let Some(Token::Word(word)) = self.peek()
            && word == keyword
            && keyword != "range"
        {
            self.next();
            return Ok(vec![self.branches(keyword)?]);
        }
        self.close("else")?;
        let (otherwise, end) = self.nodes()?;
        match end {
            End::Closed => Ok(otherwise),
            End::Else => Err(self.error("expected end; found {{else}}")),
            End::OfText => Err(self.error("unexpected EOF")),
        }
    }

    /// A pipeline up to the end of its action.
    fn pipeline(&mut self, context: &str, is_range: bool) -> Result<Pipeline, SyntaxError> {
        let (pipeline, end) = self.pipeline_until(context, is_range)?;
        if end == Token::Close {
            Ok(pipeline)
        } else {
            Err(self.error(format!("unexpected {} in {context}", shown(&end))))
        }
    }

    fn pipeline_until(&mut self, context: &str, is_range: bool) -> Result<(Pipeline, Token), SyntaxError> {
        let mut pipeline = Pipeline::default();
        let mut command = Vec::new();
        let mut new_names = Vec::new();
        loop {
            let Some(token) = self.next() else {
                return Err(self.error("unclosed action"));
            };
            match token {
                Token::Space => {}
                Token::Close | Token::RightParen | Token::Pipe => {
                    if command.is_empty() {
                        let what = if pipeline.commands.is_empty() && token != Token::Pipe {
                            format!("missing value for {context}")
                        } else {
                            format!("unexpected {} in {context}", shown(&token))
                        };
                        return Err(self.error(what));
                    }
                    pipeline.commands.push(std::mem::take(&mut command));
                    if token != Token::Pipe {
                        self.variables.append(&mut new_names);
                        return Ok((pipeline, token));
                    }
                }
                Token::Declare | Token::Assign | Token::Comma => {
                    let is_first = pipeline.commands.is_empty() && pipeline.targets.len() < 2;
                    let Some(name) = variable_alone(&command).filter(|_| is_first) else {
                        return Err(self.error(format!("unexpected {} in {context}", shown(&token))));
                    };
                    let comma_is_wrong = !is_range || !pipeline.targets.is_empty();
                    if token == Token::Comma && comma_is_wrong {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    command.clear();
                    pipeline.targets.push(name);
                    if token == Token::Declare {
                        pipeline.declares = true;
                        new_names.clone_from(&pipeline.targets);
                    }
                }
                other => {
                    let operand = self.operand(other)?;
                    command.push(operand);
                }
            }
        }
    }

    fn knows(&self, variable: &str) -> bool {
        self.variables.iter().any(|known| known == variable)
    }

    fn operand(&mut self, token: Token) -> Result<Operand, SyntaxError> {
        let mut fields = Vec::new();
        let base = match token {
            Token::Dot => Base::Dot,
            Token::Field(name) => {
                fields.push(name);
                Base::Dot
            }
            Token::Variable(name) => {
                // A variable that is about to be declared is not known yet.
                if !self.knows(&name) && !self.declares_next() {
                    return Err(self.error(format!("undefined variable \"${name}\"")));
                }
                Base::Variable(name)
            }
            Token::Int(value) => Base::Int(value),
            Token::Float(value) => Base::Float(value),
            Token::Quoted(text) => Base::Text(text),
            Token::Word(word) => match word.as_str() {
                "true" => Base::Bool(true),
                "false" => Base::Bool(false),
                "nil" => Base::Nil,
                _ if functions::is_known(&word) => Base::Function(word),
                _ => return Err(self.error(format!("function {word:?} not defined"))),
            },
            Token::LeftParen => {
                self.deeper()?;
                let (pipeline, end) = self.pipeline_until("parenthesized pipeline", false)?;
                self.depth -= 1;
                if end != Token::RightParen {
                    return Err(self.error("unclosed left paren"));
                }
                Base::Group(pipeline)
            }
            other => return Err(self.error(format!("unexpected {} in operand", shown(&other)))),
        };
        while let Some(Token::Field(_)) = self.peek() {
            if let Some(Token::Field(name)) = self.next() {
                fields.push(name);
            }
        }
        Ok(Operand { base, fields })
    }

    /// Whether `:=` or a comma comes next, blanks aside.
    fn declares_next(&self) -> bool {
        let next = self.tokens[self.at..]
            .iter()
            .map(|(_, token)| token)
            .find(|token| **token != Token::Space);
        matches!(next, Some(Token::Declare | Token::Comma))
    }
}

fn variable_alone(command: &[Operand]) -> Option<String> {
    match command {
        [
            Operand {
                base: Base::Variable(name),
                fields,
            },
        ] if fields.is_empty() => Some(name.clone()),
        _ => None,
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Text(text) | Token::Quoted(text) => format!("{text:?}"),
        Token::Open => "\"{{\"".to_owned(),
        Token::Close => "\"}}\"".to_owned(),
        Token::Word(word) => format!("<{word}>"),
        Token::Variable(name) => format!("\"${name}\""),
        Token::Field(name) => format!("<.{name}>"),
        Token::Dot => "<.>".to_owned(),
        Token::Int(value) => format!("\"{value}\""),
        Token::Float(value) => format!("\"{value}\""),
        Token::Pipe => "\"|\"".to_owned(),
        Token::Comma => "\",\"".to_owned(),
        Token::LeftParen => "\"(\"".to_owned(),
        Token::RightParen => "\")\"".to_owned(),
        Token::Declare => "\":=\"".to_owned(),
        Token::Assign => "\"=\"".to_owned(),
        Token::Space => "\" \"".to_owned(),
    }
}
