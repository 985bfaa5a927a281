use proptest::prelude::*;

use super::*;
use crate::{DeviceId, IdentityId, ModuleId, PartitionId, Telemetry, Timestamp};

fn message(number: i64) -> Telemetry {
    Telemetry {
        sender: IdentityId::device(DeviceId::parse("press-1").unwrap()),
        generation_id: "638".to_owned(),
        auth_method: AUTH_METHODS[0].to_owned(),
        properties: vec![
            ("line".to_owned(), Some("7".to_owned())),
            ("flag".to_owned(), None),
        ],
        system_properties: vec![("$.ct".to_owned(), Some(String::new()))],
        body: b"{\"t\":20}".to_vec(),
        enqueued_at: Timestamp::from_micros(number),
    }
}

fn push(builder: &mut SegmentBuilder, message: &Telemetry) -> usize {
    builder.push(&AcceptedTelemetry {
        device_id: &message.sender.device_id,
        module_id: message.sender.module_id.as_ref(),
        generation_id: &message.generation_id,
        auth_method: &message.auth_method,
        properties: &message.properties,
        system_properties: &message.system_properties,
        body: &message.body,
        enqueued_at: message.enqueued_at,
    })
}

fn stored(bytes: Vec<u8>) -> StoredSegment {
    StoredSegment {
        partition: PartitionId::new(3).unwrap(),
        first_sequence: 10,
        first_offset: 1_000,
        bytes,
    }
}

fn all(segment: &StoredSegment, from: i64) -> Result<Vec<Telemetry>, SegmentError> {
    let (messages, _) = segment.messages(from, usize::MAX, |_| true)?;
    Ok(messages.into_iter().map(|stored| stored.message).collect())
}

#[test]
fn messages_come_back_numbered_from_the_first() {
    let mut builder = SegmentBuilder::default();
    let sizes: Vec<usize> = (0..3).map(|n| push(&mut builder, &message(5 - n))).collect();
    let segment = builder.into_segments().remove(0);
    assert_eq!(segment.count, 3);
    assert_eq!(
        segment.enqueued_at,
        (Timestamp::from_micros(3), Timestamp::from_micros(5))
    );
    assert_eq!(segment.bytes.len(), 1 + sizes.iter().sum::<usize>());
    let segment = stored(segment.bytes);
    let (read, next) = segment.messages(11, 5, |_| true).unwrap();
    assert_eq!(next, 13);
    let numbers: Vec<i64> = read.iter().map(|message| message.sequence_number).collect();
    assert_eq!(numbers, [11, 12]);
    let offsets: Vec<i64> = read.iter().map(|message| message.offset).collect();
    let size = i64::try_from(sizes[0]).unwrap();
    assert_eq!(offsets, [1_001 + size, 1_001 + 2 * size]);
    assert_eq!(read[0].message, message(4));
    let (first, next) = segment.messages(0, 1, |_| true).unwrap();
    assert_eq!((first[0].sequence_number, next), (10, 11));
    assert_eq!(segment.messages(13, 5, |_| true), Ok((vec![], 13)));
}

#[test]
fn a_message_takes_little_beside_what_it_says() {
    let mut builder = SegmentBuilder::default();
    let message = Telemetry {
        properties: Vec::new(),
        system_properties: Vec::new(),
        ..message(0)
    };
    let said = message.sender.device_id.as_str().len() + message.generation_id.len() + message.body.len();
    assert!(push(&mut builder, &message) <= said + 18);
}

#[test]
fn unwanted_devices_are_left_out_and_counted() {
    let mut builder = SegmentBuilder::default();
    let other = Telemetry {
        sender: IdentityId::module(DeviceId::parse("other").unwrap(), ModuleId::parse("m").unwrap()),
        auth_method: "unheard of".to_owned(),
        ..message(1)
    };
    push(&mut builder, &message(0));
    push(&mut builder, &other);
    let segment = stored(builder.into_segments().remove(0).bytes);
    let (read, _) = segment.messages(0, 5, |device| device == "other").unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].sequence_number, &read[0].message), (11, &other));
}

#[test]
fn a_full_segment_takes_no_more() {
    let mut builder = SegmentBuilder::default();
    let large = Telemetry {
        body: vec![0; 200_000],
        ..message(0)
    };
    for _ in 0..4 {
        push(&mut builder, &large);
    }
    let counts: Vec<i64> = builder
        .into_segments()
        .iter()
        .map(|segment| segment.count)
        .collect();
    assert_eq!(counts, [3, 1]);
}

#[test]
fn what_is_no_segment_is_told_apart() {
    assert_eq!(all(&stored(vec![]), 0), Err(SegmentError::Broken(0)));
    assert_eq!(all(&stored(vec![2]), 0), Err(SegmentError::Form(2)));
    assert_eq!(all(&stored(vec![FORM]), 0), Ok(vec![]));
    let mut builder = SegmentBuilder::default();
    push(&mut builder, &message(0));
    let whole = builder.into_segments().remove(0).bytes;
    for length in 2..whole.len() {
        assert!(all(&stored(whole[..length].to_vec()), 0).is_err(), "{length}");
    }
}

fn pairs() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    proptest::collection::vec((".{0,8}", proptest::option::of(".{0,8}")), 0..4)
}

prop_compose! {
    fn any_message()(
        device in "[a-zA-Z0-9:._#*?!(),=@;$'%+-]{1,128}",
        module in proptest::option::of("[a-z$]{1,20}"),
        generation_id in "[0-9]{0,20}",
        auth_method in prop_oneof![Just(AUTH_METHODS[2].to_owned()), ".{0,30}"],
        (properties, system_properties) in (pairs(), pairs()),
        body in proptest::collection::vec(any::<u8>(), 0..600),
        at in any::<i64>(),
    ) -> Telemetry {
        Telemetry {
            sender: IdentityId {
                device_id: DeviceId::parse(&device).unwrap(),
                module_id: module.map(|module| ModuleId::parse(&module).unwrap()),
            },
            generation_id, auth_method, properties, system_properties, body,
            enqueued_at: Timestamp::from_micros(at),
        }
    }
}

proptest! {
    #[test]
    fn every_message_survives(messages in proptest::collection::vec(any_message(), 1..20)) {
        let mut builder = SegmentBuilder::default();
        for message in &messages {
            push(&mut builder, message);
        }
        let segments = builder.into_segments();
        prop_assert_eq!(segments.len(), 1);
        prop_assert_eq!(all(&stored(segments[0].bytes.clone()), 0), Ok(messages));
    }

    #[test]
    fn reading_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), is_form in any::<bool>()) {
        if is_form && let Some(first) = bytes.first_mut() {
            *first = FORM;
        }
        let _ = all(&stored(bytes), 0);
    }

    #[test]
    fn a_changed_byte_never_panics(message in any_message(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut builder = SegmentBuilder::default();
        push(&mut builder, &message);
        push(&mut builder, &message);
        let mut bytes = builder.into_segments().remove(0).bytes;
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = all(&stored(bytes), 0);
    }
}
