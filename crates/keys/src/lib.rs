//! Where private keys of CAs live. Knows nothing of certificates.
//!
//! [`SealedKeys`] keeps them in files, encrypted (`sealed.rs`); [`TokenKeys`] in a PKCS#11 token (`token.rs`). What a key was made by stands in the
//! beginning of its [`KeyRef`](provost_model::registry::KeyRef); [`KeyRing`] finds the provider by it. [`SignerProcess`] is
//! a provider whose keys are in another process (`process.rs`).

mod error;
mod pending;
mod private_key;
mod process;
mod provider;
mod ring;
mod sealed;
mod secret_file;
mod token;

pub use error::KeyProviderError;
pub use pending::PendingSignature;
pub use process::{
    Answer, FrameError, LaunchedSigner, MAX_FRAME_BYTES, MessageError, NotOpened, Opened, OpenedKeys,
    Opening, PROTOCOL_VERSION, Request, SignerError, SignerLauncher, SignerProcess, Task, read_frame,
    serve_signer, write_frame,
};
pub use provider::{KeyAlgorithm, KeyProvider, KeyPurpose};
pub use ring::{KeyHome, KeyRing};
pub use sealed::{
    CheckedKey, FolderLock, KekSource, Rewrapped, SealedKeyInfo, SealedKeys, check_folder,
    is_passphrase_wanted, lock_folder, make_key_file, rewrap, sealed_file_name, share_folder,
};
pub use secret_file::{SecretFileGuard, read_secret};
pub use token::{TokenKeyInfo, TokenKeys, TokenOptions, TokenUri};
