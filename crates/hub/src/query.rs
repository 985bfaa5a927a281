//! Queries over twins (iot-hub-service-api.md 8).

mod matching;

pub use self::matching::MatchPage;
