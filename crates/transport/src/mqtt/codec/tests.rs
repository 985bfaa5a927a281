//! Round trips, strictness and bytes from nowhere.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = DEFAULT_MAX_REMAINING;

/// What `encode` of the same packet wrote; each decoded packet is compared by writing it again.
fn encode(packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match packet {
        Packet::Connect(connect) => connect.encode(&mut out).unwrap(),
        Packet::UnsupportedConnect(protocol) => panic!("no encoder for {protocol:?}"),
        Packet::Connack(connack) => connack.encode(&mut out),
        Packet::Publish(publish) => publish.encode(&mut out).unwrap(),
        Packet::Acknowledgement(kind, packet_id) => kind.encode(*packet_id, &mut out),
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> = subscribe.filters().collect();
            Subscribe::encode(subscribe.packet_id, &filters, &mut out).unwrap();
        }
        Packet::Suback(suback) => {
            let codes: Vec<_> = suback.return_codes().collect();
            Suback::encode(suback.packet_id, &codes, &mut out).unwrap();
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<_> = unsubscribe.filters().collect();
            Unsubscribe::encode(unsubscribe.packet_id, &filters, &mut out).unwrap();
        }
        Packet::Pingreq => encode_pingreq(&mut out),
        Packet::Pingresp => encode_pingresp(&mut out),
        Packet::Disconnect => encode_disconnect(&mut out),
    }
    out
}

fn topics() -> impl Strategy<Value = String> {
    "[^+#\\x00]{1,40}"
}

fn filters() -> impl Strategy<Value = String> {
    ("([a-z$]{0,5}|\\+)(/([a-z0-9]{0,5}|\\+)){0,4}", any::<bool>()).prop_map(|(filter, all)| {
        if all || filter.is_empty() {
            format!("{filter}/#")
        } else {
            filter
        }
    })
}

fn packet_ids() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn qualities() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

fn connect_bytes() -> impl Strategy<Value = Vec<u8>> {
    let will = prop::option::of((topics(), payloads(), qualities(), any::<bool>()));
    let login = prop::option::of(("[^\\x00]{0,40}", prop::option::of(payloads())));
    ("[^\\x00]{0,40}", any::<bool>(), any::<u16>(), will, login).prop_map(
        |(client_id, clean_session, keep_alive, will, login)| {
            let connect = Connect {
                client_id: &client_id,
                clean_session,
                keep_alive,
                will: will.as_ref().map(|(topic, payload, qos, retain)| Will {
                    topic,
                    payload,
                    qos: *qos,
                    retain: *retain,
                }),
                username: login.as_ref().map(|(username, _)| username.as_str()),
                password: login.as_ref().and_then(|(_, password)| password.as_deref()),
            };
            encode(&Packet::Connect(connect))
        },
    )
}

