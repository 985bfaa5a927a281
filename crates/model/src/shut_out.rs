/// How something that may let a device in is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShutOut {
    /// It stays, says no, and can be enabled again.
    #[default]
    Disable,
    /// It is removed.
    Delete,
}
