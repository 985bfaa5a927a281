//! Both ends in one process: the signer is a thread, or the test plays it frame by frame.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::KeyRef;

use super::connection::Connection;
use super::server::SignerError;
use super::*;
use crate::{KekSource, KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose, SealedKeys};

/// What each start of the signer is, in order.
type Play = Box<dyn FnOnce(UnixStream) + Send>;

/// A signer that is played by threads; says how often it was started.
fn played(plays: Vec<Play>) -> (SignerLauncher, Arc<AtomicUsize>) {
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&starts);
    let plays = Mutex::new(VecDeque::from(plays));
    let launcher = Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let play = plays.lock().unwrap().pop_front();
        let play = play.ok_or_else(|| io::Error::other("nothing more is played"))?;
        let (ours, its) = UnixStream::pair()?;
        thread::spawn(move || play(its));
        Ok(LaunchedSigner {
            stream: ours,
            process: None,
        })
    });
    (launcher, starts)
}

fn sealed(folder: &tempfile::TempDir) -> SealedKeys {
    let source = KekSource::key(Secret::new(vec![7; 32])).unwrap();
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let folder = folder.path().join("keys");
    SealedKeys::open(&folder, &source, Duration::from_secs(1), clock, random).unwrap()
}

/// A signer as it is, over sealed keys.
fn real(folder: &Arc<tempfile::TempDir>) -> Play {
    let folder = Arc::clone(folder);
    Box::new(move |stream| {
        let _ = serve_signer(stream, |settings| {
            assert_eq!(settings, b"settings");
            Ok(OpenedKeys {
                provider: Box::new(sealed(&folder)),
                threads: 3,
            })
        });
    })
}

fn start(plays: Vec<Play>) -> Result<(SignerProcess, Arc<AtomicUsize>), KeyProviderError> {
    let (launcher, starts) = played(plays);
    Ok((SignerProcess::start(launcher, b"settings".to_vec())?, starts))
}

/// Takes the first frame and says that the keys are open.
fn greet(stream: &UnixStream) {
    read_frame(&mut &*stream).unwrap().unwrap();
    write_frame(&mut &*stream, &Opened(Ok(())).to_bytes()).unwrap();
}

fn next_request(stream: &UnixStream) -> Option<Request> {
    let frame = read_frame(&mut &*stream).unwrap()?;
    Some(Request::parse(&frame).unwrap())
}

