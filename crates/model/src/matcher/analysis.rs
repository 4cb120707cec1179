//! What can be told of the values that a pattern matches, from the pattern alone.

use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::pieces::Piece;

/// A pattern with more alternatives is not worth looking them up one by one.
const MAX_ALTERNATIVES: usize = 1000;

/// Texts that are looked for at once, at most.
const MAX_REQUIRED: usize = 64;

/// Shorter texts are in so many values that looking for them first takes longer.
const MIN_REQUIRED_LEN: usize = 2;

/// An anchor at either end says nothing of a pattern that is anchored anyway.
pub(super) fn without_anchors(hir: &Hir) -> Hir {
    let mut parts = match hir.kind() {
        HirKind::Concat(parts) => &parts[..],
        _ => return hir.clone(),
    };
    while let [first, rest @ ..] = parts
        && *first.kind() == HirKind::Look(Look::Start)
    {
        parts = rest;
    }
    while let [rest @ .., last] = parts
        && *last.kind() == HirKind::Look(Look::End)
    {
        parts = rest;
    }
    Hir::concat(parts.to_vec())
}

/// All values that match, sorted, if they are not too many.
pub(super) fn literals(hir: &Hir) -> Option<Vec<String>> {
    if !hir.properties().look_set().is_empty() {
        return None;
    }
    let mut extractor = Extractor::new();
    extractor
        .limit_class(MAX_REQUIRED)
        .limit_repeat(MAX_REQUIRED)
        .limit_literal_len(usize::MAX)
        .limit_total(MAX_ALTERNATIVES);
    let all = extractor.extract(hir);
    if !all.is_exact() {
        return None;
    }
    let mut literals = texts(&all)?;
    literals.sort_unstable();
    literals.dedup();
    Some(literals)
}

/// The pattern as texts and gaps, if it is made of nothing else.
pub(super) fn pieces(hir: &Hir) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    push_pieces(hir, &mut pieces).then_some(pieces)
}

fn push_pieces(hir: &Hir, pieces: &mut Vec<Piece>) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        HirKind::Literal(literal) => {
            pieces.push(Piece::Text(literal.0.to_vec()));
            true
        }
        HirKind::Capture(capture) => push_pieces(&capture.sub, pieces),
        HirKind::Concat(parts) => parts.iter().all(|part| push_pieces(part, pieces)),
        HirKind::Repetition(repetition) => {
            let is_gap = repetition.max.is_none() && repetition.min <= 1 && is_any_character(&repetition.sub);
            pieces.push(Piece::Gap(repetition.min as usize));
            is_gap
        }
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Alternation(_) => false,
    }
}

fn is_any_character(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            matches!(class.ranges(), [range] if range.start() == '\0' && range.end() == char::MAX)
        }
        HirKind::Capture(capture) => is_any_character(&capture.sub),
        _ => false,
    }
}

/// What every value that matches starts with, and what it ends with.
pub(super) fn ends(hir: &Hir) -> (Vec<u8>, Vec<u8>) {
    let starts = Extractor::new().extract(hir);
    let ends = Extractor::new().kind(ExtractKind::Suffix).extract(hir);
    let prefix = starts.longest_common_prefix().unwrap_or_default();
    let suffix = ends.longest_common_suffix().unwrap_or_default();
    (prefix.to_vec(), suffix.to_vec())
}

/// Texts of which at least one is in every value that matches; none if that is no help.
pub(super) fn required(hir: &Hir) -> Vec<String> {
    required_in(hir).unwrap_or_default()
}

fn required_in(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(_) | HirKind::Class(_) => required_at_start(hir),
        HirKind::Capture(capture) => required_in(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_in(&repetition.sub),
        HirKind::Repetition(_) => None,
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(required_in(branch)?);
                if all.len() > MAX_REQUIRED {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Concat(parts) => {
            let of_parts = parts.iter().filter_map(required_in);
            // From each part on, as texts may span several.
            let spanning = (0..parts.len()).filter_map(|at| match parts[at].kind() {
                HirKind::Repetition(repetition) if repetition.min == 0 => None,
                _ => required_at_start(&Hir::concat(parts[at..].to_vec())),
            });
            of_parts.chain(spanning).max_by_key(|texts| usefulness(texts))
        }
    }
}

/// What a match of this starts with, which is required as well.
fn required_at_start(hir: &Hir) -> Option<Vec<String>> {
    let starts = Extractor::new().limit_total(MAX_REQUIRED).extract(hir);
    let texts = texts(&starts)?;
    let is_useful =
        !texts.is_empty() && texts.len() <= MAX_REQUIRED && usefulness(&texts).0 >= MIN_REQUIRED_LEN;
    is_useful.then_some(texts)
}

/// Longer ones are rarer, and fewer are faster.
fn usefulness(texts: &[String]) -> (usize, usize) {
    let shortest = texts.iter().map(String::len).min().unwrap_or_default();
    (shortest.min(8), usize::MAX - texts.len())
}

/// `None` where there is no end of them, or one is cut in the middle of a character.
fn texts(seq: &Seq) -> Option<Vec<String>> {
    seq.literals()?
        .iter()
        .map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok())
        .collect()
}
