//! What was found out about servers when they ran, kept for the next run: one small file in the state folder.
//! Losing it costs a little time at the next start, nothing else.

use super::attempts::Attempt;
use crate::config::spec::{ChildSpec, Launch, ServerSpec, Transport};
use crate::config::{read_small, replace};
use crate::ledger::now;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many servers are remembered; the one found out first goes first.
const MOST: usize = 500;

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Learnt {
    /// Which way it was started.
    pub(super) attempt: Attempt,
    /// Whether it speaks on its pipes or on a port.
    pub(super) transport: Option<Transport>,
    /// Path of its MCP endpoint, if it is an HTTP server.
    pub(super) path: Option<String>,
    /// Whether it speaks the modern era: known once it was asked.
    pub(super) modern: Option<bool>,
    /// Whether it speaks that era only.
    pub(super) modern_only: bool,
    /// Tells whether its program is still the one that was asked (see [`fingerprint`]).
    pub(super) program: u64,
    /// When that was found out, in seconds since 1970.
    pub(super) since: u64,
}

impl Learnt {
    /// The same of a program that may be another by now.
    fn of(&self, program: u64) -> Learnt {
        let mut known = self.clone();
        if known.program != program {
            (known.modern, known.modern_only) = (None, false);
        }
        known
    }
}

/// The file, and what stands in it. Servers are known by a digest of how they are started, which keeps what may be
/// secret in their arguments out of it.
pub struct Memory {
    /// None: nothing is kept beyond this run.
    file: Option<PathBuf>,
    all: Mutex<BTreeMap<String, Learnt>>,
    /// What stands in the file. Locked while it is written: two writers must not overtake each other.
    kept: Mutex<Vec<u8>>,
}

impl Memory {
    /// Reads `learnt.json` in the state folder; what cannot be read is forgotten.
    pub fn open(state_dir: &Path) -> Memory {
        let file = state_dir.join("learnt.json");
        let all = read(&file).unwrap_or_default();
        Memory {
            kept: Mutex::new(serde_json::to_vec(&all).unwrap_or_default()),
            all: Mutex::new(all),
            file: Some(file),
        }
    }

    /// Nothing is kept.
    #[cfg(test)]
    pub(super) fn of_this_run() -> Memory {
        Memory { file: None, all: Mutex::default(), kept: Mutex::default() }
    }

    /// Whether a server speaks the modern era, if it was asked before.
    pub fn speaks_modern(&self, spec: &ServerSpec) -> Option<bool> {
        match &spec.launch {
            Launch::Child(child) => self.recall(child)?.modern,
            Launch::Remote(_) => None,
        }
    }

    /// What is known of the server that is started so. What was found out about its program holds as long as that is
    /// the same.
    pub(super) fn recall(&self, spec: &ChildSpec) -> Option<Learnt> {
        let program = fingerprint(spec);
        self.all().get(&key(spec)).map(|learnt| learnt.of(program))
    }

    /// Whether anything is known of it: it has worked before.
    pub(super) fn knows(&self, spec: &ChildSpec) -> bool {
        self.all().contains_key(&key(spec))
    }

    /// Changes what is known, and writes it down.
    #[cfg(test)]
    pub(super) fn learn(&self, spec: &ChildSpec, change: impl FnOnce(&mut Learnt)) {
        self.note(spec, change);
        self.keep();
    }