fn publish_bytes() -> impl Strategy<Value = Vec<u8>> {
    (
        topics(),
        payloads(),
        qualities(),
        packet_ids(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(topic, payload, qos, packet_id, duplicate, retain)| {
            let delivery = match qos {
                QoS::AtMostOnce => Delivery::AtMostOnce,
                QoS::AtLeastOnce => Delivery::AtLeastOnce(packet_id),
                QoS::ExactlyOnce => Delivery::ExactlyOnce(packet_id),
            };
            let (topic, payload) = (topic.as_str(), payload.as_slice());
            encode(&Packet::Publish(Publish {
                topic,
                payload,
                delivery,
                duplicate,
                retain,
            }))
        })
}

fn list_bytes() -> impl Strategy<Value = Vec<u8>> {
    let entries = prop::collection::vec((filters(), qualities()), 1..6);
    (packet_ids(), entries, 0..3_u8).prop_map(|(packet_id, entries, kind)| {
        let mut out = Vec::new();
        let filters: Vec<_> = entries.iter().map(|(f, qos)| (f.as_str(), *qos)).collect();
        match kind {
            0 => Subscribe::encode(packet_id, &filters, &mut out),
            1 => {
                let names: Vec<_> = filters.iter().map(|(filter, _)| *filter).collect();
                Unsubscribe::encode(packet_id, &names, &mut out)
            }
            _ => {
                let mut codes = vec![SubscribeReturnCode::Failure];
                codes.extend(filters.iter().map(|(_, qos)| SubscribeReturnCode::Granted(*qos)));
                Suback::encode(packet_id, &codes, &mut out)
            }
        }
        .unwrap();
        out
    })
}

fn short_bytes() -> impl Strategy<Value = Vec<u8>> {
    use Acknowledgement::{Puback, Pubcomp, Pubrec, Pubrel, Unsuback};
    use ConnectReturnCode as Code;
    let kind = prop::sample::select(vec![Puback, Pubrec, Pubrel, Pubcomp, Unsuback]);
    let refusals = prop::sample::select(vec![
        Code::UnacceptableProtocolVersion,
        Code::IdentifierRejected,
        Code::ServerUnavailable,
        Code::BadUserNameOrPassword,
        Code::NotAuthorized,
    ]);
    prop_oneof![
        (kind, packet_ids()).prop_map(|(kind, id)| encode(&Packet::Acknowledgement(kind, id))),
        refusals.prop_map(|code| encode(&Packet::Connack(Connack::refused(code)))),
        any::<bool>().prop_map(|session_present| {
            encode(&Packet::Connack(Connack {
                session_present,
                ..Connack::ACCEPTED
            }))
        }),
        Just(encode(&Packet::Pingreq)),
        Just(encode(&Packet::Pingresp)),
        Just(encode(&Packet::Disconnect)),
    ]
}

/// The bytes of one valid packet of any kind.
pub(in crate::mqtt) fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![connect_bytes(), publish_bytes(), list_bytes(), short_bytes()]
}

proptest! {
    #[test]
    fn every_packet_survives_the_round_trip(bytes in any_packet(), tail in payloads()) {
        let mut input = bytes.clone();
        input.extend_from_slice(&tail);
        let (packet, length) = decode(&input, LIMIT).unwrap().unwrap();
        prop_assert_eq!(length, bytes.len());
        prop_assert_eq!(encode(&packet), bytes);
    }

    #[test]
    fn a_packet_cut_anywhere_asks_for_more(bytes in any_packet(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(bytes.len());
        prop_assert!(decode(&bytes[..cut], LIMIT).unwrap().is_none());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in payloads()) {
        let _ = decode(&bytes, LIMIT);
    }

    #[test]
    fn a_valid_packet_with_one_changed_byte_never_panics(
        mut bytes in any_packet(),
        at in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(Some((packet, length))) = decode(&bytes, LIMIT) {
            prop_assert!(length <= bytes.len());
            if !matches!(packet, Packet::UnsupportedConnect(_)) {
                encode(&packet);
            }
        }
    }

    #[test]
    fn a_shortened_body_is_refused_or_is_another_packet(bytes in any_packet()) {
        // Only the payload of PUBLISH and the codes of SUBACK may be shorter without contradiction.
        let is_open_ended = matches!(bytes[0] >> 4, 3 | 9);
        if bytes[1] > 0 && bytes[1] < 0x80 && !is_open_ended {
            let mut shorter = bytes.clone();
            shorter[1] -= 1;
            shorter.pop();
            prop_assert!(decode(&shorter, LIMIT).is_err());
        }
    }
}

fn refusal(bytes: &[u8]) -> DecodeError {
    decode(bytes, LIMIT).expect_err("bytes must be refused")
}

#[test]
fn connect_as_python_sends_it_is_read() {
    let mut bytes = vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xc0, 0, 60];
    for field in [
        "press-0042",
        "0ne00111111/registrations/press-0042/api-version=2019-03-31",
        "S",
    ] {
        bytes.extend_from_slice(&[0, u8::try_from(field.len()).unwrap()]);
        bytes.extend_from_slice(field.as_bytes());
    }
    bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
    let Some((Packet::Connect(connect), _)) = decode(&bytes, LIMIT).unwrap() else {
        panic!("not a connect");
    };
    assert_eq!(connect.client_id, "press-0042");
    assert_eq!(connect.password, Some(b"S".as_slice()));
    assert_eq!((connect.clean_session, connect.keep_alive), (false, 60));
    assert_eq!(format!("{connect:?}").matches("registrations").count(), 0);
}

