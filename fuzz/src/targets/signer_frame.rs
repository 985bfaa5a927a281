//! Bytes between server and signer: read as frames and messages or refused, and what was read is written as it was.

use provost_keys::{Answer, MAX_FRAME_BYTES, Opened, Opening, Request, read_frame, write_frame};

pub(crate) fn run(data: &[u8]) {
    let mut from = data;
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = read_frame(&mut from) {
        assert!(frame.len() <= MAX_FRAME_BYTES);
        frames.push(frame);
    }
    let mut written = Vec::new();
    for frame in &frames {
        write_frame(&mut written, frame).expect("it was short enough to be read");
        message(frame);
    }
    assert!(data.starts_with(&written));
    message(data);
}

fn message(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
    if let Ok((id, answer)) = Answer::parse(bytes) {
        assert_eq!(answer.to_bytes(id), bytes);
    }
    if let Ok(opened) = Opened::parse(bytes) {
        assert_eq!(Opened::parse(&opened.to_bytes()), Ok(opened));
    }
    if let Ok(opening) = Opening::parse(bytes) {
        assert_eq!(opening.to_bytes(), bytes);
    }
}
