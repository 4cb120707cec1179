use proptest::prelude::*;

use super::*;

struct Surroundings;

impl TemplateEnvironment for Surroundings {
    fn query(&self, query: &str) -> Result<Vec<TemplateSample>, String> {
        if query == "fail" {
            return Err("no such thing".to_owned());
        }
        let sample = |instance: &str, value: f64| {
            let labels = BTreeMap::from([("instance".to_owned(), instance.to_owned())]);
            (labels, Value::Float(value))
        };
        Ok(if query == "none" {
            Vec::new()
        } else {
            vec![sample("b", 2.0), sample("a", 1.0)]
        })
    }

    fn now_ms(&self) -> i64 {
        1_500_000_001_500
    }

    fn external_url(&self) -> &str {
        "http://host:9090/mon"
    }
}

fn expand(text: &str) -> Result<String, TemplateError> {
    let labels = BTreeMap::from([
        ("instance".to_owned(), "host.example.org:9100".to_owned()),
        ("job".to_owned(), "node".to_owned()),
    ]);
    let data = Value::Struct(BTreeMap::from([
        ("Labels", Value::Labels(labels.clone())),
        ("Value", Value::Float(1234.5678)),
    ]));
    let variables = [
        ("labels", Value::Labels(labels)),
        ("value", Value::Float(1234.5678)),
    ];
    Template::parse("t", text, &["labels", "value"])?.expand(&data, &variables, &Surroundings)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = expand(text).unwrap_err().to_string();
    assert!(error.contains(expected), "{text}: {error}");
}

#[test]
fn labels_and_values_are_written() {
    check("plain", "plain");
    check(
        "{{ $labels.job }} on {{ .Labels.instance }}",
        "node on host.example.org:9100",
    );
    check("{{ $value }} {{ .Value }}", "1234.5678 1234.5678");
    check("[{{ $labels.absent }}]", "[]");
    check("{{ $labels }}", "map[instance:host.example.org:9100 job:node]");
    check(
        "{{ 1e6 }} {{ 0x10 }} {{ -3 }} {{ 'a' }} {{ true }} {{ \"q\\n\\u00e9\" }} {{ `r\\` }}",
        "1e+06 16 -3 97 true q\n\u{e9} r\\",
    );
    check("{{ $.Value }}", "1234.5678");
}

#[test]
fn blanks_are_trimmed_where_it_is_said() {
    check("a {{- 1 -}} b", "a1b");
    check("a {{ 1 }} b", "a 1 b");
    check("a {{/* nothing */}} b", "a  b");
    check("a\n{{- /* nothing */ -}}\n b", "ab");
    check("{{-3}}", "-3");
}

#[test]
fn control_structures() {
    check("{{ if eq $labels.job \"node\" }}yes{{ else }}no{{ end }}", "yes");
    check(
        "{{ if false }}1{{ else if $labels.absent }}2{{ else }}3{{ end }}",
        "3",
    );
    check(
        "{{ with $labels.job }}{{ . }}{{ end }}{{ with \"\" }}x{{ else }}none{{ end }}",
        "nodenone",
    );
    check(
        "{{ range $i, $x := query \"two\" }}{{ $i }}={{ $x.Value }} {{ end }}",
        "0=2 1=1 ",
    );
    check("{{ range query \"none\" }}x{{ else }}empty{{ end }}", "empty");
    check("{{ range $k, $v := $labels }}{{ $k }};{{ end }}", "instance;job;");
    check("{{ range query \"two\" }}{{ break }}{{ end }}.", ".");
    check(
        "{{ range query \"two\" }}{{ if eq .Value 2.0 }}{{ continue }}{{ end }}{{ .Value }}{{ end }}",
        "1",
    );
    check("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2");
    check("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1");
    check(
        "{{ define \"d\" }}<{{ . }}>{{ end }}{{ template \"d\" 5 }}{{ block \"e\" 6 }}{{ . }}{{ end }}",
        "<5>6",
    );
    check(
        "{{ define \"d\" }}{{ .arg0 }}{{ .arg1 }}{{ end }}{{ template \"d\" (args 1 \"b\") }}",
        "1b",
    );
}

