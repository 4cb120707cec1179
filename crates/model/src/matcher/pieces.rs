//! Patterns of plain texts with `.*` or `.+` in between.

use memchr::memmem;

/// `a.*b.+c` and the like. Where the pattern starts or ends with a gap, the first or last text is empty.
///
/// Texts and values are UTF-8, so a gap of at least one byte is one of at least one character.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    prefix: Vec<u8>,
    middle: Vec<Middle>,
    last_gap_min: usize,
    suffix: Vec<u8>,
}

/// A text with a gap before it.
#[derive(Debug, Clone)]
struct Middle {
    gap_min: usize,
    text: memmem::Finder<'static>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    /// Any characters, at least so many: 0 or 1.
    Gap(usize),
}

impl Pieces {
    /// `None` if there is no gap, or one of two characters or more.
    pub(super) fn new(pieces: Vec<Piece>) -> Option<Pieces> {
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        let mut gaps: Vec<usize> = Vec::new();
        let mut is_behind_gap = false;
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    is_behind_gap &= text.is_empty();
                    texts.last_mut()?.extend(text);
                }
                Piece::Gap(min) if is_behind_gap => *gaps.last_mut()? += min,
                Piece::Gap(min) => {
                    gaps.push(min);
                    texts.push(Vec::new());
                    is_behind_gap = true;
                }
            }
        }
        if gaps.iter().any(|&min| min > 1) {
            return None;
        }
        let last_gap_min = gaps.pop()?;
        let suffix = texts.pop()?;
        let mut texts = texts.into_iter();
        let prefix = texts.next()?;
        let middle = texts.zip(gaps).map(|(text, gap_min)| Middle {
            gap_min,
            text: memmem::Finder::new(&text).into_owned(),
        });
        Some(Pieces {
            prefix,
            middle: middle.collect(),
            last_gap_min,
            suffix,
        })
    }

    /// The least number of bytes of a value, if nothing but gaps are in it.
    pub(super) fn only_gap(&self) -> Option<usize> {
        let is_only = self.prefix.is_empty() && self.middle.is_empty() && self.suffix.is_empty();
        is_only.then_some(self.last_gap_min)
    }

    /// Each text is taken where it comes first: that leaves the most to those after it.
    pub(super) fn is_match(&self, value: &[u8]) -> bool {
        let Some(mut rest) = value.strip_prefix(&self.prefix[..]) else {
            return false;
        };
        for middle in &self.middle {
            let Some(behind_gap) = rest.get(middle.gap_min..) else {
                return false;
            };
            let Some(start) = middle.text.find(behind_gap) else {
                return false;
            };
            rest = &behind_gap[start + middle.text.needle().len()..];
        }
        rest.strip_suffix(&self.suffix[..])
            .is_some_and(|gap| gap.len() >= self.last_gap_min)
    }
}
