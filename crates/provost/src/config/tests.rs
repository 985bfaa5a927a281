use super::*;

fn merged(arguments: ServeArguments, file: &str) -> Result<Config> {
    Config::merge(arguments, ConfigFile::parse(file)?, &KeysEnvironment::default())
}

#[test]
fn defaults_are_a_laptop() {
    let config = merged(ServeArguments::default(), "").unwrap();
    assert_eq!(config.host.as_str(), "localhost");
    assert_eq!(config.listen, IpAddr::from([127, 0, 0, 1]));
    assert_eq!((config.https_port, config.mqtt_port), (8443, 8883));
    assert!(matches!(config.store, StoreAddress::Sqlite(path) if path.ends_with("provost-data/provost.db")));
}

#[test]
fn a_real_host_name_listens_everywhere() {
    let config = merged(ServeArguments::default(), "host = 'plant.example'").unwrap();
    assert_eq!(config.listen, IpAddr::from([0, 0, 0, 0]));
}

#[test]
fn flags_beat_the_file() {
    let arguments = ServeArguments {
        https_port: Some(1),
        ..ServeArguments::default()
    };
    let config = merged(arguments, "https_port = 2\nmqtt_port = 3").unwrap();
    assert_eq!((config.https_port, config.mqtt_port), (1, 3));
}

#[test]
fn unknown_keys_and_versions_are_refused() {
    for file in ["colour = 'red'", "[tls]\ncert = 'x'", "version = 2"] {
        assert!(merged(ServeArguments::default(), file).is_err(), "{file}");
    }
}

#[test]
fn half_a_tls_pair_is_refused() {
    assert!(merged(ServeArguments::default(), "[tls]\ncertificate = 'a.pem'").is_err());
    assert!(merged(ServeArguments::default(), "[tls]\nkey = 'a.pem'").is_err());
}

#[test]
fn a_host_with_a_port_is_refused() {
    assert!(merged(ServeArguments::default(), "host = 'a.example:8443'").is_err());
}

#[test]
fn a_url_is_postgresql_and_its_password_is_not_printed() {
    let arguments = ServeArguments {
        store: Some("postgres://u:topsecret@h/d".into()),
        ..ServeArguments::default()
    };
    let config = merged(arguments, "").unwrap();
    assert!(matches!(config.store, StoreAddress::Postgres(_)));
    assert!(!format!("{config:?}").contains("topsecret"));
}

#[test]
fn quotas_are_the_real_services_unless_told() {
    let config = merged(ServeArguments::default(), "").unwrap();
    let quotas = config.dps.quotas;
    assert_eq!(
        (quotas.registrations, quotas.individual_enrollments),
        (1_000_000, 1_000_000)
    );
    assert_eq!((quotas.x509_groups, quotas.symmetric_groups), (100, 100));
    assert_eq!((quotas.ca_certificates, quotas.linked_hubs), (25, 50));
    assert_eq!((quotas.instances, quotas.bulk_items), (10, 10));
    assert_eq!(config.dps.message_bytes, 98_304);
    let told = merged(
        ServeArguments::default(),
        "[dps.quotas]\nregistrations = 5\nmessage_bytes = 9",
    )
    .unwrap();
    assert_eq!(told.dps.quotas.registrations, 5);
    assert_eq!(told.dps.quotas.linked_hubs, 50);
    assert_eq!(told.dps.message_bytes, 9);
    assert!(merged(ServeArguments::default(), "[dps.quotas]\ndevices = 5").is_err());
}

