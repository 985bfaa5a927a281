//! The rules of the hub on a real store, without sockets. Tests carry the numbers of the checklists
//! in iot-hub-device-api.md 18 (D) and iot-hub-service-api.md 19 (S).

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod connect_x509;
#[cfg(test)]
mod house;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod managed;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod query;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod renewal_sessions;
#[cfg(test)]
mod renewal_turns;
#[cfg(test)]
mod service_auth;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod twins;
