//! CONNECT and CONNACK (MQTT 3.1.1 3.1, 3.2).

use std::fmt;

use super::header::{packet_type, put_packet};
use super::primitive::{QoS, Reader, field_length, put_field, put_number, put_topic};
use super::{DecodeError, EncodeError};

const PROTOCOL_NAME: &str = "MQTT";
const PROTOCOL_LEVEL: u8 = 4;

const USERNAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL_QOS: u8 = 0b0001_1000;
const WILL: u8 = 0b0000_0100;
const CLEAN_SESSION: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

/// A CONNECT of protocol `MQTT` level 4. `Debug` shows neither password nor user name.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Connect<'a> {
    /// May be empty here; the services refuse that (CONNACK 2).
    pub client_id: &'a str,
    /// False asks to keep session state.
    pub clean_session: bool,
    /// Seconds; 0 is "no keep-alive" (iot-hub-device-api.md 2.3).
    pub keep_alive: u16,
    /// Message to publish when the connection is lost.
    pub will: Option<Will<'a>>,
    /// User name as text.
    pub username: Option<&'a str>,
    /// SAS token, or empty or absent with X.509.
    pub password: Option<&'a [u8]>,
}

impl fmt::Debug for Connect<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connect")
            .field("client_id", &self.client_id)
            .field("clean_session", &self.clean_session)
            .field("keep_alive", &self.keep_alive)
            .field("has_will", &self.will.is_some())
            .field("has_password", &self.password.is_some())
            .finish_non_exhaustive()
    }
}

/// The will of a CONNECT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Will<'a> {
    /// Topic name without wildcards.
    pub topic: &'a str,
    /// At most 65,535 bytes.
    pub payload: &'a [u8],
    /// Quality of service to publish it with.
    pub qos: QoS,
    /// RETAIN of the published will.
    pub retain: bool,
}

/// A CONNECT of another protocol version. Its fields after the level are unknown, so only these
/// two are kept; the answer is CONNACK 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnsupportedProtocol<'a> {
    /// Protocol name, `MQTT` in every official version but 3.1.
    pub name: &'a str,
    /// Protocol level; 3 is MQTT 3.1, 5 is MQTT 5.
    pub level: u8,
}

pub(super) enum DecodedConnect<'a> {
    Supported(Connect<'a>),
    Unsupported(UnsupportedProtocol<'a>),
}

pub(super) fn decode_connect(mut body: Reader<'_>) -> Result<DecodedConnect<'_>, DecodeError> {
    let (name, level) = (body.text()?, body.byte()?);
    if (name, level) != (PROTOCOL_NAME, PROTOCOL_LEVEL) {
        return Ok(DecodedConnect::Unsupported(UnsupportedProtocol { name, level }));
    }
    let flags = body.byte()?;
    let will_qos = check_connect_flags(flags)?;
    let has = |flag: u8| flags & flag != 0;
    let keep_alive = body.number()?;
    let client_id = body.text()?;
    let will = if has(WILL) {
        let (topic, payload) = (body.topic()?, body.binary()?);
        Some(Will {
            topic,
            payload,
            qos: will_qos,
            retain: has(WILL_RETAIN),
        })
    } else {
        None
    };
    let username = has(USERNAME).then(|| body.text()).transpose()?;
    let password = has(PASSWORD).then(|| body.binary()).transpose()?;
    body.finish()?;
    let clean_session = has(CLEAN_SESSION);
    Ok(DecodedConnect::Supported(Connect {
        client_id,
        clean_session,
        keep_alive,
        will,
        username,
        password,
    }))
}

/// MQTT 3.1.1 3.1.2.3 to 3.1.2.9; returns the `QoS` of the will.
fn check_connect_flags(flags: u8) -> Result<QoS, DecodeError> {
    let has = |flag: u8| flags & flag != 0;
    let will_without_will = !has(WILL) && has(WILL_QOS | WILL_RETAIN);
    let password_alone = has(PASSWORD) && !has(USERNAME);
    let invalid = DecodeError::InvalidConnectFlags(flags);
    if has(RESERVED) || will_without_will || password_alone {
        return Err(invalid);
    }
    QoS::from_bits((flags & WILL_QOS) >> 3).map_err(|_| invalid)
}

impl Connect<'_> {
    /// Appends the packet to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.password.is_some() && self.username.is_none() {
            return Err(EncodeError::PasswordWithoutUsername);
        }
        put_packet(out, (packet_type::CONNECT, 0), self.remaining(), |out| {
            put_field(out, PROTOCOL_NAME.as_bytes())?;
            out.extend_from_slice(&[PROTOCOL_LEVEL, self.flags()]);
            put_number(out, self.keep_alive);
            put_field(out, self.client_id.as_bytes())?;
            if let Some(will) = &self.will {
                put_topic(out, will.topic)?;
                put_field(out, will.payload)?;
            }
            if let Some(username) = self.username {
                put_field(out, username.as_bytes())?;
            }
            if let Some(password) = self.password {
                put_field(out, password)?;
            }
            Ok(())
        })
    }

    fn flags(&self) -> u8 {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let will = self.will.map_or(0, |will| {
            WILL | will.qos.bits() << 3 | flag(will.retain, WILL_RETAIN)
        });
        will | flag(self.clean_session, CLEAN_SESSION)
            | flag(self.username.is_some(), USERNAME)
            | flag(self.password.is_some(), PASSWORD)
    }

    fn remaining(&self) -> usize {
        let will = self.will.map_or(0, |will| {
            field_length(will.topic.as_bytes()) + field_length(will.payload)
        });
        let username = self.username.map_or(0, |name| field_length(name.as_bytes()));
        let password = self.password.map_or(0, field_length);
        let header = field_length(PROTOCOL_NAME.as_bytes()) + 4;
        header + field_length(self.client_id.as_bytes()) + will + username + password
    }
}