#[test]
fn others_are_asked_carefully_unless_told_otherwise() {
    let config = merged(ServeArguments::default(), "").unwrap();
    assert_eq!(config.outbound, OutboundConfig::default());
    let webhook = &config.outbound.webhook;
    assert!(!webhook.allow_http && !webhook.allow_private_addresses && webhook.allowed_hosts.is_empty());
    let file = "[dps.webhook]\nallowed_hosts = ['Hook.Plant.Example']\ntimeout_seconds = 999\nattempts = 0\n\
                [dps.remote_hubs]\npatience_seconds = 7\ncheck_seconds = 0";
    let outbound = merged(ServeArguments::default(), file).unwrap().outbound;
    assert_eq!(outbound.webhook.allowed_hosts, ["hook.plant.example"]);
    assert_eq!(
        (outbound.webhook.timeout, outbound.webhook.attempts),
        (Duration::from_mins(1), 1)
    );
    assert_eq!(outbound.hub_patience, Duration::from_secs(7));
    assert_eq!(outbound.hub_check, Duration::from_secs(1));
}

#[test]
fn networks_have_their_hubs_in_order() {
    let file = "[[dps.geo]]\nnetwork = '10.0.0.0/8'\nhubs = ['south']\n\
                [[dps.geo]]\nnetwork = '10.1.0.0/16'\nhubs = ['North', 'south']";
    let geo = merged(ServeArguments::default(), file).unwrap().geo;
    let near = |address: &str| -> Vec<String> {
        let hubs = geo.hubs(address.parse().unwrap());
        hubs.iter().map(|hub| hub.key().to_owned()).collect()
    };
    assert_eq!(near("10.1.2.3"), ["north", "south"]);
    assert_eq!(near("10.2.2.3"), ["south"]);
    assert!(near("192.0.2.1").is_empty());
}

#[test]
fn a_geo_entry_that_cannot_work_is_refused_with_the_reason() {
    for (entry, reason) in [
        (
            "network = '10.0.0.0/40'\nhubs = ['a']",
            "prefix longer than its address",
        ),
        ("network = 'plant'\nhubs = ['a']", "`plant` is not a network"),
        (
            "network = '10.0.0.1/8'\nhubs = ['a']",
            "bits set after its prefix",
        ),
        (
            "network = '10.0.0.0/8'\nhubs = []",
            "`hubs` of network 10.0.0.0/8 is empty",
        ),
        (
            "network = '10.0.0.0/8'\nhubs = ['a b']",
            "`a b` of network 10.0.0.0/8 is not a hub name",
        ),
        (
            "network = '10.0.0.0/8'\nhubs = ['a']\n[[dps.geo]]\nnetwork = '10.0.0.0/8'\nhubs = ['b']",
            "network 10.0.0.0/8 is there twice",
        ),
        ("network = '10.0.0.0/8'", "missing field `hubs`"),
        (
            "network = '10.0.0.0/8'\nhubs = ['a']\nweight = 1",
            "unknown field `weight`",
        ),
    ] {
        let refused = merged(ServeArguments::default(), &format!("[[dps.geo]]\n{entry}"));
        let message = format!("{:#}", refused.unwrap_err());
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn ocsp_needs_a_place_where_it_is_answered() {
    let with = |flag: bool, file: &str| {
        let arguments = ServeArguments {
            ocsp: flag,
            ..ServeArguments::default()
        };
        merged(arguments, file)
    };
    for file in ["", "[registry]\npublication = ['http://pki.example']"] {
        let error = with(true, file).unwrap_err().to_string();
        assert!(error.contains("set http_port"), "{file}: {error}");
    }
    let error = with(true, "http_port = 0").unwrap_err().to_string();
    assert!(
        error.contains("publication"),
        "nobody knows the port yet: {error}"
    );
    for (flag, file) in [
        (true, "http_port = 8080"),
        (
            true,
            "http_port = 0\n[registry]\npublication = ['http://pki.example']",
        ),
        (false, "http_port = 8080\n[registry]\nocsp = true"),
    ] {
        let config = with(flag, file).unwrap();
        assert!(config.registry.publication.is_ocsp_on(), "{file}");
    }
    let config = with(false, "http_port = 8080").unwrap();
    assert!(!config.registry.publication.is_ocsp_on());
}