#[test]
fn another_protocol_version_is_kept_for_connack_1() {
    for (level, name) in [(5, "MQTT"), (3, "MQIsdp")] {
        let mut bytes = vec![0x10, 0, 0, u8::try_from(name.len()).unwrap()];
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&[level, 2, 0, 10, 9, 9, 9]);
        bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
        let Some((Packet::UnsupportedConnect(protocol), _)) = decode(&bytes, LIMIT).unwrap() else {
            panic!("not an unsupported connect");
        };
        assert_eq!(protocol, UnsupportedProtocol { name, level });
    }
}

#[test]
fn contradicting_connect_flags_are_refused() {
    for flags in [0b0000_0001, 0b0100_0000, 0b0010_0000, 0b0000_1000, 0b0001_1100] {
        let bytes = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0, 0, 0];
        assert_eq!(
            refusal(&bytes),
            DecodeError::InvalidConnectFlags(flags),
            "{flags:#b}"
        );
    }
}

#[test]
fn malformed_publishes_are_refused() {
    assert_eq!(refusal(&[0x36, 3, 0, 1, b'a']), DecodeError::InvalidQos(3));
    assert_eq!(refusal(&[0x38, 3, 0, 1, b'a']), DecodeError::DuplicateAtMostOnce);
    assert_eq!(refusal(&[0x32, 5, 0, 1, b'a', 0, 0]), DecodeError::ZeroPacketId);
    assert_eq!(refusal(&[0x30, 3, 0, 1, b'#']), DecodeError::InvalidTopic);
    assert_eq!(refusal(&[0x30, 2, 0, 0]), DecodeError::InvalidTopic);
    assert_eq!(refusal(&[0x30, 3, 0, 1, 0]), DecodeError::NulInText);
    assert_eq!(refusal(&[0x30, 3, 0, 1, 0xff]), DecodeError::InvalidUtf8);
    assert_eq!(refusal(&[0x30, 3, 0, 9, b'a']), DecodeError::Truncated);
}

#[test]
fn malformed_lists_and_acknowledgements_are_refused() {
    assert_eq!(refusal(&[0x82, 2, 0, 1]), DecodeError::EmptyList);
    assert_eq!(
        refusal(&[0x82, 6, 0, 1, 0, 1, b'a', 4]),
        DecodeError::ReservedBits(4)
    );
    assert_eq!(
        refusal(&[0x82, 6, 0, 1, 0, 1, b'a', 3]),
        DecodeError::InvalidQos(3)
    );
    assert_eq!(
        refusal(&[0x82, 7, 0, 1, 0, 2, b'a', b'#', 0]),
        DecodeError::InvalidFilter
    );
    assert_eq!(refusal(&[0xa2, 2, 0, 1]), DecodeError::EmptyList);
    assert_eq!(refusal(&[0x90, 3, 0, 1, 3]), DecodeError::InvalidReturnCode(3));
    assert_eq!(refusal(&[0x40, 3, 0, 1, 9]), DecodeError::TrailingBytes(1));
    assert_eq!(refusal(&[0x40, 2, 0, 0]), DecodeError::ZeroPacketId);
    assert_eq!(refusal(&[0xc0, 1, 0]), DecodeError::TrailingBytes(1));
    assert_eq!(refusal(&[0x20, 2, 1, 5]), DecodeError::ReservedBits(1));
    assert_eq!(refusal(&[0x20, 2, 0, 6]), DecodeError::InvalidReturnCode(6));
}

#[test]
fn what_cannot_be_said_leaves_the_output_alone() {
    let long = "a".repeat(65_536);
    let publish = |topic| Publish {
        topic,
        payload: b"x",
        delivery: Delivery::AtMostOnce,
        duplicate: false,
        retain: false,
    };
    let mut out = vec![1, 2, 3];
    assert_eq!(
        publish(&long).encode(&mut out),
        Err(EncodeError::FieldTooLong(65_536))
    );
    assert_eq!(publish("a/+").encode(&mut out), Err(EncodeError::InvalidTopic));
    assert_eq!(publish("").encode(&mut out), Err(EncodeError::InvalidTopic));
    assert_eq!(
        Subscribe::encode(PacketId::FIRST, &[], &mut out),
        Err(EncodeError::EmptyList)
    );
    assert_eq!(out, [1, 2, 3]);
}