#[test]
fn functions_of_prometheus() {
    check(
        "{{ $value | humanize }} {{ humanize 0.0012 }} {{ humanize 0 }} {{ humanize \"1e6\" }}",
        "1.235k 1.2m 0 1M",
    );
    check("{{ humanize1024 1048576 }} {{ humanize1024 3 }}", "1Mi 3");
    check("{{ humanizePercentage 0.1234567 }}", "12.35%");
    check(
        "{{ humanizeDuration 90061.5 }} {{ humanizeDuration 1.5 }} {{ humanizeDuration 0.0015 }} {{ humanizeDuration -60 }}",
        "1d 1h 1m 1s 1.5s 1.5ms -1m 0s",
    );
    check(
        "{{ humanizeTimestamp 1435065584.128 }}",
        "2015-06-23 13:19:44.128 +0000 UTC",
    );
    check("{{ toTime 0 }}", "1970-01-01 00:00:00 +0000 UTC");
    check("{{ toDuration 90.5 }}", "1m30.5s");
    check(
        "{{ query \"two\" | first | value }} {{ query \"two\" | first | label \"instance\" }}",
        "2 b",
    );
    check(
        "{{ range query \"two\" | sortByLabel \"instance\" }}{{ .Labels.instance }}{{ end }}",
        "ab",
    );
    check(
        "{{ reReplaceAll \"(h)ost\" \"$1\" $labels.instance }}",
        "h.example.org:9100",
    );
    check("{{ if match \"^h.*\" $labels.instance }}m{{ end }}", "m");
    check(
        "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripDomain \"10.0.0.1:80\" }}",
        "host.example.org host:9100 10.0.0.1:80",
    );
    check(
        "{{ title \"aa bB\" }} {{ toUpper \"a\" }} {{ toLower \"A\" }}",
        "Aa BB A a",
    );
    check("{{ externalURL }}{{ pathPrefix }}", "http://host:9090/mon/mon");
    check("{{ graphLink \"up > 0\" }}", "/graph?g0.expr=up+%3E+0&g0.tab=0");
    check(
        "{{ parseDuration \"1h30m\" }} {{ parseDuration \"-5s\" }}",
        "5400 -5",
    );
    check("{{ now }}", "1.5000000015e+09");
    check_error(
        "{{ query \"none\" | first }}",
        "first() called on vector with no elements",
    );
    check_error("{{ query \"fail\" }}", "error calling query: no such thing");
    check_error("{{ humanize \"x\" }}", "invalid syntax");
}

#[test]
fn functions_of_go() {
    check(
        "{{ printf \"%.2f %s %5d|%-4s|%04d %q %v %%\" $value \"s\" 7 \"ab\" 42 \"q\" 1.5 }}",
        "1234.57 s     7|ab  |0042 \"q\" 1.5 %",
    );
    check(
        "{{ printf \"%g %e %.3g %x %t\" 0.5 12345.678 1234.5 255 true }}",
        "0.5 1.234568e+04 1.23e+03 ff true",
    );
    check(
        "{{ printf \"%d\" 1.5 }} {{ printf \"%s\" }} {{ printf \"x\" 1 }}",
        "%!d(float64=1.5) %!s(MISSING) x%!(EXTRA int=1)",
    );
    check(
        "{{ and 1 0 }} {{ or 0 2 }} {{ not 0 }} {{ len \"abc\" }}",
        "0 2 true 3",
    );
    check("{{ index $labels \"job\" }} {{ slice \"abcd\" 1 3 }}", "node bc");
    check(
        "{{ if and (gt $value 1000.0) (lt $value 2000.0) }}in{{ end }}",
        "in",
    );
    check(
        "{{ eq 1 2 1 }} {{ ne \"a\" \"b\" }} {{ le 1 1 }}",
        "true true true",
    );
    check(
        "{{ html \"<a>\" }} {{ urlquery \"a b\" }} {{ print 1 2 \"x\" 3 }} {{ js \"'\" }}",
        "&lt;a&gt; a+b 1 2x3 \\'",
    );
    check("{{ \"out\" | printf \"%s-%s\" \"in\" }}", "in-out");
    check_error("{{ eq 1 \"a\" }}", "incompatible types for comparison");
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, expected) in [
        ("{{ $labels.job", "template: t:1: unclosed action"),
        ("a\n{{ foo }}", "template: t:2: function \"foo\" not defined"),
        ("{{ $nope }}", "undefined variable \"$nope\""),
        ("{{ if true }}x", "unexpected EOF"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ else }}", "unexpected {{else}}"),
        ("{{ }}", "missing value for command"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ \"a }}", "unterminated quoted string"),
        ("{{/* a", "unclosed comment"),
        ("{{ template \"nope\" }}", "template \"nope\" not defined"),
        ("{{ .Nope }}", "can't evaluate field Nope"),
        ("{{ 1 2 }}", "can't give argument to non-function 1"),
        ("{{ 1 | 2 }}", "can't give argument to non-function 2"),
        (
            "{{ define \"d\" }}{{ template \"d\" }}{{ end }}{{ template \"d\" }}",
            "maximum template depth",
        ),
        (
            "{{ range 10000 }}{{ range 10000 }}{{ end }}{{ end }}",
            "too many steps",
        ),
    ] {
        check_error(text, expected);
    }
    assert!(expand(&"{{ if 1 }}".repeat(10_000)).is_err());
    assert!(expand(&format!("{{{{ {} }}}}", "(".repeat(10_000))).is_err());
}

proptest! {
    /// Whatever a user writes, there is a text or an error, and it does not take long.
    #[test]
    fn no_text_is_fatal(text in "(\\{\\{|\\}\\}|[-$. |():=\"`/*,]|if|end|else|range|with|define|template|printf|query|\\PC){0,30}") {
        let _ = expand(&text);
    }
}
