//! The command line as its users meet it: the real program against a real server.

mod audit;
mod cert;
mod cert_ocsp;
mod desk;
mod examples;
mod exit_codes;
mod group_registrations;
mod irreversible;
mod monitor;
mod offline_root;
mod quickstart;
mod registry;
mod rolling_and_blocking;
mod simulated_fleet;

use self::desk::Desk;
