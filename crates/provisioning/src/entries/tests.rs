//! Both kinds of entries over a real store.

mod group;
mod individual;
