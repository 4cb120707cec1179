//! Patterns in RE2's syntax, as users write them, said in the syntax of the `regex` crate.
//!
//! The source of the rules is the parser of Go's `regexp/syntax` with its flags `Perl | DotNL`, as which
//! Prometheus reads patterns; so are the texts of the errors. What the two syntaxes share is passed on; what
//! one of them has not, or means otherwise, is said in other words:
//!
//! - A `{` that begins no repetition means itself, and so does what stands between `\Q` and `\E`.
//! - `\d`, `\w` and `\b` know ASCII alone, and `\s` has no vertical tab.
//! - In a class, `[`, `&&`, `--` and `~~` have no meaning of their own; nor have `\<`, `\>` and `\b{start}`
//!   anywhere.
//! - A repetition is not repeated (`a**`), and no pattern repeats anything more than a thousand times.
//! - `(?x)` and the like are refused; flags may come twice.

mod class;
mod cursor;
mod flags;

use regex::Regex;

use cursor::Cursor;

/// A pattern is not a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: `{part}`")]
pub struct InvalidPattern {
    /// One of the reasons that RE2 gives, or the engine's.
    pub problem: String,
    /// What of the pattern it is about.
    pub part: String,
}

impl InvalidPattern {
    fn new(problem: &str, part: &str) -> InvalidPattern {
        InvalidPattern {
            problem: problem.to_owned(),
            part: part.to_owned(),
        }
    }
}

/// Says a pattern of RE2 in the syntax of the `regex` crate. Groups keep their numbers and names.
///
/// The result is meant to be read with the flag `s` set and all others as they are by default.
pub fn re2_to_rust(pattern: &str) -> Result<String, InvalidPattern> {
    let mut translator = Translator {
        pattern,
        cursor: Cursor::new(pattern),
        out: String::with_capacity(pattern.len() + 16),
        groups: Vec::new(),
        group_names: Vec::new(),
        before: Before::Nothing,
        repeats: 1,
        most_repeats: 1,
    };
    translator.run()?;
    Ok(translator.out)
}

/// Compiles a pattern of RE2 as Prometheus does: fully anchored, the dot matching newlines too.
pub fn anchored_regex(pattern: &str) -> Result<Regex, InvalidPattern> {
    let translated = re2_to_rust(pattern)?;
    Regex::new(&anchored(&translated)).map_err(|error| engine_error(pattern, &error))
}

pub(crate) fn anchored(translated: &str) -> String {
    format!("^(?s:{translated})$")
}

/// The engine's message quotes the translated pattern over several lines; users get their own pattern and
/// the last line, which is the reason.
pub(crate) fn engine_error(pattern: &str, error: &regex::Error) -> InvalidPattern {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    InvalidPattern::new(reason.trim_start_matches("error: "), pattern)
}

/// The number of times that a part may be repeated, repetitions of repetitions multiplied.
const MAX_REPEATS: u32 = 1000;

/// Characters that no `regex` class may be without, so a class with nothing in it is made of them.
const NO_CHARACTER: &str = r"[^\x00-\x{10FFFF}]";

/// What a repetition would repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// Something, of which the translation ends here.
    Operand(usize),
    /// A repetition, which starts here in the pattern.
    Repetition(usize),
}

struct Group {
    /// Those of the group around it.
    most_repeats: u32,
}

struct Translator<'a> {
    pattern: &'a str,
    cursor: Cursor<'a>,
    out: String,
    groups: Vec<Group>,
    group_names: Vec<&'a str>,
    before: Before,
    /// How often the operand before is repeated already.
    repeats: u32,
    /// The highest of `repeats` in the group at hand.
    most_repeats: u32,
}

