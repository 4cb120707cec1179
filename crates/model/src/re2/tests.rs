//! What patterns mean, beside what Go's `regexp` says of them.

use proptest::prelude::*;

use super::*;

fn check(pattern: &str, matching: &[&str], others: &[&str]) {
    let regex = anchored_regex(pattern).unwrap();
    for value in matching {
        assert!(regex.is_match(value), "{pattern} should match {value:?}");
    }
    for value in others {
        assert!(!regex.is_match(value), "{pattern} should not match {value:?}");
    }
}

fn check_refused(pattern: &str, error: &str) {
    assert_eq!(anchored_regex(pattern).unwrap_err().to_string(), error);
}

#[test]
fn braces_that_repeat_nothing_mean_themselves() {
    check("w{", &["w{"], &["w"]);
    check("we{,1}b", &["we{,1}b"], &["web", "wb"]);
    check("{", &["{"], &[]);
    check("a{1", &["a{1"], &["a"]);
    check("a{-1}", &["a{-1}"], &["a"]);
    check("a{01}", &["a{01}"], &["a"]);
    check("a{2}", &["aa"], &["a", "a{2}"]);
    check("a{1,}}", &["a}", "aa}"], &["a"]);
    check("a{0,2}", &["", "a", "aa"], &["aaa"]);
    check("a{}", &["a{}"], &["a"]);
}

#[test]
fn quoted_text_means_itself() {
    check(r"\Qweb\E", &["web"], &[r"\Qweb\E"]);
    check(r"\Qa.b|(\E+", &["a.b|(", "a.b|(("], &["axb|("]);
    check(r"\Qa.b", &["a.b"], &["axb"]);
    check(r"a\Q\E", &["a"], &[]);
    check(r"a\Q\E*", &["", "a", "aa"], &["b"]);
}

#[test]
fn classes_are_of_ascii() {
    check(r"\d", &["7"], &["٣"]);
    check(r"\D", &["٣", "x"], &["7"]);
    check(r"\w+", &["az_09"], &["é", "ж"]);
    check(r"\W", &["é", "-"], &["a"]);
    check(r"\s", &[" ", "\t", "\n", "\u{c}", "\r"], &["\u{b}", "\u{a0}"]);
    check(r"[\s]", &[" "], &["\u{b}"]);
    check(r"[[:space:]]", &["\u{b}"], &["\u{a0}"]);
    check(r"[\S]", &["\u{b}", "a"], &[" "]);
    check(r"é\b.", &[], &["é "]);
    check(r"é\ba", &["éa"], &[]);
    check(r"a\Bé", &[], &["aé"]);
    check(r"é\B.", &["é "], &["éa"]);
    check(r"(?i)\w", &["K", "\u{212a}", "ſ"], &["é"]);
    check(r"[[:^alpha:]]", &["1", "é"], &["a"]);
    check(r"\pL", &["é", "ж"], &["1"]);
    check(r"\p{^Greek}\P{Greek}\P{^Greek}", &["aaα"], &["αaa"]);
}

#[test]
fn what_only_the_engine_knows_is_plain_text() {
    check(r"[a&&b]+", &["a&b"], &[]);
    check(r"[a[b]+", &["a[b"], &["a]"]);
    check(r"[a-c--b~~]+", &["c-b~"], &[]);
    check(r"[]a]+", &["]a"], &[]);
    check(r"[^]a]", &["b", "\n"], &["]", "a"]);
    check(r"[a-]+", &["a-"], &[]);
    check(r"[\d-z]+", &["1-z"], &["a"]);
    check(r"\<a\>", &["<a>"], &["a"]);
    check(r"\b{start}", &[], &["", "a"]);
    check(r"a\b{start}", &["a{start}"], &["a"]);
    check(r"\_\-\/\#", &["_-/#"], &[]);
    check("a # b", &["a # b"], &["a"]);
    check(r"(?-s).|(?s:.)b", &["a", "\nb"], &["\n"]);
    check("(?ii-i)a", &["a"], &["A"]);
    check("(?i)a(?-i)b|c", &["ab", "Ab", "c"], &["AB", "C"]);
    check("(?i)straße", &["STRAßE", "ſtraße", "STRAẞE"], &["STRASSE"]);
    check("(?m)a$\n^b", &["a\nb"], &[]);
    check("(?U)a+", &["aa"], &[]);
    check("a(?i)*", &["aaa", ""], &["A"]);
    check("(?P<n>a)(?<m>b)(?P<n>c)(?P<1>d)", &["abcd"], &[]);
    check(r"\x41\x{1F600}\101\0\a", &["A😀A\0\u{7}"], &[]);
    check(r"[\x{d000}-\x{dfff}]", &["\u{d7ff}"], &["\u{e000}"]);
    check(r"\x{d800}|[\x{d800}]|[^\x{d800}]", &["a"], &["", "aa"]);
    check("", &[""], &["a"]);
    check("|a", &["", "a"], &[]);
}

