//! Results of unit tests for machines: JUnit's XML, with what promtool writes into it.

use std::fmt::{self, Display, Formatter};

/// What became of a test file.
#[derive(Debug, Default)]
pub(crate) struct FileReport {
    pub(crate) name: String,
    /// When it was run, as in `2006-01-02T15:04:05`; empty if it could not be read.
    pub(crate) started: String,
    pub(crate) cases: Vec<CaseReport>,
}

/// What became of a group of tests.
#[derive(Debug, Default)]
pub(crate) struct CaseReport {
    pub(crate) name: String,
    pub(crate) failures: Vec<String>,
    /// Why it could not be run; empty if it could.
    pub(crate) error: String,
}

impl FileReport {
    /// Of a file that could not be read.
    pub(crate) fn unreadable(name: String, error: String) -> FileReport {
        let case = CaseReport {
            name: "unknown".to_owned(),
            error,
            ..CaseReport::default()
        };
        FileReport {
            name,
            cases: vec![case],
            ..FileReport::default()
        }
    }

    /// All that went wrong, in order.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().flat_map(|case| {
            let error = Some(case.error.as_str()).filter(|error| !error.is_empty());
            case.failures.iter().map(String::as_str).chain(error)
        })
    }
}

/// The document, on one line.
pub(crate) struct Document<'a>(pub(crate) &'a [FileReport]);

impl Display for Document<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("<testsuites>")?;
        for file in self.0 {
            // The case that stands for an unreadable file is none that was counted, but it is there.
            let tests = file.cases.len();
            let failures: usize = file.cases.iter().map(|case| case.failures.len()).sum();
            let errors = file.cases.iter().filter(|case| !case.error.is_empty()).count();
            write!(
                f,
                "<testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" \
                 timestamp=\"{}\">",
                Escaped(&file.name),
                Escaped(&file.started),
            )?;
            for case in &file.cases {
                write!(f, "<testcase name=\"{}\">", Escaped(&case.name))?;
                for failure in &case.failures {
                    write!(f, "<failure>{}</failure>", Escaped(failure))?;
                }
                if !case.error.is_empty() {
                    write!(f, "<error>{}</error>", Escaped(&case.error))?;
                }
                f.write_str("</testcase>")?;
            }
            f.write_str("</testsuite>")?;
        }
        f.write_str("</testsuites>")
    }
}

/// A text in XML, as Go's encoder writes it.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("&#34;")?,
                '\'' => f.write_str("&#39;")?,
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '\t' => f.write_str("&#x9;")?,
                '\n' => f.write_str("&#xA;")?,
                '\r' => f.write_str("&#xD;")?,
                // XML has no others of them.
                '\0'..' ' | '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                character => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_promtools() {
        let case = |name: &str, failures: &[&str]| CaseReport {
            name: name.to_owned(),
            failures: failures.iter().map(|&text| text.to_owned()).collect(),
            error: String::new(),
        };
        let file = FileReport {
            name: "a.yml".to_owned(),
            started: "2026-01-02T03:04:05".to_owned(),
            cases: vec![case("good", &[]), case("b<a>d", &["\tx & \"y\"\n", "\u{1}"])],
        };
        let missing = FileReport::unreadable("b.yml".to_owned(), "no such file".to_owned());
        assert_eq!(missing.mistakes().collect::<Vec<_>>(), ["no such file"]);
        assert_eq!(
            Document(&[file, missing]).to_string(),
            "<testsuites>\
             <testsuite name=\"a.yml\" tests=\"2\" failures=\"2\" errors=\"0\" skipped=\"0\" timestamp=\"2026-01-02T03:04:05\">\
             <testcase name=\"good\"></testcase>\
             <testcase name=\"b&lt;a&gt;d\"><failure>&#x9;x &amp; &#34;y&#34;&#xA;</failure>\
             <failure>\u{fffd}</failure></testcase></testsuite>\
             <testsuite name=\"b.yml\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" timestamp=\"\">\
             <testcase name=\"unknown\"><error>no such file</error></testcase></testsuite></testsuites>"
        );
    }
}