fn purpose(label: &str) -> KeyPurpose {
    KeyPurpose {
        label: label.to_owned(),
        algorithm: KeyAlgorithm::P384,
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

fn folder() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

#[test]
fn a_key_is_made_used_and_destroyed_through_a_signer() {
    let folder = folder();
    let (keys, _) = start(vec![real(&folder)]).unwrap();
    let key = keys.generate(&purpose("ica-1")).unwrap();
    let (public, algorithm) = keys.public(&key).unwrap();
    assert_eq!(algorithm, KeyAlgorithm::P384);
    let public = ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, public).unwrap();
    // A message far longer than a frame, as a CRL is.
    let message = vec![5; 3 * MAX_FRAME_BYTES];
    public
        .verify_sig(&message, &keys.sign(&key, &message).unwrap())
        .unwrap();
    keys.health().unwrap();
    keys.destroy(&key).unwrap();
    let gone = KeyProviderError::NotFound(key.0.clone());
    assert_eq!(keys.sign(&key, b"m"), Err(gone.clone()));
    assert_eq!(keys.public(&key), Err(gone));
}

#[test]
fn what_the_signer_refuses_is_refused_in_its_words() {
    let folder = folder();
    let (keys, _) = start(vec![real(&folder)]).unwrap();
    let here = sealed(&folder);
    let bad = purpose("no/label");
    assert_eq!(keys.generate(&bad), here.generate(&bad));
    let key = keys.generate(&purpose("ica-1")).unwrap();
    assert_eq!(keys.sign_digest(&key, &[0; 32]), here.sign_digest(&key, &[0; 32]));
    assert!(keys.sign_digest(&key, &[0; 32]).is_err() && keys.sign_digest(&key, &[0; 48]).is_ok());
    let file = folder.path().join("keys").join(format!("{}.json", &key.0[7..]));
    std::fs::write(file, "{}").unwrap();
    assert!(matches!(
        here.public(&key),
        Err(KeyProviderError::Unusable { .. })
    ));
    assert_eq!(keys.public(&key), here.public(&key));
}

#[test]
fn answers_reach_who_asked_though_they_come_in_another_order() {
    const CALLERS: u8 = 40;
    let play: Play = Box::new(|stream| {
        greet(&stream);
        let mut asked: Vec<_> = (0..CALLERS).map(|_| next_request(&stream).unwrap()).collect();
        asked.reverse();
        for Request { id, task } in asked {
            let Task::Sign(_, digest) = task else {
                panic!("not a signature");
            };
            write_frame(&mut &stream, &Answer::Signature(digest).to_bytes(id)).unwrap();
        }
        assert!(next_request(&stream).is_none());
    });
    let (keys, _) = start(vec![play]).unwrap();
    let key = KeyRef("sealed:1".to_owned());
    thread::scope(|scope| {
        for number in 0..CALLERS {
            let (keys, key) = (&keys, &key);
            scope.spawn(move || assert_eq!(keys.sign_digest(key, &[number]), Ok(vec![number])));
        }
    });
}

/// Runs a future that somebody else wakes.
fn awaited<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn signatures_that_nobody_waits_for_are_asked_for_together_and_reach_who_began_them() {
    const BEGUN: u8 = 100;
    let folder = folder();
    let (keys, _) = start(vec![real(&folder)]).unwrap();
    let key = keys.generate(&purpose("ica-1")).unwrap();
    // Its kind has to be known first.
    assert!(keys.begin_signing(&key, b"m").is_none());
    let (public, _) = keys.public(&key).unwrap();
    let public = ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, public).unwrap();
    let begun: Vec<_> = (0..BEGUN)
        .map(|number| (number, keys.begin_signing(&key, &[number]).unwrap()))
        .collect();
    for (number, signature) in begun {
        let signature = awaited(signature).unwrap();
        public.verify_sig(&[number], &signature).unwrap();
    }
}

#[test]
fn what_was_begun_fails_once_when_a_signer_dies_and_is_not_asked_again() {
    let folder = folder();
    let (told, hears) = std::sync::mpsc::channel();
    let dies: Play = Box::new(move |stream| {
        greet(&stream);
        let Request { id, .. } = next_request(&stream).unwrap();
        let known = Answer::Public(vec![1], KeyAlgorithm::P384);
        write_frame(&mut &stream, &known.to_bytes(id)).unwrap();
        told.send(next_request(&stream).unwrap().task).unwrap();
    });
    let (keys, _) = start(vec![dies, real(&folder)]).unwrap();
    let key = KeyRef("sealed:1".to_owned());
    keys.public(&key).unwrap();
    let failed = awaited(keys.begin_signing(&key, b"m").unwrap()).unwrap_err();
    assert!(matches!(failed, KeyProviderError::Unavailable(_)), "{failed}");
    let digest = KeyAlgorithm::P384.digest(b"m");
    assert_eq!(hears.recv().unwrap(), Task::Sign(key, digest));
    until("it is started again", || keys.health().ok());
}

#[test]
fn no_more_are_begun_than_may_be_under_way_and_who_lets_go_makes_room() {
    let (ours, _its) = UnixStream::pair().unwrap();
    let connection = Arc::new(Connection::new(ours, Duration::from_secs(20)).unwrap());
    let key = KeyRef("sealed:1".to_owned());
    let begin = || connection.begin_signing(&key, vec![0; 48]);
    let mut begun: Vec<_> = std::iter::from_fn(begin).take(1_000).collect();
    assert_eq!(begun.len(), 256);
    begun.pop();
    assert!(begin().is_some());
}

#[test]
fn a_signer_that_signs_nothing_that_was_begun_is_let_go() {
    let (ours, its) = UnixStream::pair().unwrap();
    let connection = Arc::new(Connection::new(ours, Duration::from_millis(50)).unwrap());
    let key = KeyRef("sealed:1".to_owned());
    let pending = connection.begin_signing(&key, vec![0; 48]).unwrap();
    assert_eq!(pending.patience(), Duration::from_millis(50));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Nobody answers, so that nothing ends it but the connection.
            until("it is handed on", || next_request(&its));
            assert!(next_request(&its).is_none(), "the connection is broken off");
        });
        let deadline = Instant::now() + pending.patience();
        let mut pending = pending;
        let waker = std::task::Waker::noop();
        while Instant::now() < deadline {
            let polled = std::pin::Pin::new(&mut pending).poll(&mut Context::from_waker(waker));
            assert!(polled.is_pending());
            thread::yield_now();
        }
        assert!(pending.too_late().to_string().contains("in time"));
    });
}