#[test]
fn errors_are_those_of_re2() {
    check_refused("a(", "missing closing ): `a(`");
    check_refused("a)", "unexpected ): `a)`");
    check_refused("a)(b", "unexpected ): `a)(b`");
    check_refused("[a", "missing closing ]: `[a`");
    check_refused("[]", "missing closing ]: `[]`");
    check_refused("*a", "missing argument to repetition operator: `*`");
    check_refused("(+)", "missing argument to repetition operator: `+`");
    check_refused("a|{2}", "missing argument to repetition operator: `{2}`");
    check_refused("a**", "invalid nested repetition operator: `**`");
    check_refused("a*?+", "invalid nested repetition operator: `*?+`");
    check_refused("a{1001}", "invalid repeat count: `{1001}`");
    check_refused("a{2,1}", "invalid repeat count: `{2,1}`");
    check_refused("(a{100}b){100}", "invalid repeat count: `{100}`");
    check_refused("a\\", "trailing backslash at end of expression: ``");
    check_refused(r"\1", r"invalid escape sequence: `\1`");
    check_refused(r"\C", r"invalid escape sequence: `\C`");
    check_refused(r"\Z", r"invalid escape sequence: `\Z`");
    check_refused(r"[\b]", r"invalid escape sequence: `\b`");
    check_refused(r"\x{110000}", r"invalid escape sequence: `\x{110000`");
    check_refused("[b-a]", "invalid character class range: `b-a`");
    check_refused("[[:foo:]]", "invalid character class range: `[:foo:]`");
    check_refused(r"\p{Foo}", r"invalid character class range: `\p{Foo}`");
    check_refused(r"\p{L", r"invalid character class range: `\p{L`");
    check_refused("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
    check_refused("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    check_refused("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`");
    check_refused("(?P<a", "invalid named capture: `(?P<a`");
    check_refused("(?P<a b>c)", "invalid named capture: `(?P<a b>`");
}

proptest! {
    /// Whatever is translated is something that the engine can read.
    #[test]
    fn translations_are_patterns(pattern in r"([ab(){}*+?|,0-9\[\]^$.&~\\<>:PdswbBQEiUxm-]|\PC){0,12}") {
        if let Ok(translated) = re2_to_rust(&pattern) {
            let parsed = regex_syntax::ParserBuilder::new().utf8(false).build().parse(&translated);
            prop_assert!(parsed.is_ok(), "{pattern} became {translated}: {}", parsed.unwrap_err());
        }
    }

    /// However a text is written, it matches itself.
    #[test]
    fn escaped_texts_match_themselves(text in "(\\PC|[\\\\.+*?()|\\[\\]{}^$&~#\n<>-]){0,8}") {
        let hexadecimal: String = text.chars().map(|c| format!("\\x{{{:x}}}", u32::from(c))).collect();
        let classes: String = text.chars().map(|c| format!("[\\x{{{:x}}}]", u32::from(c))).collect();
        let quoted = format!("\\Q{}\\E", text.replace("\\E", "\\E\\\\E\\Q"));
        for pattern in [regex::escape(&text), hexadecimal, classes, quoted] {
            let is_match = anchored_regex(&pattern).is_ok_and(|regex| regex.is_match(&text));
            prop_assert!(is_match, "{pattern}");
        }
    }
}