/// Return code of a CONNACK (MQTT 3.1.1 3.2.2.3; what clients do with each:
/// iot-hub-device-api.md 4.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ConnectReturnCode {
    /// 0.
    Accepted,
    /// 1: a protocol version we do not speak.
    UnacceptableProtocolVersion,
    /// 2: the client id cannot be used.
    IdentifierRejected,
    /// 3: try again later.
    ServerUnavailable,
    /// 4: user name or password malformed.
    BadUserNameOrPassword,
    /// 5: not authorized.
    NotAuthorized,
}

impl ConnectReturnCode {
    /// The number on the wire, 0 to 5.
    pub const fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::UnacceptableProtocolVersion => 1,
            Self::IdentifierRejected => 2,
            Self::ServerUnavailable => 3,
            Self::BadUserNameOrPassword => 4,
            Self::NotAuthorized => 5,
        }
    }

    const fn from_code(code: u8) -> Result<Self, DecodeError> {
        Ok(match code {
            0 => Self::Accepted,
            1 => Self::UnacceptableProtocolVersion,
            2 => Self::IdentifierRejected,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            other => return Err(DecodeError::InvalidReturnCode(other)),
        })
    }
}

/// The answer to CONNECT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connack {
    /// Only ever true together with [`ConnectReturnCode::Accepted`].
    pub session_present: bool,
    /// Accepted or why not.
    pub return_code: ConnectReturnCode,
}

impl Connack {
    /// Accepted, without a kept session (dps-device-api.md 0.3 rule 9).
    pub const ACCEPTED: Self = Self {
        session_present: false,
        return_code: ConnectReturnCode::Accepted,
    };

    /// A refusal; the connection is closed after it.
    pub const fn refused(return_code: ConnectReturnCode) -> Self {
        Self {
            session_present: false,
            return_code,
        }
    }

    pub(super) fn decode(mut body: Reader<'_>) -> Result<Self, DecodeError> {
        let flags = body.byte()?;
        let return_code = ConnectReturnCode::from_code(body.byte()?)?;
        body.finish()?;
        let session_present = flags == 1;
        let is_refused = return_code != ConnectReturnCode::Accepted;
        if flags > 1 || (session_present && is_refused) {
            return Err(DecodeError::ReservedBits(flags));
        }
        Ok(Self {
            session_present,
            return_code,
        })
    }

    /// Appends the packet to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.session_present);
        out.extend_from_slice(&[packet_type::CONNACK << 4, 2, flags, self.return_code.code()]);
    }
}
