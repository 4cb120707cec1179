//! The rows of the workspace: a crate depends only on lower rows.

use super::{Violation, workspace::Workspace};

/// The crates from below, by row and step within the row: a crate may know those with a lower pair,
/// and none with the same.
const RANKS: &[(u8, u8, &[&str])] = &[
    (0, 0, &["vigie-model"]),
    (
        0,
        1,
        &["vigie-relabel", "vigie-chunk", "vigie-exposition", "vigie-promql"],
    ),
    (0, 2, &["vigie-head"]),
    (1, 0, &["vigie-proto", "vigie-config", "vigie-runtime"]),
    (1, 1, &["vigie-rules"]),
    (2, 0, &["vigie-storage", "vigie-cluster"]),
    (2, 1, &["vigie-replica"]),
    (
        3,
        0,
        &[
            "vigie-distributor",
            "vigie-ingester",
            "vigie-querier",
            "vigie-scraper",
        ],
    ),
    (4, 0, &["vigie-api", "vigie-tool"]),
    (5, 0, &["vigie"]),
];

/// Crates beside the rows, which may know every other and which none may know.
const BESIDE: &[&str] = &[
    "vigie-differential",
    "vigie-e2e",
    "vigie-ledger",
    "vigie-loadtest",
    "vigie-protogen",
    "vigie-report",
    "vigie-systems",
    "vigie-workload",
    "xtask",
];

/// What the domain crates must not reach, not even through others.
const IMPURE: &[&str] = &["tokio", "rand", "reqwest", "tonic", "rocksdb"];

/// Crates that only one of ours names.
const SOLE_USERS: &[(&str, &str)] = &[("rocksdb", "vigie-storage"), ("openraft", "vigie-replica")];

pub(super) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, member) in &workspace.members {
        let mut refuse = |broken: String, remedy: String| {
            violations.push(Violation {
                place: name.clone(),
                broken,
                remedy,
            });
        };
        for (library, user) in SOLE_USERS {
            if name != user && member.direct.contains(*library) {
                refuse(
                    format!("depends on {library}"),
                    format!("use {user} instead, the only crate that may name {library}"),
                );
            }
        }
        let Some(rank) = rank_of(name) else {
            if !BESIDE.contains(&name.as_str()) {
                refuse(
                    "has no row".to_owned(),
                    "give it its place in RANKS or BESIDE of xtask/src/tidy/layers.rs".to_owned(),
                );
            }
            continue;
        };
        for dependency in member
            .direct
            .iter()
            .filter(|name| workspace.members.contains_key(*name))
        {
            if rank_of(dependency).is_none_or(|below| below >= rank) {
                refuse(
                    format!("depends on {dependency}, which is not in a lower row"),
                    format!("move what both need below {name}, or pass it in from above"),
                );
            }
        }
        let is_domain = rank.0 == 0;
        for library in IMPURE
            .iter()
            .filter(|library| is_domain && member.transitive.contains(**library))
        {
            refuse(
                format!("reaches {library}"),
                format!(
                    "see `cargo tree -p {name} -i {library}`; a domain crate gets time, chance and data passed in"
                ),
            );
        }
    }
    violations
}

fn rank_of(name: &str) -> Option<(u8, u8)> {
    RANKS
        .iter()
        .find(|(_, _, names)| names.contains(&name))
        .map(|&(row, step, _)| (row, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace::Member;

    /// One violation per line as `crate: what`, given `crate -> direct -> indirect` lines.
    fn check_layers(graph: &[(&str, &[&str], &[&str])], expected: &[&str]) {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut workspace = Workspace::default();
        for (name, direct, indirect) in graph {
            let all: Vec<&str> = [*direct, *indirect].concat();
            workspace.members.insert(
                (*name).to_owned(),
                Member {
                    direct: names(direct),
                    transitive: names(&all),
                    ..Member::default()
                },
            );
        }
        let found: Vec<String> = check(&workspace)
            .into_iter()
            .map(|violation| format!("{}: {}", violation.place, violation.broken))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn arrows_point_down() {
        check_layers(
            &[
                ("vigie-e2e", &["vigie", "rand"], &[]),
                ("vigie", &["vigie-api", "vigie-querier"], &["rocksdb"]),
                ("vigie-api", &["vigie-querier"], &[]),
                ("vigie-config", &["vigie-relabel"], &[]),
                ("vigie-head", &["vigie-chunk", "vigie-model"], &[]),
                ("vigie-querier", &["vigie-replica"], &["rocksdb"]),
                ("vigie-relabel", &["vigie-model", "regex"], &[]),
                ("vigie-replica", &["vigie-storage", "openraft"], &["rocksdb"]),
                ("vigie-storage", &["rocksdb"], &[]),
            ],
            &[],
        );
    }

    #[test]
    fn arrows_up_and_across_are_refused() {
        check_layers(
            &[
                ("vigie-e2e", &[], &[]),
                ("vigie-chunk", &["vigie-head"], &[]),
                ("vigie-head", &[], &[]),
                ("vigie-ingester", &["vigie-querier", "vigie-e2e"], &[]),
                ("vigie-querier", &[], &[]),
                ("vigie-stray", &["vigie-head"], &[]),
            ],
            &[
                "vigie-chunk: depends on vigie-head, which is not in a lower row",
                "vigie-ingester: depends on vigie-e2e, which is not in a lower row",
                "vigie-ingester: depends on vigie-querier, which is not in a lower row",
                "vigie-stray: has no row",
            ],
        );
    }

    #[test]
    fn libraries_have_their_place() {
        check_layers(
            &[
                ("vigie-head", &["regex"], &["rand"]),
                ("vigie-querier", &["rocksdb", "tokio"], &[]),
                ("vigie-storage", &["openraft"], &[]),
            ],
            &[
                "vigie-head: reaches rand",
                "vigie-querier: depends on rocksdb",
                "vigie-storage: depends on openraft",
            ],
        );
    }
}
