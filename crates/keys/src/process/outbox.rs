use std::io::Write;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::frame::{FrameError, write_frame};

/// Frames on their way out of one end of a connection. Whoever writes takes along what others have left meanwhile, so
/// that under load many frames are one write and one waking of the other side.
#[derive(Default)]
pub(super) struct Outbox {
    left: Mutex<Left>,
}

#[derive(Default)]
struct Left {
    bytes: Vec<u8>,
    frames: usize,
    is_writing: bool,
}

impl Outbox {
    /// Leaves a frame; says how many wait to be written.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; nothing was left.
    pub(super) fn leave(&self, body: &[u8]) -> Result<usize, FrameError> {
        let mut left = self.lock();
        write_frame(&mut left.bytes, body)?;
        left.frames += 1;
        Ok(left.frames)
    }

    /// Writes what was left, unless somebody is at it, who then writes this, too.
    ///
    /// # Errors
    /// [`FrameError::Io`]: part of it may be on the way, and nothing that follows would be understood.
    pub(super) fn write_to(&self, mut stream: impl Write) -> Result<(), FrameError> {
        loop {
            let bytes = {
                let mut left = self.lock();
                if left.is_writing || left.bytes.is_empty() {
                    return Ok(());
                }
                left.is_writing = true;
                left.frames = 0;
                take(&mut left.bytes)
            };
            let written = stream.write_all(&bytes);
            self.lock().is_writing = false;
            written?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        // Nothing that may panic runs under the lock.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{MAX_FRAME_BYTES, read_frame};
    use super::*;

    #[test]
    fn what_was_left_goes_out_in_order_and_once() {
        let (outbox, mut wire) = (Outbox::default(), Vec::new());
        assert_eq!(outbox.leave(b"one").unwrap(), 1);
        assert_eq!(outbox.leave(b"two").unwrap(), 2);
        assert!(outbox.leave(&vec![0; MAX_FRAME_BYTES + 1]).is_err());
        outbox.write_to(&mut wire).unwrap();
        outbox.write_to(&mut wire).unwrap();
        assert_eq!(outbox.leave(b"three").unwrap(), 1);
        outbox.write_to(&mut wire).unwrap();
        let mut from = wire.as_slice();
        for body in [&b"one"[..], b"two", b"three"] {
            assert_eq!(read_frame(&mut from).unwrap().unwrap(), body);
        }
        assert!(read_frame(&mut from).unwrap().is_none());
    }
}
