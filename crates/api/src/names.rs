//! Label names in URL paths.

/// Undoes the escaping of a name that starts with `U__`: `__` stands for an underscore, `_2e_` for
/// the character U+002E. A name that is not escaped properly is meant literally.
pub(crate) fn unescape_name(name: &str) -> String {
    name.strip_prefix("U__")
        .and_then(unescape)
        .unwrap_or_else(|| name.to_owned())
}

fn unescape(mut rest: &str) -> Option<String> {
    let mut decoded = String::with_capacity(rest.len());
    while let Some((plain, escape)) = rest.split_once('_') {
        decoded.push_str(plain);
        let (code, after) = escape.split_once('_')?;
        decoded.push(match code {
            "" => '_',
            // Six digits hold every character.
            _ if code.len() <= 6 && code.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                char::from_u32(u32::from_str_radix(code, 16).ok()?)?
            }
            _ => return None,
        });
        rest = after;
    }
    decoded.push_str(rest);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaped_names_come_back(name in "\\PC{0,12}") {
            let escape = |character: char| match character {
                '_' => "__".to_owned(),
                _ if character.is_ascii_alphanumeric() => character.to_string(),
                _ => format!("_{:x}_", u32::from(character)),
            };
            let escaped: String = name.chars().map(escape).collect();
            prop_assert_eq!(unescape_name(&format!("U__{escaped}")), name);
        }
    }

    #[test]
    fn names_are_unescaped() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_status_3a_sum", "http.status:sum"),
            ("U__a__b", "a_b"),
            ("U___1f600_", "😀"),
            ("U__", ""),
            ("U__a_zz_b", "U__a_zz_b"),
            ("U__a_b", "U__a_b"),
            ("U__a_d800_", "U__a_d800_"),
            ("U__a_1234567_", "U__a_1234567_"),
            ("U__a_+41_", "U__a_+41_"),
        ] {
            assert_eq!(unescape_name(escaped), name, "{escaped}");
        }
    }
}
