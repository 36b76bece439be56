//! What servers have answered, kept so that it can be said again while they sleep: for each a small file in the state
//! folder. Losing it costs a start, nothing else.

use super::learnt::fingerprint;
use super::outlet::Greeting;
use crate::config::spec::{ChildSpec, Launch, ServerSpec, Transport};
use crate::config::{open_regular, replace};
use crate::protocol::revision::Era;
use crate::server::{Context, Running};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// So many files are kept; the one written first goes first.
const MOST: usize = 1000;
/// What a file may have beside the answers: digest, names of lists, punctuation.
const FRAME_BYTES: usize = 4096;

/// The folder `answers` in the state folder.
pub struct Answers {
    folder: PathBuf,
    max_bytes: usize,
    /// One file is written at a time: two writers must not share what is written beside it.
    writing: Mutex<()>,
}

/// Which of a server's children: each may speak another era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first.
    First,
    /// The one of the modern era beside a legacy one.
    Second,
}

/// What a child has answered, as raw as it came.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it answered to its greeting.
    pub greeting: Greeting,
    /// What it answered when it was asked for lists, by method.
    pub lists: BTreeMap<String, Said>,
}

/// An answer to the request for a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// The results, page by page.
    Pages(Vec<Box<RawValue>>),
    /// It has no such list.
    Error(Box<RawValue>),
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct File {
    /// Tells whether it is still the same server.
    digest: u64,
    modern: bool,
    greeting: Box<RawValue>,
    lists: BTreeMap<String, Said>,
}

impl Known {
    /// The child as it was. It cannot be told anything.
    pub fn running(&self) -> Running {
        Running { generation: 0, outlet: None, greeting: Some(self.greeting.clone()), endpoint: None }
    }
}

impl Answers {
    /// Those in this state folder; at most `max_bytes` of answers are kept of one child.
    pub fn open(state_dir: &Path, max_bytes: usize) -> Answers {
        Answers { folder: state_dir.join("answers"), max_bytes, writing: Mutex::default() }
    }

    fn file(&self, spec: &ServerSpec, place: Place) -> PathBuf {
        // No name has a plus sign.
        let beside = match place {
            Place::First => "",
            Place::Second => "+modern",
        };
        self.folder.join(format!("{}{beside}.json", spec.name))
    }

    fn read(&self, file: &Path) -> io::Result<String> {
        let (max, mut text) = ((self.max_bytes + FRAME_BYTES) as u64, String::new());
        open_regular(file)?.take(max).read_to_string(&mut text)?;
        Ok(text)
    }

    fn write(&self, file: &Path, text: &str) -> io::Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = self.read(file).is_ok_and(|before| before == text);
        if is_known || text.len() > self.max_bytes + FRAME_BYTES {
            return Ok(());
        }
        replace(file, text.as_bytes())?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let mut all: Vec<_> = fs::read_dir(&self.folder)?.flatten().collect();
        if all.len() > MOST {
            all.sort_by_cached_key(|entry| entry.metadata().and_then(|file| file.modified()).ok());
            all[..all.len() - MOST].iter().for_each(|entry| drop(fs::remove_file(entry.path())));
        }
        Ok(())
    }
}

/// Where the answers of one child lie.
pub struct Shelf {
    context: Arc<Context>,
    spec: Arc<ServerSpec>,
    place: Place,
}

impl Shelf {
    /// That of a child of this server.
    pub fn new(context: &Arc<Context>, spec: &Arc<ServerSpec>, place: Place) -> Shelf {
        Shelf { context: Arc::clone(context), spec: Arc::clone(spec), place }
    }

    /// The most bytes of answers that are kept.
    pub fn max_bytes(&self) -> usize {
        self.context.answers.max_bytes
    }

    /// What the child has answered, unless its program or its configuration has changed since.
    pub fn read(&self) -> Option<Known> {
        let (answers, child) = (&self.context.answers, child_of(&self.spec)?);
        let text = answers.read(&answers.file(&self.spec, self.place)).ok()?;
        let File { digest, modern, greeting, lists } = serde_json::from_str(&text).ok()?;
        let era = if modern { Era::Modern } else { Era::Legacy };
        let greeting = Greeting::new(era, greeting.get().into());
        (digest == digest_of(child, &self.spec)).then_some(Known { greeting, lists })
    }

    /// Writes down what the child answers, if that makes a difference.
    pub fn write(&self, known: &Known) {
        let (answers, Some(child)) = (&self.context.answers, child_of(&self.spec)) else { return };
        let file = answers.file(&self.spec, self.place);
        let written =
            text_of(known, digest_of(child, &self.spec)).and_then(|text| answers.write(&file, &text));
        if let Err(error) = written {
            log::warn!(server = self.spec.name.as_str(), event = "not-kept"; "{} cannot be written: {error}; it is started at the next start, or at the next call", file.display());
        }
    }

    /// Whether all is known that it takes to let it sleep from the start on.
    pub fn can_stand_in(&self) -> bool {
        let transport = child_of(&self.spec).and_then(|child| self.context.memory.recall(child)?.transport);
        transport == Some(Transport::Stdio) && self.read().is_some()
    }
}

fn text_of(known: &Known, digest: u64) -> io::Result<String> {
    let greeting = RawValue::from_string(known.greeting.result.to_string())?;
    let modern = known.greeting.era == Era::Modern;
    Ok(serde_json::to_string(&File { digest, modern, greeting, lists: known.lists.clone() })?)
}

fn child_of(spec: &ServerSpec) -> Option<&ChildSpec> {
    match &spec.launch {
        Launch::Child(child) => Some(child),
        Launch::Remote(_) => None,
    }
}

/// Of all that may decide what it answers: how it is started and with what, its program, and who asks. Another release
/// of Rust may hash otherwise: then it is asked anew.
fn digest_of(child: &ChildSpec, spec: &ServerSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{child:?} {:?}", spec.options.eras).hash(&mut hasher);
    fingerprint(child).hash(&mut hasher);
    for file in child.env_file.iter().chain(child.env_from_files.values()) {
        fs::metadata(file).ok().map(|file| (file.len(), file.modified().ok())).hash(&mut hasher);
    }
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    hasher.finish()
}
