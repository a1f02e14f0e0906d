//! A reference model made of lists, beside the backend, under random commands and virtual time.
//!
//! The model keeps every event for ever and recomputes everything from scratch; devices keep what they were told. After
//! each step: no hole, no duplicate, gaps explicit, presence right, nothing beyond the bounds.
mod lab;

use portcullis_session::Backend;
use proptest::prelude::*;

use super::world::secs;
use lab::{Action, CHANNELS, Lab, USERS};

fn action() -> impl Strategy<Value = Action> {
    let client = 0..12_usize;
    let channel = 0..CHANNELS.len();
    let time = prop_oneof![0..200_u64, 1_000..30_000_u64, 60_000..400_000_u64];
    prop_oneof![
        2 => (0..USERS.len(), 0..2_u32).prop_map(|(user, node)| Action::Open { user, node }),
        3 => (client.clone(), 0..2_u32, prop::bool::weighted(0.2))
            .prop_map(|(client, node, stale_token)| Action::Resume { client, node, stale_token }),
        2 => (client.clone(), prop::bool::weighted(0.8))
            .prop_map(|(client, resumable)| Action::Close { client, resumable }),
        6 => (client.clone(), channel.clone(), prop::bool::weighted(0.8))
            .prop_map(|(client, channel, with_since)| Action::Subscribe { client, channel, with_since }),
        2 => (client.clone(), channel.clone())
            .prop_map(|(client, channel)| Action::Unsubscribe { client, channel }),
        8 => (client.clone(), channel, -2..4_i8, 0..400_usize)
            .prop_map(|(client, channel, id_step, len)| Action::Publish { client, channel, id_step, len }),
        2 => (client, 0..USERS.len()).prop_map(|(client, user)| Action::Tell { client, user }),
        3 => time.clone().prop_map(|millis| Action::Pass { millis }),
        1 => time.prop_map(|millis| Action::Oversleep { millis }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_backend_does_what_the_model_does(actions in prop::collection::vec(action(), 1..150)) {
        let mut lab = Lab::new();
        for action in actions {
            lab.act(action);
            lab.check();
        }
        for device in lab.devices.clone() {
            lab.close(&device, true);
        }
        lab.pass(secs(1_000));
        lab.check();
        let backend = &lab.backend;
        assert_eq!((backend.session_count(), backend.channel_count(), backend.log_bytes()), (0, 0, 0));
        assert_eq!(backend.poll_timeout(), None);
    }

    #[test]
    fn the_same_commands_get_the_same_answers(actions in prop::collection::vec(action(), 1..100)) {
        let run = || {
            let mut lab = Lab::new();
            let mut told = Vec::new();
            for action in &actions {
                lab.act(*action);
                told.push((lab.answers.clone(), lab.backend.poll_timeout()));
            }
            told
        };
        assert_eq!(run(), run());
    }
}