#[test]
fn what_is_under_way_when_a_signer_dies_fails_once_and_later_calls_succeed() {
    let folder = folder();
    let (told, hears) = std::sync::mpsc::channel();
    let dies: Play = Box::new(move |stream| {
        greet(&stream);
        told.send(next_request(&stream).unwrap().task).unwrap();
    });
    let (second, second_hears) = std::sync::mpsc::channel();
    let lists: Play = Box::new(move |stream| {
        greet(&stream);
        while let Some(Request { id, task }) = next_request(&stream) {
            second.send(task).unwrap();
            write_frame(&mut &stream, &Answer::Done.to_bytes(id)).unwrap();
        }
    });
    let (keys, starts) = start(vec![dies, lists, real(&folder)]).unwrap();
    let failed = keys.generate(&purpose("ica-1")).unwrap_err();
    assert!(matches!(failed, KeyProviderError::Unavailable(_)), "{failed}");
    assert_eq!(hears.recv().unwrap(), Task::Reserve(purpose("ica-1")));
    until("it is started again", || keys.health().ok());
    assert_eq!((starts.load(Ordering::SeqCst), keys.restarts()), (2, 1));
    drop(keys);
    // The key that was asked for is not asked for again by itself.
    assert!(second_hears.iter().all(|task| task == Task::Health));
}

#[test]
fn a_signer_that_cannot_open_the_keys_says_why_and_no_other_is_started() {
    let refuses: Play = Box::new(|stream| {
        let ended = serve_signer(stream, |_| {
            Err(NotOpened {
                is_final: true,
                reason: "this is not the passphrase they are sealed with".to_owned(),
            })
        });
        assert!(matches!(ended, Err(SignerError::NotOpened(_))));
    });
    let (launcher, starts) = played(vec![refuses]);
    let error = SignerProcess::start(launcher, Vec::new()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "this is not the passphrase they are sealed with"
    );
    assert_eq!(starts.load(Ordering::SeqCst), 1);
}

#[test]
fn a_final_refusal_after_a_death_is_not_followed_by_another_attempt() {
    let refuses: Play = Box::new(|stream| {
        let reason = "the token refuses the PIN".to_owned();
        let _ = serve_signer(stream, |_| {
            Err(NotOpened {
                is_final: true,
                reason,
            })
        });
    });
    let never: Play = Box::new(|stream| greet(&stream));
    let (keys, starts) = start(vec![Box::new(|stream| greet(&stream)), refuses, never]).unwrap();
    until("it gives up", || {
        let error = keys.health().unwrap_err().to_string();
        error.contains("refuses the PIN").then_some(())
    });
    // Its thread has ended: there is nobody who could start another.
    keys.close();
    assert_eq!(starts.load(Ordering::SeqCst), 2);
}

#[test]
fn a_signer_that_is_not_reached_is_tried_again() {
    let folder = folder();
    let absent: Play = Box::new(|stream| {
        let reason = "the token is not there".to_owned();
        let _ = serve_signer(stream, |_| {
            Err(NotOpened {
                is_final: false,
                reason,
            })
        });
    });
    let vanishes: Play = Box::new(drop);
    let dies: Play = Box::new(|stream| greet(&stream));
    let (keys, starts) = start(vec![dies, absent, vanishes, real(&folder)]).unwrap();
    until("the fourth start", || keys.health().ok());
    assert_eq!((starts.load(Ordering::SeqCst), keys.restarts()), (4, 1));
}

#[test]
fn a_signer_ends_when_its_server_closes_or_is_gone() {
    let folder = folder();
    for is_closed in [true, false] {
        let (ended, ends) = std::sync::mpsc::channel();
        let folder = Arc::clone(&folder);
        let play: Play = Box::new(move |stream| {
            let opened = OpenedKeys {
                provider: Box::new(sealed(&folder)),
                threads: 4,
            };
            ended.send(serve_signer(stream, |_| Ok(opened)).is_ok()).unwrap();
        });
        let (keys, starts) = start(vec![play]).unwrap();
        if is_closed {
            keys.close();
            assert!(matches!(keys.health(), Err(KeyProviderError::Unavailable(_))));
        }
        drop(keys);
        assert!(ends.recv_timeout(Duration::from_secs(20)).unwrap());
        assert_eq!(starts.load(Ordering::SeqCst), 1, "none is started again");
    }
}

