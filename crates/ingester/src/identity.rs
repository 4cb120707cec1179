//! The file that names a node's data: who wrote them, and for how many shards.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use vigie_storage::Incarnation;

use crate::IngesterError;

const FILE: &str = "identity";

/// Who wrote a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) incarnation: Incarnation,
    /// A series' shard is its slot modulo this, so it can never change for existing data.
    pub(crate) shard_count: u32,
}

impl Identity {
    /// Reads the identity of `directory`, which is created, with a new one, if it does not exist.
    pub(crate) fn establish(directory: &Path, shard_count: u32) -> Result<Identity, IngesterError> {
        let io = |source| IngesterError::Directory {
            path: directory.to_owned(),
            source,
        };
        fs::create_dir_all(directory).map_err(io)?;
        let path = directory.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let found =
                    Identity::parse(&text).ok_or_else(|| IngesterError::Identity { path: path.clone() })?;
                if found.shard_count != shard_count {
                    return Err(IngesterError::ShardCount {
                        path,
                        found: found.shard_count,
                        wanted: shard_count,
                    });
                }
                Ok(found)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let identity = Identity {
                    incarnation: rand::random(),
                    shard_count,
                };
                identity.write(directory).map_err(io)?;
                Ok(identity)
            }
            Err(error) => Err(io(error)),
        }
    }

    fn parse(text: &str) -> Option<Identity> {
        let mut words = text.split_whitespace();
        let ("vigie-node", "1") = (words.next()?, words.next()?) else {
            return None;
        };
        let hex = words.next().filter(|hex| hex.len() == 32 && hex.is_ascii())?;
        let incarnation = u128::from_str_radix(hex, 16).ok()?.to_be_bytes();
        let shard_count = words.next()?.parse().ok()?;
        words.next().is_none().then_some(Identity {
            incarnation,
            shard_count,
        })
    }

    /// Written beside and renamed, so that a crash leaves either no identity or a whole one.
    fn write(self, directory: &Path) -> std::io::Result<()> {
        let text = format!(
            "vigie-node 1 {:032x} {}\n",
            u128::from_be_bytes(self.incarnation),
            self.shard_count
        );
        let scratch = directory.join("identity.new");
        let mut file = File::create(&scratch)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&scratch, directory.join(FILE))?;
        File::open(directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_guards_the_number_of_shards() {
        let directory = tempfile::tempdir().unwrap();
        let made = Identity::establish(directory.path(), 8).unwrap();
        assert_eq!(Identity::establish(directory.path(), 8).unwrap(), made);
        let error = Identity::establish(directory.path(), 4).unwrap_err();
        assert!(matches!(
            error,
            IngesterError::ShardCount {
                found: 8,
                wanted: 4,
                ..
            }
        ));
        fs::write(directory.path().join(FILE), "garbage").unwrap();
        assert!(matches!(
            Identity::establish(directory.path(), 8),
            Err(IngesterError::Identity { .. })
        ));
    }
}
