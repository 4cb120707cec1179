//! Where a command prints to.

use std::io::Write;

/// The process's streams, or texts for tests.
#[derive(Debug)]
pub(crate) struct Output {
    collected: Option<(String, String)>,
}

impl Output {
    pub(crate) fn standard() -> Output {
        Output { collected: None }
    }

    pub(crate) fn collected() -> Output {
        Output {
            collected: Some((String::new(), String::new())),
        }
    }

    pub(crate) fn into_texts(self) -> (String, String) {
        self.collected.unwrap_or_default()
    }

    /// A line of the answer.
    pub(crate) fn line(&mut self, text: &str) {
        match &mut self.collected {
            Some((out, _)) => push_line(out, text),
            // A closed pipe means that nobody reads on.
            None => drop(writeln!(std::io::stdout(), "{text}")),
        }
    }

    /// A line for whoever looks for mistakes.
    pub(crate) fn error_line(&mut self, text: &str) {
        match &mut self.collected {
            Some((_, err)) => push_line(err, text),
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
