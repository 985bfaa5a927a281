use provost_device::DeviceError;
use provost_device::provisioning::RegisterError;
use provost_testkit::{Device, FixtureAuthority, Leaf, Via, refusal};

use super::Witness;

#[tokio::test]
async fn a_certificate_that_is_none_ends_in_a_failed_handshake() {
    let mut witness = Witness::new().await;
    let leaf = Leaf::self_signed("press-1");
    let der = leaf.der();
    let truncated = der[..der.len() / 2].to_vec();
    let mut flipped = der.to_vec();
    flipped[40] ^= 0xff;
    for (what, certificate) in [
        ("nonsense", vec![0xde; 300]),
        ("empty sequence", vec![0x30, 0]),
        ("truncated", truncated),
        ("flipped", flipped),
    ] {
        for via in Via::ALL {
            let answer = Device::with_certificate("press-1", &leaf, vec![certificate.clone()])
                .register(&witness.server, via)
                .await;
            assert!(is_no_proof(&answer), "{what} {via:?}: {answer:?}");
        }
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_certificate_without_its_key_ends_in_a_failed_handshake() {
    let mut witness = Witness::new().await;
    let (own, stolen) = (Leaf::self_signed("press-1"), Leaf::self_signed("press-1"));
    for via in Via::ALL {
        let thief = Device::with_certificate("press-1", &own, vec![stolen.der().to_vec()]);
        let answer = thief.register(&witness.server, via).await;
        assert!(
            matches!(answer, Err(RegisterError::Connection(_))),
            "{via:?}: {answer:?}"
        );
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_chain_with_far_too_many_certificates_is_no_proof() {
    let mut witness = Witness::new().await;
    let root = FixtureAuthority::root("Root");
    let leaf = root.leaf("press-1");
    let chain = std::iter::once(leaf.der())
        .chain(std::iter::repeat_n(root.der(), 60))
        .map(<[u8]>::to_vec);
    let device = Device::with_certificate("press-1", &leaf, chain.collect());
    for via in Via::ALL {
        let answer = device.register(&witness.server, via).await;
        assert!(is_no_proof(&answer), "{via:?}: {answer:?}");
    }
    witness.is_unharmed().await;
}

/// The connection fails, or the service says 401; nothing else.
fn is_no_proof<T: std::fmt::Debug>(answer: &Result<T, RegisterError>) -> bool {
    match answer {
        Err(RegisterError::Connection(DeviceError::Timeout(_))) | Ok(_) => false,
        Err(RegisterError::Connection(_)) => true,
        Err(RegisterError::Refused { status, .. }) => *status == 401,
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_certificate_of_nobody_is_401() {
    let mut witness = Witness::new().await;
    for via in Via::ALL {
        let answer = Device::with_leaf(&Leaf::self_signed("press-1"))
            .register(&witness.server, via)
            .await;
        assert_eq!(refusal(answer), (401, 401_002));
    }
    witness.is_unharmed().await;
}
