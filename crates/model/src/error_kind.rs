/// What a caller can do about a failure: the small set every protocol maps to its own words.
///
/// Each transport turns a kind into a status code, a topic or a CONNACK code in exactly one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request itself is wrong; sending it again changes nothing.
    Invalid,
    /// The caller did not prove who it is.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// The thing named does not exist.
    NotFound,
    /// The thing to be created exists.
    AlreadyExists,
    /// The state of the thing does not allow this now.
    Conflict,
    /// An entity tag did not match.
    PreconditionFailed,
    /// The request or a part of it is over a size limit.
    TooLarge,
    /// Too many requests; the same one is welcome after the given number of seconds.
    Throttled {
        /// Seconds to wait.
        retry_after: u32,
    },
    /// A part this depends on is not there at the moment.
    Unavailable,
    /// The other side did not answer in time.
    Timeout,
    /// Our fault; the caller is told a tracking id and nothing else.
    Internal,
}