impl<'a> Translator<'a> {
    fn run(&mut self) -> Result<(), InvalidPattern> {
        while let Some(next) = self.cursor.peek() {
            match next {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.cursor.bump();
                    self.out.push('|');
                    self.before = Before::Nothing;
                }
                '^' | '$' | '.' => {
                    self.cursor.bump();
                    self.operand(next.encode_utf8(&mut [0; 4]));
                }
                '[' => {
                    let class = class::bracketed(&mut self.cursor)?;
                    self.operand(&class);
                }
                '*' | '+' | '?' => {
                    let start = self.cursor.position();
                    self.cursor.bump();
                    self.repeat(start, 1)?;
                }
                '{' => self.brace()?,
                '\\' => self.escape()?,
                _ => {
                    self.cursor.bump();
                    self.literal(u32::from(next));
                }
            }
        }
        match self.groups.is_empty() {
            true => Ok(()),
            false => Err(InvalidPattern::new("missing closing )", self.pattern)),
        }
    }

    fn open(&mut self) -> Result<(), InvalidPattern> {
        let opening = flags::group(&mut self.cursor)?;
        match opening {
            flags::Opening::Capture(name) => match name {
                // Names that `regex` would not take are not needed to match.
                Some(name) if is_name_for_rust(name) && !self.group_names.contains(&name) => {
                    self.group_names.push(name);
                    self.out.push_str("(?P<");
                    self.out.push_str(name);
                    self.out.push('>');
                }
                _ => self.out.push('('),
            },
            flags::Opening::Plain(flags) => {
                self.out.push_str("(?");
                self.out.push_str(&flags);
                self.out.push(':');
            }
            flags::Opening::FlagsOnly(flags) => {
                // What stood before can still be repeated.
                if !flags.is_empty() {
                    self.out.push_str("(?");
                    self.out.push_str(&flags);
                    self.out.push(')');
                }
                return Ok(());
            }
        }
        self.groups.push(Group {
            most_repeats: self.most_repeats,
        });
        self.most_repeats = 1;
        self.before = Before::Nothing;
        Ok(())
    }

    fn close(&mut self) -> Result<(), InvalidPattern> {
        self.cursor.bump();
        let Some(group) = self.groups.pop() else {
            return Err(InvalidPattern::new("unexpected )", self.pattern));
        };
        let inside = self.most_repeats;
        self.most_repeats = group.most_repeats.max(inside);
        self.operand(")");
        self.repeats = inside;
        Ok(())
    }

    /// A repetition in braces, or a brace.
    fn brace(&mut self) -> Result<(), InvalidPattern> {
        let start = self.cursor.position();
        let Some((min, max)) = self.cursor.take_counts() else {
            self.cursor.bump();
            self.literal(u32::from('{'));
            return Ok(());
        };
        let too_many = |count: u32| count > MAX_REPEATS;
        if too_many(min) || max.is_some_and(|max| too_many(max) || min > max) {
            let part = self.cursor.since(start);
            return Err(InvalidPattern::new("invalid repeat count", part));
        }
        self.repeat(start, max.unwrap_or(min))
    }

    /// A repetition that was read, but for the `?` that makes it a lazy one.
    fn repeat(&mut self, start: usize, count: u32) -> Result<(), InvalidPattern> {
        let repetition = self.cursor.since(start);
        if self.cursor.peek() == Some('?') {
            self.cursor.bump();
        }
        let end = match self.before {
            Before::Nothing => {
                let problem = "missing argument to repetition operator";
                return Err(InvalidPattern::new(problem, repetition));
            }
            Before::Repetition(first) => {
                let problem = "invalid nested repetition operator";
                return Err(InvalidPattern::new(problem, self.cursor.since(first)));
            }
            Before::Operand(end) => end,
        };
        // A lazy repetition matches the same values; but in a replacement it captures others.
        let with_laziness = self.cursor.since(start);
        self.out.insert_str(end, with_laziness);
        if count >= 2 {
            self.repeats = self.repeats.saturating_mul(count);
            if self.repeats > MAX_REPEATS {
                return Err(InvalidPattern::new("invalid repeat count", repetition));
            }
        }
        self.most_repeats = self.most_repeats.max(self.repeats);
        self.before = Before::Repetition(start);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), InvalidPattern> {
        match self.cursor.peek_escaped() {
            Some(letter @ ('A' | 'z')) => {
                self.cursor.skip_escaped();
                self.operand(if letter == 'A' { r"\A" } else { r"\z" });
            }
            Some(letter @ ('b' | 'B')) => {
                self.cursor.skip_escaped();
                self.operand(if letter == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
            }
            Some('Q') => {
                self.cursor.skip_escaped();
                for character in self.cursor.take_until(r"\E").chars() {
                    self.literal(u32::from(character));
                }
            }
            _ => match class::escaped(&mut self.cursor)? {
                Some(class) => self.operand(&class),
                None => {
                    let character = self.cursor.take_escape()?;
                    self.literal(character);
                }
            },
        }
        Ok(())
    }

    /// Takes a character that stands for itself. Surrogates are none, but may be written.
    fn literal(&mut self, code: u32) {
        match char::from_u32(code) {
            Some(character) => {
                if regex_syntax::is_meta_character(character) {
                    self.out.push('\\');
                }
                self.operand(character.encode_utf8(&mut [0; 4]));
            }
            None => self.operand(NO_CHARACTER),
        }
    }

    fn operand(&mut self, text: &str) {
        self.out.push_str(text);
        self.before = Before::Operand(self.out.len());
        self.repeats = 1;
    }
}

fn is_name_for_rust(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests;
