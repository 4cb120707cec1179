//! Finding the values that may match among many.

use memchr::memmem;

/// Finds texts of which every value that matches a pattern holds at least one.
///
/// It looks for them in any bytes: in a value, or in many values one behind the other.
#[derive(Debug, Clone)]
pub struct Finder(Kind);

#[derive(Debug, Clone)]
enum Kind {
    One(Box<memmem::Finder<'static>>),
    Any(regex::bytes::Regex),
}

impl Finder {
    /// `None` where looking for them is no help.
    pub(super) fn new(mut texts: Vec<String>) -> Option<Finder> {
        // Where two texts start at one place the first of them is reported, and the shorter one is the one
        // that ends before the value does.
        texts.sort_by(|left, right| (left.len(), left).cmp(&(right.len(), right)));
        texts.dedup();
        match &texts[..] {
            [] => None,
            [one] => Some(Finder(Kind::One(Box::new(
                memmem::Finder::new(one.as_bytes()).into_owned(),
            )))),
            many => {
                let escaped: Vec<String> = many.iter().map(|text| regex::escape(text)).collect();
                let any = regex::bytes::Regex::new(&escaped.join("|")).ok()?;
                Some(Finder(Kind::Any(any)))
            }
        }
    }

    /// Start and end of the first of the texts from `from` on.
    #[inline]
    pub fn find_at(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        match &self.0 {
            Kind::One(finder) => {
                let start = from + finder.find(bytes.get(from..)?)?;
                Some((start, start + finder.needle().len()))
            }
            Kind::Any(regex) if from <= bytes.len() => {
                let found = regex.find_at(bytes, from)?;
                Some((found.start(), found.end()))
            }
            Kind::Any(_) => None,
        }
    }
}
