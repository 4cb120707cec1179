use crate::rng::Rng;

/// Pieces that mean something somewhere in the grammar.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"",
    "'",
    "`",
    "\\",
    "=",
    "=~",
    "!~",
    "==",
    "!=",
    "+",
    "-",
    "^",
    "@",
    ":",
    "#",
    "5m",
    "1h:",
    "0",
    "1e",
    "0x",
    "_",
    " ",
    "\n",
    "offset",
    "by",
    "without",
    "bool",
    "on",
    "group_left",
    "start()",
    "and",
    "or",
    "NaN",
    "é",
    "\u{0}",
    "sum",
    "rate",
    "5x",
    "1.5h",
    "%",
    "<",
    "!",
];

/// The text with one to three faults; now and then it happens to be valid still.
pub(super) fn damage(text: &str, rng: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..rng.between(1, 3) {
        let at = rng.below(chars.len() + 1);
        match rng.below(6) {
            0 if at < chars.len() => {
                chars.remove(at);
            }
            1 => {
                let piece: Vec<char> = rng.pick(PIECES).chars().collect();
                chars.splice(at..at, piece);
            }
            2 if at + 1 < chars.len() => chars.swap(at, at + 1),
            3 => {
                let end = (at + rng.below(8)).min(chars.len());
                let copy = chars[at..end].to_vec();
                chars.splice(at..at, copy);
            }
            4 => {
                let end = (at + rng.below(8)).min(chars.len());
                chars.drain(at..end);
            }
            _ if rng.chance(20) => chars.truncate(at),
            _ if at < chars.len() => {
                let piece: Vec<char> = rng.pick(PIECES).chars().collect();
                chars.splice(at..=at, piece);
            }
            _ => {}
        }
    }
    chars.into_iter().collect()
}
