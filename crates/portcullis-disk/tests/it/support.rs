//! A folder, a backend in it, and short ways to talk to it.
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use portcullis_disk::{DiskBackend, DiskError, Durability, Found, Options};
use portcullis_session::{
    Backend, Caller, Command, Completion, Config, ConnectionId, NodeId, Position, Resume, ResumeToken,
    SessionId, Target,
};
use portcullis_time::{Instant, UnixTime};

pub(crate) const NODE: NodeId = NodeId::new(0);
pub(crate) const NOW: Instant = Instant::from_millis(3_600_000);
pub(crate) const UNIX: UnixTime = UnixTime::from_secs(1_753_000_000);

/// A folder that goes when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("portcullis-disk-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn options(durability: Durability) -> Options {
    Options { config: Config::default(), seed: [5; 32], durability, now: NOW, unix: UNIX }
}

pub(crate) fn try_open(path: &Path, options: &Options) -> Result<(Disk, Found), DiskError> {
    let (sender, notices) = channel();
    let (backend, found) = DiskBackend::open(path, options, move |outcome| {
        let _ = sender.send(outcome);
    })?;
    Ok((Disk { backend, notices, now: options.now, numbers: 0 }, found))
}

/// A backend with hands.
pub(crate) struct Disk {
    pub(crate) backend: DiskBackend,
    notices: Receiver<Result<(), DiskError>>,
    pub(crate) now: Instant,
    numbers: u64,
}

/// An open session as its client knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) caller: Caller,
    pub(crate) token: ResumeToken,
    pub(crate) recovered: bool,
    pub(crate) last_id: u64,
}

impl Client {
    pub(crate) fn claim(&self) -> Resume {
        Resume { session: self.caller.session, token: self.token }
    }
}

impl Disk {
    pub(crate) fn open(path: &Path) -> Self {
        try_open(path, &options(Durability::Process)).unwrap().0
    }

    /// All that is told until nothing has come for a moment.
    pub(crate) fn told(&mut self) -> Vec<(NodeId, Completion)> {
        let mut told: Vec<_> = core::iter::from_fn(|| self.backend.poll_completion()).collect();
        while let Ok(outcome) = self.notices.recv_timeout(Duration::from_millis(60)) {
            outcome.unwrap();
            told.extend(core::iter::from_fn(|| self.backend.poll_completion()));
        }
        told.extend(core::iter::from_fn(|| self.backend.poll_completion()));
        told
    }

    pub(crate) fn submit(&mut self, command: Command<'_>) -> Vec<(NodeId, Completion)> {
        self.backend.submit(self.now, NODE, command);
        self.told()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn open_session(&mut self, user: &str, resume: Option<Resume>) -> Client {
        // Another start must not come to the same names.
        let unique = u128::from(self.number()) | u128::from(fastrand()) << 64;
        let connection = ConnectionId::new(self.number());
        let token = ResumeToken::from_bytes((!unique).to_be_bytes());
        let session = SessionId::from_bytes(unique.to_be_bytes());
        let told = self.submit(Command::Open { connection, user, session, token, resume, since: None });
        told.iter()
            .find_map(|(_, completion)| match completion {
                Completion::Opened { session, fencing, recovered, last_id, .. } => Some(Client {
                    caller: Caller { connection, session: *session, fencing: *fencing },
                    token,
                    recovered: *recovered,
                    last_id: *last_id,
                }),
                _ => None,
            })
            .unwrap()
    }

    /// Offset and data of what was missed, or `None` for a gap.
    pub(crate) fn subscribe(
        &mut self,
        client: &Client,
        channel: &str,
        since: Option<Position>,
    ) -> Option<Vec<(u64, Vec<u8>)>> {
        let told = self.submit(Command::Subscribe { caller: client.caller, channel, since });
        told.iter()
            .find_map(|(_, completion)| match completion {
                Completion::Subscribed { events, recovered, .. } => {
                    let events = events.iter().map(|entry| (entry.offset(), entry.data().to_vec())).collect();
                    Some(recovered.then_some(events))
                }
                _ => None,
            })
            .unwrap()
    }

    pub(crate) fn publish(
        &mut self,
        client: &Client,
        id: u64,
        channel: &str,
        data: &[u8],
    ) -> Option<Position> {
        let target = Target::Channel(channel);
        let told = self.submit(Command::Publish { caller: client.caller, id: Some(id), target, data });
        told.iter()
            .find_map(|(_, completion)| match completion {
                Completion::Published { position, .. } => Some(*position),
                _ => None,
            })
            .unwrap()
    }
}

fn fastrand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}