#[test]
fn closing_does_not_wait_for_a_signer_that_is_opening_the_keys() {
    let dies: Play = Box::new(|stream| greet(&stream));
    let (asked, is_asked) = std::sync::mpsc::channel();
    // A token that takes its time: it says nothing until the connection is over.
    let hangs: Play = Box::new(move |stream| {
        read_frame(&mut &stream).unwrap().unwrap();
        asked.send(()).unwrap();
        assert!(next_request(&stream).is_none());
        asked.send(()).unwrap();
    });
    let (keys, starts) = start(vec![dies, hangs]).unwrap();
    let limit = Duration::from_secs(20);
    is_asked.recv_timeout(limit).expect("the second start");
    let begun = Instant::now();
    keys.close();
    assert!(begun.elapsed() < limit, "a greeting may take a minute");
    is_asked.recv_timeout(limit).expect("its connection is over");
    assert_eq!(starts.load(Ordering::SeqCst), 2, "none is started again");
}

#[test]
fn a_key_is_made_where_it_was_reserved_and_once() {
    let folder = folder();
    let (keys, _) = start(vec![real(&folder)]).unwrap();
    let place = keys.reserve(&purpose("ica-1")).unwrap();
    let there = || sealed(&folder).list().unwrap().len();
    assert_eq!(there(), 0, "nothing is made");
    assert_eq!(
        keys.public(&place),
        Err(KeyProviderError::NotFound(place.0.clone()))
    );
    keys.make(&place, &purpose("ica-1")).unwrap();
    let public = keys.public(&place).unwrap();
    assert!(keys.make(&place, &purpose("ica-1")).is_err());
    assert_eq!((keys.public(&place).unwrap(), there()), (public, 1));
}

#[test]
fn a_signer_ends_at_what_is_no_request() {
    let folder = folder();
    for frame in [&b"no request"[..], &[0; 8]] {
        let (server, signer) = UnixStream::pair().unwrap();
        let keys = sealed(&folder);
        let ended: JoinHandle<_> = thread::spawn(move || {
            serve_signer(signer, |_| {
                Ok(OpenedKeys {
                    provider: Box::new(keys),
                    threads: 4,
                })
            })
        });
        let opening = Opening {
            version: PROTOCOL_VERSION,
            settings: Vec::new(),
        };
        write_frame(&mut &server, &opening.to_bytes()).unwrap();
        let opened = read_frame(&mut &server).unwrap().unwrap();
        assert_eq!(Opened::parse(&opened), Ok(Opened(Ok(()))));
        write_frame(&mut &server, frame).unwrap();
        assert!(matches!(ended.join().unwrap(), Err(SignerError::Message(_))));
        assert!(
            read_frame(&mut &server).unwrap().is_none(),
            "the connection is over"
        );
    }
}

#[test]
fn another_version_is_refused_before_the_keys_are_opened() {
    let (server, signer) = UnixStream::pair().unwrap();
    let ended = thread::spawn(move || serve_signer(signer, |_| panic!("opened")));
    let opening = Opening {
        version: PROTOCOL_VERSION + 1,
        settings: Vec::new(),
    };
    write_frame(&mut &server, &opening.to_bytes()).unwrap();
    let opened = Opened::parse(&read_frame(&mut &server).unwrap().unwrap()).unwrap();
    let failed = opened.0.unwrap_err();
    assert!(failed.is_final && failed.reason.contains("version"), "{failed:?}");
    assert!(ended.join().unwrap().is_err());
}

#[test]
fn a_signer_that_answers_nobody_is_let_go() {
    let (ours, its) = UnixStream::pair().unwrap();
    let connection = Connection::new(ours, Duration::from_millis(50)).unwrap();
    let error = connection.ask(Task::Health).unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
    assert!(next_request(&its).is_some());
    assert!(next_request(&its).is_none(), "the connection is broken off");
    connection.read_answers();
    assert!(connection.ask(Task::Health).is_err());
}
