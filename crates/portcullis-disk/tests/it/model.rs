//! The same commands get the same answers from memory and from disk.
use portcullis_session::{
    Backend, Caller, Command, Completion, ConnectionId, MemoryBackend, NodeId, ResumeToken, SessionId, Target,
};
use proptest::prelude::*;

use portcullis_disk::Durability;

use super::support::{Folder, NOW, options, try_open};

#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Subscribe(u8, u8),
    Unsubscribe(u8, u8),
    Publish(u8, u8, u8),
    Close(u8, bool),
    Wait(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_u8).prop_map(Step::Open),
        (0..6_u8, 0..3_u8).prop_map(|(who, channel)| Step::Subscribe(who, channel)),
        (0..6_u8, 0..3_u8).prop_map(|(who, channel)| Step::Unsubscribe(who, channel)),
        (0..6_u8, 0..3_u8, 0..9_u8).prop_map(|(who, channel, id)| Step::Publish(who, channel, id)),
        (0..6_u8, any::<bool>()).prop_map(|(who, resumable)| Step::Close(who, resumable)),
        (0..40_000_u16).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_disk_answers_as_memory_does(steps in steps()) {
        let folder = Folder::new();
        let options = options(Durability::Process);
        let (mut disk, _) = try_open(&folder.file("a"), &options).unwrap();
        let mut memory = MemoryBackend::new(options.config, options.seed);
        let (mut callers, mut now, node) = (Vec::<Caller>::new(), NOW, NodeId::new(0));
        let (mut expected, mut told) = (Vec::new(), Vec::new());
        for (number, step) in (1_u8..).zip(steps) {
            let who = |who: u8| callers.get(usize::from(who)).copied();
            let names = ["a", "b", "c"];
            let users = ["alice", "bob", "carol"];
            let command = match step {
                Step::Open(user) => Some(Command::Open {
                    connection: ConnectionId::new(number.into()),
                    user: users[usize::from(user)],
                    session: SessionId::from_bytes([number; 16]),
                    token: ResumeToken::from_bytes([number; 16]),
                    resume: None,
                    since: None,
                }),
                Step::Subscribe(at, channel) => {
                    who(at).map(|caller| Command::Subscribe { caller, channel: names[usize::from(channel)], since: None })
                }
                Step::Unsubscribe(at, channel) => {
                    who(at).map(|caller| Command::Unsubscribe { caller, channel: names[usize::from(channel)] })
                }
                Step::Publish(at, channel, id) => who(at).map(|caller| Command::Publish {
                    caller,
                    id: (id > 0).then_some(id.into()),
                    target: Target::Channel(names[usize::from(channel)]),
                    data: b"x",
                }),
                Step::Close(at, resumable) => who(at).map(|caller| Command::Close { caller, resumable }),
                Step::Wait(ms) => {
                    now = now + core::time::Duration::from_millis(ms.into());
                    memory.handle_timeout(now);
                    disk.backend.handle_timeout(now);
                    None
                }
            };
            if let Some(command) = command {
                memory.submit(now, node, command);
                disk.backend.submit(now, node, command);
            }
            while let Some((node, completion)) = memory.poll_completion() {
                if let Completion::Opened { connection, session, fencing, .. } = completion {
                    callers.push(Caller { connection, session, fencing });
                }
                expected.push((node, completion));
            }
        }
        told.extend(disk.told());
        prop_assert_eq!(told, expected);
    }
}
