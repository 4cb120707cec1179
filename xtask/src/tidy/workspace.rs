//! What Cargo knows of the workspace.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde_json::Value;

/// The crates of the workspace by name.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) members: BTreeMap<String, Member>,
}

/// One crate. Dependencies are those of the shipped code: neither of tests nor of build scripts.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) dir: PathBuf,
    pub(super) direct: BTreeSet<String>,
    /// With all dependencies of dependencies.
    pub(super) transitive: BTreeSet<String>,
}

impl Workspace {
    pub(super) fn load(root: &Path) -> anyhow::Result<Workspace> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--all-features", "--locked"])
            .current_dir(root)
            .output()
            .context("run cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata = serde_json::from_slice(&output.stdout).context("read cargo metadata")?;
        Workspace::from_metadata(&metadata)
    }

    fn from_metadata(metadata: &Value) -> anyhow::Result<Workspace> {
        let mut names = BTreeMap::new();
        let mut dirs = BTreeMap::new();
        for package in array(&metadata["packages"])? {
            let id = text(&package["id"])?;
            names.insert(id, text(&package["name"])?);
            dirs.insert(id, Path::new(text(&package["manifest_path"])?).parent());
        }
        let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for node in array(&metadata["resolve"]["nodes"])? {
            let targets = edges.entry(text(&node["id"])?).or_default();
            for dep in array(&node["deps"])? {
                // Kind null is a normal dependency.
                if array(&dep["dep_kinds"])?
                    .iter()
                    .any(|kind| kind["kind"].is_null())
                {
                    targets.push(text(&dep["pkg"])?);
                }
            }
        }
        let name_of = |id: &str| names.get(id).copied().unwrap_or(id).to_owned();
        let mut members = BTreeMap::new();
        for id in array(&metadata["workspace_members"])? {
            let id = text(id)?;
            let direct = edges.get(id).into_iter().flatten().copied();
            members.insert(
                name_of(id),
                Member {
                    dir: dirs
                        .get(id)
                        .copied()
                        .flatten()
                        .unwrap_or(Path::new(""))
                        .to_owned(),
                    direct: direct.map(name_of).collect(),
                    transitive: reachable(id, &edges).into_iter().map(name_of).collect(),
                },
            );
        }
        Ok(Workspace { members })
    }
}

fn reachable<'m>(from: &'m str, edges: &BTreeMap<&'m str, Vec<&'m str>>) -> BTreeSet<&'m str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        for &next in edges.get(id).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

fn array(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().context("cargo metadata lacks a list")
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().context("cargo metadata lacks a text")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_dependencies_of_shipped_code_count() {
        let dep = |pkg: &str, kind: Value| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                {"id": "1", "name": "a", "manifest_path": "/w/a/Cargo.toml"},
                {"id": "2", "name": "b", "manifest_path": "/r/b/Cargo.toml"},
                {"id": "3", "name": "c", "manifest_path": "/r/c/Cargo.toml"},
                {"id": "4", "name": "d", "manifest_path": "/r/d/Cargo.toml"},
            ],
            "workspace_members": ["1"],
            "resolve": {"nodes": [
                {"id": "1", "deps": [dep("2", Value::Null), dep("4", json!("dev"))]},
                {"id": "2", "deps": [dep("3", Value::Null), dep("4", json!("build"))]},
                {"id": "3", "deps": [dep("2", Value::Null)]},
                {"id": "4", "deps": []},
            ]},
        });
        let workspace = Workspace::from_metadata(&metadata).unwrap();
        let member = &workspace.members["a"];
        assert_eq!(member.dir, Path::new("/w/a"));
        assert_eq!(member.direct.iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(member.transitive.iter().collect::<Vec<_>>(), ["b", "c"]);
        assert!(Workspace::from_metadata(&json!({})).is_err());
    }
}
