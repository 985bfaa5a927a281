//! Leaving with the server though every thread hangs in a token that does not answer.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, poll};

/// How long work that was begun may take once the server is gone; longer than the signer waits for it by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Ends the process a while after the other end of the socket is gone, unless it has ended by then.
#[expect(
    clippy::exit,
    reason = "threads that hang in a token cannot be asked to end, and nothing of theirs is left half done"
)]
pub(super) fn leave_with_the_server(socket: impl AsFd) -> io::Result<()> {
    let socket = socket.as_fd().try_clone_to_owned()?;
    thread::Builder::new()
        .name("server-gone".to_owned())
        .spawn(move || {
            wait_until_gone(&socket);
            thread::sleep(GRACE);
            std::process::exit(1);
        })
        .map(|_| ())
}

/// Nothing is read: what was sent before is for whoever signs.
fn wait_until_gone(socket: &OwnedFd) {
    // That the other end is gone is told whatever is asked for.
    let mut watched = [PollFd::new(socket, PollFlags::empty())];
    while let Ok(0) | Err(rustix::io::Errno::INTR) = poll(&mut watched, None) {}
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn only_an_end_that_is_gone_is_noticed() {
        let (mut server, signer) = UnixStream::pair().unwrap();
        let (tell, told) = channel();
        thread::spawn(move || {
            wait_until_gone(&OwnedFd::from(signer));
            tell.send(()).unwrap();
        });
        server.write_all(b"not read by anybody").unwrap();
        assert!(told.recv_timeout(Duration::from_millis(100)).is_err());
        drop(server);
        told.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
