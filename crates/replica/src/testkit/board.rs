use std::collections::BTreeMap;

use parking_lot::Mutex;

/// What all replicas report during a simulation, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Board {
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    /// Digest after the entry at an index, and who reported it first.
    digests: BTreeMap<u64, (u64, u64)>,
    /// Who led in a term.
    leaders: BTreeMap<u64, u64>,
    applies: u64,
    installs: u64,
    violations: Vec<String>,
}

impl Board {
    pub(crate) fn applied(&self, replica: u64, index: u64, digest: u64) {
        let facts = &mut *self.facts.lock();
        facts.applies += 1;
        let (known, by) = *facts.digests.entry(index).or_insert((digest, replica));
        if known != digest {
            facts
                .violations
                .push(format!("replicas {by} and {replica} differ after entry {index}"));
        }
    }

    pub(crate) fn leads(&self, replica: u64, term: u64) {
        let facts = &mut *self.facts.lock();
        let known = *facts.leaders.entry(term).or_insert(replica);
        if known != replica {
            facts
                .violations
                .push(format!("replicas {known} and {replica} both lead in term {term}"));
        }
    }

    pub(crate) fn installed(&self) {
        self.facts.lock().installs += 1;
    }

    pub(crate) fn violate(&self, what: String) {
        self.facts.lock().violations.push(what);
    }

    pub(crate) fn applies(&self) -> u64 {
        self.facts.lock().applies
    }

    pub(crate) fn installs(&self) -> u64 {
        self.facts.lock().installs
    }

    pub(crate) fn terms_led(&self) -> u64 {
        self.facts.lock().leaders.len() as u64
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.facts.lock().violations.clone()
    }
}
