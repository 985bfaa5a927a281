use std::io::{self, ErrorKind, Read, Write};

/// Longest frame without its length. Requests are a few hundred bytes; the settings have paths in them.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Why no frame was read or written. After one of these the two sides do not understand each other any more.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME_BYTES`].
    #[error("a frame of {0} bytes is longer than {MAX_FRAME_BYTES}")]
    TooLong(usize),
    /// The other side fell silent or went away in the middle of a frame.
    #[error("the other side does not read or write")]
    Io(#[from] io::Error),
}

/// Reads a frame: its length in four bytes, the highest first, then so many bytes. `None` when the other side has ended before one.
///
/// Reserves no more than [`MAX_FRAME_BYTES`], whatever the length says.
pub fn read_frame(from: &mut impl Read) -> Result<Option<Vec<u8>>, FrameError> {
    let mut length = [0; 4];
    let Some((first, rest)) = length.split_first_mut() else {
        return Ok(None);
    };
    if !read_first(from, first)? {
        return Ok(None);
    }
    from.read_exact(rest)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(length));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(body))
}

fn read_first(from: &mut impl Read, byte: &mut u8) -> io::Result<bool> {
    loop {
        match from.read(std::slice::from_mut(byte)) {
            Ok(count) => return Ok(count == 1),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a frame at once.
pub fn write_frame(to: &mut impl Write, body: &[u8]) -> Result<(), FrameError> {
    let length = u32::try_from(body.len()).ok();
    let length = length.filter(|_| body.len() <= MAX_FRAME_BYTES);
    let length = length.ok_or(FrameError::TooLong(body.len()))?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend(length.to_be_bytes());
    frame.extend(body);
    to.write_all(&frame)?;
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
            let mut wire = Vec::new();
            for body in &bodies {
                write_frame(&mut wire, body).unwrap();
            }
            let mut from = wire.as_slice();
            for body in &bodies {
                prop_assert_eq!(&read_frame(&mut from).unwrap().unwrap(), body);
            }
            prop_assert!(read_frame(&mut from).unwrap().is_none());
        }

        #[test]
        fn a_frame_that_was_cut_off_is_an_error(body in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
            let mut wire = Vec::new();
            write_frame(&mut wire, &body).unwrap();
            // At least one byte is there, at least one is missing.
            let kept = 1 + cut.index(wire.len() - 1);
            prop_assert!(read_frame(&mut &wire[..kept]).is_err());
        }
    }

    #[test]
    fn what_is_too_long_is_refused_on_both_sides() {
        let mut wire = Vec::new();
        assert!(matches!(
            write_frame(&mut wire, &vec![0; MAX_FRAME_BYTES + 1]),
            Err(FrameError::TooLong(_))
        ));
        assert!(wire.is_empty());
        write_frame(&mut wire, &vec![0; MAX_FRAME_BYTES]).unwrap();
        assert!(read_frame(&mut wire.as_slice()).is_ok());
        let claimed = [0xff, 0xff, 0xff, 0xff, 1, 2, 3];
        assert!(matches!(
            read_frame(&mut claimed.as_slice()),
            Err(FrameError::TooLong(_))
        ));
    }
}