    /// Changes what is known, to be written down by [`Memory::keep`].
    pub(super) fn note(&self, spec: &ChildSpec, change: impl FnOnce(&mut Learnt)) {
        let (key, program) = (key(spec), fingerprint(spec));
        let mut all = self.all();
        let before = all.get(&key);
        let mut learnt = before.map(|before| before.of(program)).unwrap_or_default();
        learnt.program = program;
        change(&mut learnt);
        if before == Some(&learnt) {
            return;
        }
        learnt.since = now();
        all.insert(key, learnt);
        while all.len() > MOST {
            let oldest = all.iter().min_by_key(|(_, learnt)| learnt.since).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
    }

    /// It was wrong; false if nothing was known.
    pub(super) fn forget(&self, spec: &ChildSpec) -> bool {
        let known = self.all().remove(&key(spec)).is_some();
        self.keep();
        known
    }

    /// Writes down what is known, if the file does not say so yet. Takes as long as the disk does, which many may wait
    /// for at a start: the first of them writes for all who came meanwhile, and nobody else is kept waiting.
    pub(super) fn keep(&self) {
        let Some(file) = &self.file else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = serde_json::to_vec(&*self.all()).unwrap_or_default();
        if known == *kept {
            return;
        }
        match replace(file, &known) {
            Ok(()) => *kept = known,
            Err(error) => {
                log::warn!(event = "not-kept"; "{} cannot be written: {error}; what was found out about servers is found out again at the next start", file.display())
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Learnt>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> Option<BTreeMap<String, Learnt>> {
    serde_json::from_str(&read_small(file).ok()?).ok()
}

/// Of all that decides how it is started. Another release of Rust may hash otherwise: then it is learnt anew.
fn key(spec: &ChildSpec) -> String {
    let mut hasher = DefaultHasher::new();
    spec.cwd.hash(&mut hasher);
    for way in &spec.ways {
        (&way.command, &way.args, &way.retries).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Files that change when the program does: manifests, locks, and those that the command line names.
pub(super) fn fingerprint(spec: &ChildSpec) -> u64 {
    const MANIFESTS: [&str; 5] =
        ["package.json", "package-lock.json", "pyproject.toml", "uv.lock", "Cargo.lock"];
    let named = spec.ways.iter().flat_map(|way| std::iter::once(&way.command).chain(&way.args));
    let paths = MANIFESTS.iter().map(|name| spec.cwd.join(name)).chain(named.map(|word| spec.cwd.join(word)));
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let known = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        known.map(|file| (file.len(), file.modified().ok())).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::spec::Way;

    fn spec(folder: &Path, command: &str) -> ChildSpec {
        ChildSpec {
            ways: vec![Way { command: command.into(), args: vec!["s3cret".into()], ..Way::default() }],
            transport: None,
            cwd: folder.to_path_buf(),
            env: BTreeMap::new(),
            env_file: None,
            env_digest: 0,
            pass_env: Vec::new(),
            port: None,
            path: None,
            confinement: Default::default(),
            env_from_files: Default::default(),
            required: Vec::new(),
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("learnt.json"), rustix::fs::Mode::RWXU)
            .unwrap();
        assert!(Memory::open(dir.path()).all().is_empty());
    }

    #[test]
    fn what_was_learnt_outlives_the_run_and_holds_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (spec(dir.path(), "a"), spec(dir.path(), "b"));
        let memory = Memory::open(dir.path());
        assert_eq!(memory.recall(&a), None);
        memory.learn(&a, |learnt| learnt.path = Some("/sse".into()));
        let memory = Memory::open(dir.path());
        assert_eq!(memory.recall(&a).unwrap().path.as_deref(), Some("/sse"));
        assert_eq!(memory.recall(&b), None);
        assert!(!fs::read_to_string(dir.path().join("learnt.json")).unwrap().contains("s3cret"));
        memory.forget(&a);
        assert_eq!(Memory::open(dir.path()).recall(&a), None);
    }

    #[test]
    fn what_is_noted_is_written_down_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let (a, memory) = (spec(dir.path(), "a"), Memory::open(dir.path()));
        memory.note(&a, |learnt| learnt.path = Some("/sse".into()));
        assert!(memory.knows(&a) && !Memory::open(dir.path()).knows(&a));
        memory.keep();
        assert!(Memory::open(dir.path()).knows(&a));
    }

    #[test]
    fn another_program_may_speak_another_era() {
        let dir = tempfile::tempdir().unwrap();
        let spec = spec(dir.path(), "a");
        let memory = Memory::of_this_run();
        memory
            .learn(&spec, |learnt| (learnt.modern, learnt.transport) = (Some(false), Some(Transport::Stdio)));
        assert_eq!(memory.recall(&spec).unwrap().modern, Some(false));
        fs::write(dir.path().join("package.json"), "{}").unwrap();
        let learnt = memory.recall(&spec).unwrap();
        assert_eq!((learnt.modern, learnt.transport), (None, Some(Transport::Stdio)));
    }

    #[test]
    fn whoever_learns_at_the_same_time_takes_nothing_back() {
        let dir = tempfile::tempdir().unwrap();
        let (spec, memory) = (spec(dir.path(), "a"), Memory::of_this_run());
        for _ in 0..200 {
            std::thread::scope(|scope| {
                scope.spawn(|| memory.learn(&spec, |learnt| learnt.modern = Some(false)));
                scope.spawn(|| memory.learn(&spec, |learnt| learnt.path = Some("/mcp".into())));
            });
            let learnt = memory.recall(&spec).unwrap();
            assert_eq!((learnt.modern, learnt.path.as_deref()), (Some(false), Some("/mcp")));
            memory.forget(&spec);
        }
    }

    #[test]
    fn it_is_bounded_and_a_broken_file_is_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("learnt.json"), "{").unwrap();
        let memory = Memory::open(dir.path());
        for n in 0..MOST + 5 {
            memory.all().insert(n.to_string(), Learnt { since: n as u64, ..Learnt::default() });
        }
        memory.learn(&spec(dir.path(), "a"), |learnt| learnt.modern = Some(true));
        assert_eq!(memory.all().len(), MOST);
        assert!(!memory.all().contains_key("0") && memory.all().contains_key(&(MOST + 4).to_string()));
    }
}
