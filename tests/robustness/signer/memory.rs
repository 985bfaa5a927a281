//! What is in the memory of the server, and what is not.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_testkit::eventually;
use serde_json::Value;

use super::House;

/// Bytes of a scalar of P-384.
const SCALAR: usize = 48;

/// The scalar of a sealed key, opened as docs/KEYS-AND-BACKUP.md tells it, without our own code.
fn scalar(file: &Value, kek: &[u8]) -> Vec<u8> {
    let text = |name: &str| file[name].as_str().unwrap().to_owned();
    let created = file["createdAt"].as_i64().unwrap().to_string();
    let bound = |what: &str, kek: &str| {
        let id = text("id");
        let (label, algorithm, public) = (text("label"), text("algorithm"), text("publicKey"));
        let fields = [
            "provost sealed key 1",
            what,
            kek,
            &id,
            &label,
            &algorithm,
            &created,
            &public,
        ];
        let mut bytes = Vec::new();
        for field in fields {
            bytes.extend((field.len() as u64).to_be_bytes());
            bytes.extend(field.as_bytes());
        }
        bytes
    };
    let open = |key: &[u8], sealed: &Value, bound: &[u8]| {
        let part = |name: &str| STANDARD.decode(sealed[name].as_str().unwrap()).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&part("nonce")).unwrap();
        let mut data = part("data");
        let opened = key.open_in_place(nonce, Aad::from(bound), &mut data).unwrap();
        opened.to_vec()
    };
    let dek = open(kek, &file["wrappedDek"], &bound("dek", &text("kek")));
    let pkcs8 = open(&dek, &file["privateKey"], &bound("key", ""));
    // ECPrivateKey: version 1, then the scalar as an octet string.
    let before = [2, 1, 1, 4, 48];
    let at = pkcs8
        .windows(before.len())
        .position(|window| window == before)
        .unwrap();
    pkcs8[at + before.len()..][..SCALAR].to_vec()
}

/// Every key of the folder, opened.
fn scalars(keys: &Path, kek: &[u8]) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(keys)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_stem().unwrap().len() == 32);
    files
        .map(|path| {
            scalar(
                &serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
                kek,
            )
        })
        .collect()
}

/// Which of these a process has anywhere in the memory it can write to.
fn present(process: u32, wanted: &[Vec<u8>]) -> io::Result<Vec<bool>> {
    const PIECE: usize = 1 << 16;
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut found = vec![false; wanted.len()];
    let overlap = wanted.iter().map(Vec::len).max().unwrap_or(0);
    let (zeros, mut buffer) = (vec![0; PIECE + overlap], vec![0; PIECE + overlap]);
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let (from, end) = (address(from), address(to));
        for at in (from..end).step_by(PIECE) {
            let length = usize::try_from(end - at).unwrap().min(PIECE + overlap);
            let piece = &mut buffer[..length];
            // Most of what is reserved was never used. What the kernel shows of itself cannot be read.
            if memory.read_exact_at(piece, at).is_ok() && piece != &zeros[..length] {
                look(piece, wanted, &mut found);
            }
        }
    }
    Ok(found)
}

fn look(piece: &[u8], wanted: &[Vec<u8>], found: &mut [bool]) {
    let mut begins = [false; 256];
    for one in wanted {
        begins[usize::from(one[0])] = true;
    }
    for (at, byte) in piece.iter().enumerate() {
        if begins[usize::from(*byte)] {
            for (one, found) in wanted.iter().zip(&mut *found) {
                *found = *found || piece[at..].starts_with(one);
            }
        }
    }
}

/// As bytes of the file have it, and as the cryptographic library does on machines of today.
fn both_ways(secrets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let reversed = secrets
        .iter()
        .map(|secret| secret.iter().rev().copied().collect());
    secrets.iter().cloned().chain(reversed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_memory_holds_neither_the_kek_nor_a_private_key_of_a_ca() {
    let house = House::open("[keys]\nhold_milliseconds = 60000\n").await;
    for id in ["press", "drill", "lathe"] {
        house.certify(id).await.unwrap();
    }
    let keys = house.data().join("keys");
    let kek = std::fs::read(keys.join("kek")).unwrap();
    let scalars = scalars(&keys, &kek);
    assert_eq!(scalars.len(), 2, "a root and an issuing CA");
    let secrets = both_ways(&[scalars, vec![kek.clone()]].concat());
    // Something it must hold, so that nothing found means something.
    let known = house.server.hub().name.clone().into_bytes();
    let server = house.server.id();
    assert_eq!(
        present(server, &[known]).unwrap(),
        [true],
        "the search finds what is there"
    );
    assert_eq!(present(server, &secrets).unwrap(), vec![false; secrets.len()]);
    let signer = house.server.signer().expect("a signer");
    match present(signer, &secrets) {
        Ok(_) => {
            // Who may read everything finds there what is held.
            eventually("kek and key of the issuing CA in the signer", async || {
                house.certify("press").await.unwrap();
                let found = present(signer, &secrets).unwrap();
                let (kek, key) = (found[2] || found[5], found[0] || found[1] || found[3] || found[4]);
                (kek && key).then_some(())
            })
            .await;
        }
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
    }
}
