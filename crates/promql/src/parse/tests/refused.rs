//! What is refused, and in which words.

/// Query and error.
pub(super) const REFUSED: &[(&str, &str)] = &[
    // nothing
    ("", "unknown position: parse error: no expression found in input"),
    (" ", "1:1: parse error: no expression found in input"),
    (
        "# only a comment",
        "1:1: parse error: no expression found in input",
    ),
    ("\n\t# twice\n#", "1:1: parse error: no expression found in input"),
    // characters
    ("up$", "1:3: parse error: unexpected character: '$'"),
    ("§", "1:1: parse error: unexpected character: '§'"),
    ("a ! b", "1:3: parse error: unexpected character after '!': ' '"),
    ("a !~ b", "1:3: parse error: unexpected character after '!': '~'"),
    ("a =~ b", "1:3: parse error: unexpected character after '=': '~'"),
    ("up;", "1:3: parse error: unexpected character: ';'"),
    ("a = b", r#"1:3: parse error: unexpected "=""#),
    ("a ! ", "1:3: parse error: unexpected character after '!': ' '"),
    ("a ?", "1:3: parse error: unexpected character: '?'"),
    (r"\x", r"1:1: parse error: unexpected character: '\\'"),
    // brackets that do not match
    ("(up", "1:4: parse error: unclosed left parenthesis"),
    ("((up)", "1:6: parse error: unclosed left parenthesis"),
    ("up)", "1:4: parse error: unexpected right parenthesis ')'"),
    (")", "1:2: parse error: unexpected right parenthesis ')'"),
    ("sum(up", "1:7: parse error: unclosed left parenthesis"),
    ("up]", "1:3: parse error: unexpected right bracket ']'"),
    ("up[5m", "1:6: parse error: unclosed left bracket"),
    ("up[5m:", "1:7: parse error: unclosed left bracket"),
    (
        "up[",
        "1:4: parse error: unexpected end of input in duration expression",
    ),
    (
        "up[[5m]]",
        "1:4: parse error: unexpected character in duration expression: '['",
    ),
    ("up{", "1:4: parse error: unexpected end of input inside braces"),
    (
        r#"up{a="b""#,
        "1:9: parse error: unexpected end of input inside braces",
    ),
    ("up{{", "1:4: parse error: unexpected left brace '{'"),
    ("up}", "1:3: parse error: unexpected character: '}'"),
    (r#"{a="b"}}"#, "1:8: parse error: unexpected character: '}'"),
    ("()", r#"1:2: parse error: unexpected ")""#),
    ("(", "1:2: parse error: unclosed left parenthesis"),
    ("up[5m](", r#"1:7: parse error: unexpected "(""#),
    ("\n\n  (up", "3:6: parse error: unclosed left parenthesis"),
    // numbers
    (
        "1.2.3",
        r#"1:1: parse error: bad number or duration syntax: "1.2.""#,
    ),
    ("0b1", r#"1:1: parse error: bad number or duration syntax: "0""#),
    ("0xg", r#"1:1: parse error: bad number or duration syntax: "0x""#),
    (
        "1__0",
        r#"1:1: parse error: bad number or duration syntax: "1__""#,
    ),
    ("1_", r#"1:1: parse error: bad number or duration syntax: "1_""#),
    ("5mm", r#"1:1: parse error: bad number or duration syntax: "5mm""#),
    ("1.5h", r#"1:1: parse error: unknown unit "." in duration "1.5h""#),
    ("12x", r#"1:1: parse error: bad number or duration syntax: "12""#),
    ("1e", r#"1:1: parse error: bad number or duration syntax: "1e""#),
    (
        "1e5e5",
        r#"1:1: parse error: bad number or duration syntax: "1e5e""#,
    ),
    ("08x", r#"1:1: parse error: bad number or duration syntax: "08""#),
    (
        "1e400",
        r#"1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e400": value out of range"#,
    ),
    (
        "0x",
        r#"1:1: parse error: error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax"#,
    ),
    (
        "99999999999999999999y",
        r#"1:1: parse error: not a valid duration string: "99999999999999999999y""#,
    ),
    ("5s5m", r#"1:1: parse error: not a valid duration string: "5s5m""#),
    ("5hs", r#"1:1: parse error: unknown unit "hs" in duration "5hs""#),
    ("3 4", r#"1:3: parse error: unexpected number "4""#),
    ("1ss", r#"1:1: parse error: unknown unit "ss" in duration "1ss""#),
    (
        ".5.",
        r#"1:1: parse error: error parsing number: strconv.ParseFloat: parsing ".5.": invalid syntax"#,
    ),
    (
        "0x1.8",
        r#"1:1: parse error: bad number or duration syntax: "0x1.""#,
    ),
    // strings
    (r#""abc"#, "1:1: parse error: unterminated quoted string"),
    ("'abc", "1:1: parse error: unterminated quoted string"),
    ("`abc", "1:1: parse error: unterminated raw string"),
    ("\"a\nb\"", "1:1: parse error: unterminated quoted string"),
    (r#""\q""#, "1:1: parse error: unknown escape sequence U+0071 'q'"),
    (
        r#""\x4""#,
        r#"1:1: parse error: illegal character U+0022 '"' in escape sequence"#,
    ),
    (
        r#""\xzz""#,
        "1:1: parse error: illegal character U+007A 'z' in escape sequence",
    ),
    (
        r#""\u12""#,
        r#"1:1: parse error: illegal character U+0022 '"' in escape sequence"#,
    ),
    (
        r#""\ud800""#,
        "1:1: parse error: escape sequence is an invalid Unicode code point",
    ),
    (
        r#""\777""#,
        "1:1: parse error: escape sequence is an invalid Unicode code point",
    ),
    (
        r#""\U00110000""#,
        "1:1: parse error: escape sequence is an invalid Unicode code point",
    ),
    (r#""\"#, "1:1: parse error: escape sequence not terminated"),
    ("\"\u{fffd}\"", "1:1: parse error: invalid UTF-8 rune"),
    (
        r#"'\"'"#,
        r#"1:1: parse error: unknown escape sequence U+0022 '"'"#,
    ),
    (
        r#"up{a="\400"}"#,
        "1:6: parse error: escape sequence is an invalid Unicode code point",
    ),
    // operators
    ("*", "1:1: parse error: unexpected <op:*>"),
    ("+", "1:2: parse error: unexpected end of input"),
    ("1 +", "1:4: parse error: unexpected end of input"),
    ("1 * * 2", "1:5: parse error: unexpected <op:*>"),
    ("up and", "1:7: parse error: unexpected end of input"),
    ("and and and and", "1:16: parse error: unexpected end of input"),
    ("a == == b", "1:6: parse error: unexpected <op:==>"),
    ("a + bool", "1:9: parse error: unexpected end of input"),
    ("a on(x) b", "1:3: parse error: unexpected <on>"),
    ("a + group_left b", "1:5: parse error: unexpected <group_left>"),
    (
        "a + on b",
        r#"1:8: parse error: unexpected identifier "b" in grouping opts, expected "(""#,
    ),
    ("a + on(", "1:8: parse error: unclosed left parenthesis"),
    ("a + on(x", "1:9: parse error: unclosed left parenthesis"),
    (
        "a + on(,) b",
        r#"1:8: parse error: unexpected "," in grouping opts, expected label"#,
    ),
    (
        "a + on(x y) b",
        r#"1:10: parse error: unexpected identifier "y" in grouping opts, expected "," or ")""#,
    ),
    (
        "a + on(5) b",
        r#"1:8: parse error: unexpected number "5" in grouping opts, expected label"#,
    ),
    (
        "a + on(x) group_left )",
        "1:23: parse error: unexpected right parenthesis ')'",
    ),
    (
        "a + on(x) group_left(1) b",
        r#"1:22: parse error: unexpected number "1" in grouping opts, expected label"#,
    ),
    (
        r#"a + ignoring("") b"#,
        r#"1:14: parse error: invalid label name for grouping: """#,
    ),
    ("a bool == b", "1:3: parse error: unexpected <bool>"),
    ("1 or 2 or", "1:10: parse error: unexpected end of input"),
    ("^2", "1:1: parse error: unexpected <op:^>"),
    ("2^", "1:3: parse error: unexpected end of input"),
    ("a </", "1:5: parse error: unexpected end of input"),
    ("a atan2", "1:8: parse error: unexpected end of input"),
    (
        "a + on(without) b",
        "1:8: parse error: unexpected <without> in grouping opts, expected label",
    ),
    (
        "a # comment\n+ # comment\n",
        "3:1: parse error: unexpected end of input",
    ),
    // types
    (
        "1 == 1",
        "1:3: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "1\n  <= # why\n 2",
        "2:3: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "1 and 2",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "a and 2",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "1 unless a",
        r#"1:1: parse error: set operator "unless" not allowed in binary scalar expression"#,
    ),
    (
        "a + bool b",
        "1:3: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "1 + bool 2",
        "1:3: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "a[5m] + 1",
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        "1 + a[5m]",
        "1:5: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        r#""a" + 1"#,
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        r#"a + "b""#,
        "1:5: parse error: binary expression must contain only scalar and instant vector types",
    ),
    (
        r#"-"a""#,
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string""#,
    ),
    (
        "-a[5m]",
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
    ),
    (
        "+a[5m:1m]",
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
    ),
    (
        "a + on(x) 1",
        "1:1: parse error: vector matching only allowed between instant vectors",
    ),
    (
        "1 * ignoring(x) 2",
        "1:1: parse error: vector matching only allowed between instant vectors",
    ),
    (
        "a and on(x) group_left b",
        r#"1:1: parse error: no grouping allowed for "and" operation"#,
    ),
    (
        "a or on(x) group_right(y) b",
        r#"1:1: parse error: no grouping allowed for "or" operation"#,
    ),
    (
        "a * on(x, y) group_left(z, x) b",
        r#"1:3: parse error: label "x" must not occur in ON and GROUP clause at once"#,
    ),
    (
        "a[5m][1m:1m]",
        "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ),
    (
        r#""a"[1m:]"#,
        "1:1: parse error: subquery is only allowed on instant vector, got string instead",
    ),
    (
        "1[1m:1m]",
        "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
    ),
    (
        "(1 == 1)",
        "1:4: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "vector(1 > 2)",
        "1:10: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "sum(1)",
        "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
    ),
    (
        "sum(a[5m])",
        "1:5: parse error: expected type instant vector in aggregation expression, got range vector",
    ),
    (
        r#"sum("a")"#,
        "1:5: parse error: expected type instant vector in aggregation expression, got string",
    ),
    (
        "topk(a, b)",
        "1:6: parse error: expected type scalar in aggregation parameter, got instant vector",
    ),
    (
        r#"topk("1", b)"#,
        "1:6: parse error: expected type scalar in aggregation parameter, got string",
    ),
    (
        "quantile(a, b)",
        "1:10: parse error: expected type scalar in aggregation parameter, got instant vector",
    ),
    (
        "count_values(1, a)",
        "1:14: parse error: expected type string in aggregation parameter, got scalar",
    ),
    (
        "rate(a)",
        r#"1:6: parse error: expected type range vector in call to function "rate", got instant vector"#,
    ),
    (
        "rate(1)",
        r#"1:6: parse error: expected type range vector in call to function "rate", got scalar"#,
    ),
    (
        r#"rate("a")"#,
        r#"1:6: parse error: expected type range vector in call to function "rate", got string"#,
    ),
    (
        "abs(a[5m])",
        r#"1:5: parse error: expected type instant vector in call to function "abs", got range vector"#,
    ),
    (
        "scalar(1)",
        r#"1:8: parse error: expected type instant vector in call to function "scalar", got scalar"#,
    ),
    (
        "vector(a)",
        r#"1:8: parse error: expected type scalar in call to function "vector", got instant vector"#,
    ),
    (
        r#"label_replace(a, b, "c", "d", "e")"#,
        r#"1:18: parse error: expected type string in call to function "label_replace", got instant vector"#,
    ),
    (
        r#"label_join(a, "b", "c", 1)"#,
        r#"1:25: parse error: expected type string in call to function "label_join", got scalar"#,
    ),
    (
        "sum(rate(a))",
        r#"1:10: parse error: expected type range vector in call to function "rate", got instant vector"#,
    ),
    (
        "round(a, b)",
        r#"1:10: parse error: expected type scalar in call to function "round", got instant vector"#,
    ),
    (
        "histogram_quantile(a, b)",
        r#"1:20: parse error: expected type scalar in call to function "histogram_quantile", got instant vector"#,
    ),
    (
        "avg_over_time(sum(a))",
        r#"1:15: parse error: expected type range vector in call to function "avg_over_time", got instant vector"#,
    ),
    // calls
    ("foo()", r#"1:1: parse error: unknown function with name "foo""#),
    (
        "foo(1, 2)",
        r#"1:1: parse error: unknown function with name "foo""#,
    ),
    (
        "RATE(a[5m])",
        r#"1:1: parse error: unknown function with name "RATE""#,
    ),
    (
        "rate()",
        r#"1:1: parse error: expected 1 argument(s) in call to "rate", got 0"#,
    ),
    (
        "rate(a[5m], b)",
        r#"1:1: parse error: expected 1 argument(s) in call to "rate", got 2"#,
    ),
    (
        "time(1)",
        r#"1:1: parse error: expected 0 argument(s) in call to "time", got 1"#,
    ),
    (
        "pi(a)",
        r#"1:1: parse error: expected 0 argument(s) in call to "pi", got 1"#,
    ),
    (
        "round()",
        r#"1:1: parse error: expected at least 1 argument(s) in call to "round", got 0"#,
    ),
    (
        "round(a, 1, 2)",
        r#"1:1: parse error: expected at most 2 argument(s) in call to "round", got 3"#,
    ),
    (
        "hour(a, b)",
        r#"1:1: parse error: expected at most 1 argument(s) in call to "hour", got 2"#,
    ),
    (
        "label_join(a)",
        r#"1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1"#,
    ),
    (
        r#"label_join(a, "b")"#,
        r#"1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 2"#,
    ),
    (
        "label_replace(a)",
        r#"1:1: parse error: expected 5 argument(s) in call to "label_replace", got 1"#,
    ),
    (
        "clamp(a, 1)",
        r#"1:1: parse error: expected 3 argument(s) in call to "clamp", got 2"#,
    ),
    (
        "abs(a,)",
        "1:6: parse error: trailing commas not allowed in function call args",
    ),
    ("abs(,)", r#"1:5: parse error: unexpected ",""#),
    ("abs(a b)", r#"1:7: parse error: unexpected identifier "b""#),
    (
        "abs(a, *)",
        "1:6: parse error: trailing commas not allowed in function call args",
    ),
    (
        "max_over_time(a[5m],",
        "1:21: parse error: unclosed left parenthesis",
    ),
    ("start()", r#"1:1: parse error: function "start" is not enabled"#),
    ("step()", r#"1:1: parse error: function "step" is not enabled"#),
    ("info(a)", r#"1:1: parse error: function "info" is not enabled"#),
    (
        r#"sort_by_label(a, "b")"#,
        r#"1:1: parse error: function "sort_by_label" is not enabled"#,
    ),
    (
        "max_of(1, 2)",
        r#"1:1: parse error: function "max_of" is not enabled"#,
    ),
    ("a:b(1)", r#"1:4: parse error: unexpected "(""#),
    (
        "mad_over_time(a[5m])",
        r#"1:1: parse error: function "mad_over_time" is not enabled"#,
    ),
    (
        "sum by (x) (foo(a))",
        r#"1:13: parse error: unknown function with name "foo""#,
    ),
    ("rate(abs)(a)", r#"1:10: parse error: unexpected "(""#),
    ("5m(1)", r#"1:3: parse error: unexpected "(""#),
    (
        "rate(a[5m]) offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "timestamp(a) @ 5",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    // aggregations
    (
        "sum()",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        "sum by (x)",
        "1:11: parse error: unexpected end of input in aggregation",
    ),
    (
        "sum by",
        r#"1:7: parse error: unexpected end of input in grouping opts, expected "(""#,
    ),
    (
        "sum by x (a)",
        r#"1:8: parse error: unexpected identifier "x" in grouping opts, expected "(""#,
    ),
    (
        "sum by (x) a",
        r#"1:12: parse error: unexpected identifier "a" in aggregation"#,
    ),
    (
        "sum(a) by",
        r#"1:10: parse error: unexpected end of input in grouping opts, expected "(""#,
    ),
    (
        "sum(a) by x",
        r#"1:11: parse error: unexpected identifier "x" in grouping opts, expected "(""#,
    ),
    ("sum(a) by (x", "1:13: parse error: unclosed left parenthesis"),
    ("sum by (x) (a) by (y)", "1:16: parse error: unexpected <by>"),
    (
        "sum(a, b)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ),
    (
        "topk(a)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    (
        "topk(1, a, 2)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 3",
    ),
    (
        "topk()",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        "count_values(a)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    ("sum a", r#"1:5: parse error: unexpected identifier "a""#),
    ("sum(a) b", r#"1:8: parse error: unexpected identifier "b""#),
    ("sum(a *)", r#"1:8: parse error: unexpected ")" in aggregation"#),
    (
        "sum(a b)",
        r#"1:7: parse error: unexpected identifier "b" in aggregation"#,
    ),
    (
        "sum(a offset x)",
        r#"1:14: parse error: unexpected identifier "x" in offset, expected number, duration, step(), or range()"#,
    ),
    (
        "sum by (x,,y) (a)",
        r#"1:11: parse error: unexpected "," in grouping opts, expected label"#,
    ),
    (
        "sum by (1) (a)",
        r#"1:9: parse error: unexpected number "1" in grouping opts, expected label"#,
    ),
    (
        "sum by (x=1) (a)",
        r#"1:10: parse error: unexpected "=" in grouping opts, expected "," or ")""#,
    ),
    (
        "sum without (a b) (c)",
        r#"1:16: parse error: unexpected identifier "b" in grouping opts, expected "," or ")""#,
    ),
    (
        "sum(abs(a) b)",
        r#"1:12: parse error: unexpected identifier "b" in aggregation"#,
    ),
    (
        "limitk(1, a)",
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    ),
    (
        "limit_ratio(0.5, a)",
        "1:1: parse error: limit_ratio() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    ),
    (
        "limitk()",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        r#"sum by ("") (a)"#,
        r#"1:9: parse error: invalid label name for grouping: """#,
    ),
    ("sum(,a)", r#"1:5: parse error: unexpected "," in aggregation"#),
    (r#"sum{a="b"}(c)"#, r#"1:11: parse error: unexpected "(""#),
    (
        "avg by (a) avg by (b) (c)",
        "1:12: parse error: unexpected <aggr:avg> in aggregation",
    ),
    (
        "min(1, 2) by (a)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ),
    // selectors
    (
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a=""}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a=~".*"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a!="b"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{a!~"b"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{""}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        "a{b}",
        r#"1:4: parse error: unexpected "}" in label matching, expected label matching operator"#,
    ),
    (
        "a{b=}",
        r#"1:5: parse error: unexpected "}" in label matching, expected string"#,
    ),
    (
        "a{b=c}",
        r#"1:5: parse error: unexpected identifier "c" in label matching, expected string"#,
    ),
    (
        "a{b=1}",
        "1:5: parse error: unexpected character inside braces: '1'",
    ),
    (
        r#"a{="b"}"#,
        r#"1:3: parse error: unexpected "=" in label matching, expected identifier or "}""#,
    ),
    (
        "a{,}",
        r#"1:3: parse error: unexpected "," in label matching, expected identifier or "}""#,
    ),
    (
        r#"a{b="c",,}"#,
        r#"1:9: parse error: unexpected "," in label matching, expected identifier or "}""#,
    ),
    (
        r#"a{b="c" d="e"}"#,
        r#"1:9: parse error: unexpected identifier "d" in label matching, expected "," or "}""#,
    ),
    (
        r#"a{b=="c"}"#,
        r#"1:5: parse error: unexpected "=" in label matching, expected string"#,
    ),
    (
        r#"a{b"c"}"#,
        r#"1:4: parse error: unexpected string "\"c\"" in label matching, expected label matching operator"#,
    ),
    (
        r#"a{b!"c"}"#,
        r#"1:4: parse error: unexpected character after '!' inside braces: '"'"#,
    ),
    (
        r#"a{b="c"=}"#,
        r#"1:8: parse error: unexpected "=" in label matching, expected "," or "}""#,
    ),
    (
        r#"a{b>"c"}"#,
        "1:4: parse error: unexpected character inside braces: '>'",
    ),
    (
        r#"a{1="b"}"#,
        "1:3: parse error: unexpected character inside braces: '1'",
    ),
    (
        r#"a{b:c="d"}"#,
        "1:4: parse error: unexpected character inside braces: ':'",
    ),
    (
        r#"a{__name__="b"}"#,
        r#"1:1: parse error: metric name must not be set twice: "a" or "b""#,
    ),
    (
        r#"a{__name__!="b"}"#,
        r#"1:1: parse error: metric name must not be set twice: "a" or "b""#,
    ),
    (
        r#"a{"b"}"#,
        r#"1:1: parse error: metric name must not be set twice: "a" or "b""#,
    ),
    (
        r#"a{"b" "c"}"#,
        r#"1:7: parse error: unexpected string "\"c\"" in label matching, expected "," or "}""#,
    ),
    (
        r#"{"a"=}"#,
        r#"1:6: parse error: unexpected "}" in label matching, expected string"#,
    ),
    (
        r#"{"a"=b}"#,
        r#"1:6: parse error: unexpected identifier "b" in label matching, expected string"#,
    ),
    ("a b", r#"1:3: parse error: unexpected identifier "b""#),
    (r#"a{b="c"} d"#, r#"1:10: parse error: unexpected identifier "d""#),
    ("a.b", "1:2: parse error: unexpected character: '.'"),
    (r#"a{b="c"}{d="e"}"#, r#"1:9: parse error: unexpected "{""#),
    ("bool", "1:1: parse error: unexpected <bool>"),
    ("on", "1:1: parse error: unexpected <on>"),
    ("group_left", "1:1: parse error: unexpected <group_left>"),
    ("ignoring", "1:1: parse error: unexpected <ignoring>"),
    ("atan2", "1:1: parse error: unexpected <op:atan2>"),
    (
        r#"group_right{a="b"}"#,
        "1:1: parse error: unexpected <group_right>",
    ),
    (
        r#"{a="b" or c="d"}"#,
        r#"1:8: parse error: unexpected identifier "or" in label matching, expected "," or "}""#,
    ),
    (
        r#"a{b="c""#,
        "1:8: parse error: unexpected end of input inside braces",
    ),
    (
        "{#comment\n",
        "2:1: parse error: unexpected end of input inside braces",
    ),
    // ranges
    (
        "a[]",
        r#"1:3: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[m]",
        "1:3: parse error: unexpected character in duration expression: 'm'",
    ),
    ("a[0]", "1:3: parse error: duration must be greater than 0"),
    ("a[0s]", "1:3: parse error: duration must be greater than 0"),
    ("a[-5m]", "1:3: parse error: duration must be greater than 0"),
    (
        "a[5m 5m]",
        r#"1:6: parse error: unexpected duration "5m" in subquery or range, expected ":" or "]""#,
    ),
    (
        "a[5m,1m]",
        r#"1:5: parse error: unexpected "," in subquery or range, expected ":" or "]""#,
    ),
    ("a[5m:1m:1m]", "1:8: parse error: unexpected colon ':'"),
    (
        "a[:1m]",
        "1:4: parse error: unexpected colon before duration in duration expression",
    ),
    (
        "a[::]",
        "1:4: parse error: unexpected colon before duration in duration expression",
    ),
    ("a[5m:0s]", "1:6: parse error: duration must be greater than 0"),
    ("a[5m:-1m]", "1:6: parse error: duration must be greater than 0"),
    (
        "a[5m:b]",
        "1:6: parse error: unexpected character: 'b', expected ':'",
    ),
    (
        "a[b:5m]",
        "1:3: parse error: unexpected character in duration expression: 'b'",
    ),
    (
        "a[5m:1m 1m]",
        r#"1:9: parse error: unexpected duration "1m" in subquery selector, expected "]""#,
    ),
    ("a[5m:)]", "1:7: parse error: unexpected right parenthesis ')'"),
    ("a[5m]]", "1:6: parse error: unexpected right bracket ']'"),
    (
        r#"a["5m"]"#,
        r#"1:3: parse error: unexpected character in duration expression: '"'"#,
    ),
    (
        "a[5m + ]",
        r#"1:8: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[5m + :1m]",
        r#"1:8: parse error: unexpected ":" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[5m:1m + ]",
        r#"1:11: parse error: unexpected "]" in subquery selector, expected number, duration, step(), range(), or "]""#,
    ),
    (
        "a[(5m]",
        r#"1:6: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    ("a[5m)]", "1:6: parse error: unexpected right parenthesis ')'"),
    ("a[5m / 0]", "1:6: parse error: division by zero"),
    ("a[5m % 0]", "1:6: parse error: modulo by zero"),
    ("a[5m / 0s]", "1:6: parse error: division by zero"),
    (
        "a[step]",
        r#"1:7: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[step(]",
        r#"1:8: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[step(1)]",
        r#"1:8: parse error: unexpected number "1" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[min_of(1m)]",
        r#"1:12: parse error: unexpected ")" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[min_of(1m, 2m, 3m)]",
        r#"1:16: parse error: unexpected "," in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[max_of(,)]",
        r#"1:10: parse error: unexpected "," in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "a[foo()]",
        "1:3: parse error: unexpected character in duration expression: 'f'",
    ),
    (
        "a[5m == 1m]",
        r#"1:6: parse error: unexpected <op:==> in subquery or range, expected ":" or "]""#,
    ),
    (
        "a[5m and 1m]",
        "1:6: parse error: unexpected character: 'a', expected ':'",
    ),
    ("a[300y]", "1:3: parse error: duration out of range"),
    ("a[5m:300y]", "1:6: parse error: duration out of range"),
    ("a[1e12]", "1:3: parse error: duration out of range"),
    (
        "1[5m]",
        "1:2: parse error: ranges only allowed for vector selectors",
    ),
    (
        "sum(a)[5m]",
        "1:7: parse error: ranges only allowed for vector selectors",
    ),
    (
        "(a)[5m]",
        "1:4: parse error: ranges only allowed for vector selectors",
    ),
    (
        "a[5m][5m]",
        "1:6: parse error: ranges only allowed for vector selectors",
    ),
    (
        "a offset 5m[5m]",
        "1:12: parse error: no offset modifiers allowed before range",
    ),
    (
        "a @ 5 [5m]",
        "1:7: parse error: no @ modifiers allowed before range",
    ),
    (
        "a[5m:1m]offset",
        "1:15: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "a[5mx]",
        r#"1:3: parse error: bad number or duration syntax: "5mx""#,
    ),
    (
        "a[#c\n5m]",
        "1:3: parse error: unexpected character in duration expression: '#'",
    ),
    (
        "a[5m{}]",
        r#"1:5: parse error: unexpected "{" in subquery or range, expected ":" or "]""#,
    ),
    (
        "a[*]",
        "1:3: parse error: unexpected <op:*> in subquery or range selector, expected number, duration, step(), or range()",
    ),
    // modifiers
    (
        "a offset",
        "1:9: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "a offset b",
        r#"1:10: parse error: unexpected identifier "b" in offset, expected number, duration, step(), or range()"#,
    ),
    (
        "a offset )",
        "1:11: parse error: unexpected right parenthesis ')'",
    ),
    (
        "a offset 5m offset 5m",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        r#"a offset "5m""#,
        r#"1:10: parse error: unexpected string "\"5m\"" in offset, expected number, duration, step(), or range()"#,
    ),
    (
        "1 offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "(a) offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "sum(a) offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        r#""a" offset 5m"#,
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    ("a offset (5m", "1:13: parse error: unclosed left parenthesis"),
    (
        "a offset ()",
        r#"1:11: parse error: unexpected ")" in offset, expected number, duration, step(), or range()"#,
    ),
    (
        "a offset -",
        "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "a offset *5m",
        "1:10: parse error: unexpected <op:*> in offset, expected number, duration, step(), or range()",
    ),
    (
        "a offset step",
        "1:14: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "a offset start()",
        r#"1:10: parse error: unexpected "start" in offset, expected number, duration, step(), or range()"#,
    ),
    ("a offset 1e10", "1:10: parse error: duration out of range"),
    ("a offset -1e10", "1:10: parse error: duration out of range"),
    ("a offset (5m / 0)", "1:14: parse error: division by zero"),
    ("a offset 5m 5m", r#"1:13: parse error: unexpected duration "5m""#),
    (
        "a[5m] offset 1m offset 2m",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        "a[5m:] offset 1m offset 2m",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        "a @",
        "1:4: parse error: unexpected end of input in @, expected timestamp",
    ),
    (
        "a @ b",
        r#"1:5: parse error: unexpected identifier "b" in @, expected timestamp"#,
    ),
    (
        r#"a @ "5""#,
        r#"1:5: parse error: unexpected string "\"5\"" in @, expected timestamp"#,
    ),
    (
        "a @ start",
        "1:10: parse error: unexpected end of input in @, expected timestamp",
    ),
    (
        "a @ start(1)",
        r#"1:11: parse error: unexpected number "1" in @, expected timestamp"#,
    ),
    (
        "a @ step()",
        r#"1:5: parse error: unexpected "step" in @, expected timestamp"#,
    ),
    (
        "a @ -",
        "1:6: parse error: unexpected end of input in @, expected timestamp",
    ),
    (
        "a @ Inf",
        "1:1: parse error: timestamp out of bounds for @ modifier: +Inf",
    ),
    (
        "a @ -Inf",
        "1:1: parse error: timestamp out of bounds for @ modifier: -Inf",
    ),
    (
        "a @ NaN",
        "1:1: parse error: timestamp out of bounds for @ modifier: NaN",
    ),
    (
        "a @ 1e30",
        "1:1: parse error: timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000",
    ),
    (
        "a @ 5 @ 6",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    ),
    (
        "a @ start() @ end()",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    ),
    (
        "1 @ 5",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "(a) @ 5",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "sum(a) @ 5",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "a[5m] @ 1 @ 2",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    ),
    (
        "a[5m:] @ 1 @ 2",
        "1:1: parse error: @ <timestamp> may not be set multiple times",
    ),
    (
        "a @ (5)",
        r#"1:5: parse error: unexpected "(" in @, expected timestamp"#,
    ),
    (
        "a anchored",
        "1:1: parse error: anchored modifier is experimental and not enabled",
    ),
    (
        "rate(a[5m] smoothed)",
        "1:6: parse error: smoothed modifier is experimental and not enabled",
    ),
    (
        "1 anchored",
        "1:1: parse error: anchored modifier is experimental and not enabled",
    ),
    (
        "a + fill(0) b",
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    ),
    (
        "a + fill_left(1) fill_right(2) b",
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    ),
    ("a + fill() b", r#"1:10: parse error: unexpected ")""#),
    ("a + fill(x) b", r#"1:10: parse error: unexpected identifier "x""#),
    ("a + fill(1 b", r#"1:12: parse error: unexpected identifier "b""#),
    ("a + fill b c", r#"1:10: parse error: unexpected identifier "b""#),
    (
        "offset offset",
        "1:14: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "a offset 5m)",
        "1:13: parse error: unexpected right parenthesis ')'",
    ),
];

/// The same with all flags on.
pub(super) const REFUSED_WITH_FLAGS: &[(&str, &str)] = &[
    (
        "(a) anchored",
        "1:1: parse error: anchored modifier not implemented",
    ),
    (
        "a anchored smoothed",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    ),
    (
        "a[5m] smoothed anchored",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    ),
    (
        "a[5m:1m] anchored",
        "1:1: parse error: anchored modifier is not supported for subqueries",
    ),
    (
        "a[5m:] smoothed",
        "1:1: parse error: smoothed modifier is not supported for subqueries",
    ),
    (
        "sum(a) smoothed",
        "1:1: parse error: smoothed modifier not implemented",
    ),
    (
        "1 + fill(0) 2",
        "1:1: parse error: filling in missing series only allowed between instant vectors",
    ),
    (
        "a and fill(1) b",
        "1:1: parse error: filling in missing series not allowed for set operators",
    ),
    (
        "a + fill(1) fill_left(2) b",
        r#"1:22: parse error: unexpected "(""#,
    ),
    (
        "a + fill_left(1) fill_left(2) b",
        r#"1:27: parse error: unexpected "(""#,
    ),
    ("a + fill(--1) b", "1:11: parse error: unexpected <op:->"),
    ("a + fill(a) b", r#"1:10: parse error: unexpected identifier "a""#),
    (
        "a + fill_right 1 b",
        r#"1:16: parse error: unexpected number "1""#,
    ),
    (
        "info(a, b)",
        "1:9: parse error: expected label selectors only, got vector selector instead",
    ),
    (
        "info(a, 1)",
        r#"1:1: parse error: expected type instant vector in call to function "info", got scalar"#,
    ),
    ("info(a, (b))", "1:9: parse error: expected label selectors only"),
    (
        "info(a, {}, b)",
        r#"1:1: parse error: expected at most 2 argument(s) in call to "info", got 3"#,
    ),
    (
        "info(1)",
        r#"1:6: parse error: expected type instant vector in call to function "info", got scalar"#,
    ),
    (
        "info()",
        r#"1:1: parse error: expected at least 1 argument(s) in call to "info", got 0"#,
    ),
    (
        r#"info(a, {x="1"} + b)"#,
        "1:9: parse error: expected label selectors only",
    ),
    (
        "info(a, {}[5m])",
        r#"1:1: parse error: expected type instant vector in call to function "info", got range vector"#,
    ),
    (
        "start(1)",
        r#"1:1: parse error: expected 0 argument(s) in call to "start", got 1"#,
    ),
    (
        "min_of(1)",
        r#"1:1: parse error: expected 2 argument(s) in call to "min_of", got 1"#,
    ),
    (
        "min_of(a, 1)",
        r#"1:8: parse error: expected type scalar in call to function "min_of", got instant vector"#,
    ),
    (
        r#"histogram_quantiles(a, "b")"#,
        r#"1:1: parse error: expected at least 3 argument(s) in call to "histogram_quantiles", got 2"#,
    ),
    (
        "histogram_quantiles(a)",
        r#"1:1: parse error: expected at least 3 argument(s) in call to "histogram_quantiles", got 1"#,
    ),
    (
        "histogram_quantiles(a, 1, 2)",
        r#"1:24: parse error: expected type string in call to function "histogram_quantiles", got scalar"#,
    ),
    (
        "limitk(a, b)",
        "1:8: parse error: expected type scalar in aggregation parameter, got instant vector",
    ),
    (
        "limit_ratio(1)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    (
        "sort_by_label()",
        r#"1:1: parse error: expected at least 1 argument(s) in call to "sort_by_label", got 0"#,
    ),
    (
        "sort_by_label(a, 1)",
        r#"1:18: parse error: expected type string in call to function "sort_by_label", got scalar"#,
    ),
    (
        "START()",
        r#"1:1: parse error: unknown function with name "START""#,
    ),
    (
        "double_exponential_smoothing(a[5m], 1)",
        r#"1:1: parse error: expected 3 argument(s) in call to "double_exponential_smoothing", got 2"#,
    ),
];
