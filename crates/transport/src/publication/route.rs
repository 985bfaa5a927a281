use provost_ca::CrlPart;
use provost_model::registry::CaId;

/// What an address leads to.
pub(super) enum Wanted {
    Crl(CrlPart),
    Certificate(CaId),
    /// The OCSP responder of a CA, and what follows its address: nothing for a POST, the request in base64
    /// for a GET.
    Ocsp(CaId, String),
}

pub(super) fn route(path: &str) -> Option<Wanted> {
    if let Some(rest) = path.strip_prefix("/ocsp/") {
        // Base64 has slashes of its own, and not every client encodes them.
        let (ca, request) = rest.split_once('/').unwrap_or((rest, ""));
        let request = provost_wire::percent::decode(request)?;
        return Some(Wanted::Ocsp(CaId::parse(ca)?, request));
    }
    let mut segments = path.strip_prefix('/')?.split('/');
    let wanted = match (segments.next()?, segments.next()?, segments.next()) {
        ("crl", ca, Some(part)) => {
            let digits = part.strip_suffix(".crl")?;
            // One spelling for each part: no sign, no zeros before it.
            let shard: u32 = digits
                .parse()
                .ok()
                .filter(|shard: &u32| shard.to_string() == digits)?;
            Wanted::Crl(CrlPart {
                ca: CaId::parse(ca)?,
                shard,
            })
        }
        ("ca", file, None) => Wanted::Certificate(CaId::parse(file.strip_suffix(".cer")?)?),
        _ => return None,
    };
    segments.next().is_none().then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_are_published_lead_somewhere() {
        let ca = "0a".repeat(16);
        assert!(matches!(
            route(&format!("/ca/{ca}.cer")),
            Some(Wanted::Certificate(_))
        ));
        assert!(matches!(route(&format!("/crl/{ca}/63.crl")), Some(Wanted::Crl(part)) if part.shard == 63));
        for path in [
            "/",
            "",
            "/crl",
            "/ca/",
            "/ca/0a.cer",
            &format!("/ca/{ca}"),
            &format!("/ca/{ca}.cer/"),
            &format!("/crl/{ca}.crl"),
            &format!("/crl/{ca}/-1.crl"),
            &format!("/crl/{ca}/+1.crl"),
            &format!("/crl/{ca}/01.crl"),
            &format!("/crl/{ca}/4294967296.crl"),
            &format!("/crl/{ca}/0.crl/x"),
            &format!("/provost/crl/{ca}/0.crl"),
        ] {
            assert!(route(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_request_of_a_get_may_hold_slashes_encoded_or_not() {
        let ca = "0a".repeat(16);
        for (path, wanted) in [
            (format!("/ocsp/{ca}"), ""),
            (format!("/ocsp/{ca}/"), ""),
            (format!("/ocsp/{ca}/MEIw/+A="), "MEIw/+A="),
            (format!("/ocsp/{ca}/MEIw%2F%2bA%3D"), "MEIw/+A="),
        ] {
            let found = route(&path);
            assert!(
                matches!(&found, Some(Wanted::Ocsp(_, request)) if request == wanted),
                "{path}"
            );
        }
        for path in ["/ocsp", "/ocsp/", "/ocsp/0a", &format!("/ocsp/{ca}/%FF")] {
            assert!(route(path).is_none(), "{path}");
        }
    }
}
