use std::time::Duration;

use provost_attestation::sas;
use provost_hub::{HubError, ServiceCaller, TelemetryRead};
use provost_model::twin::TwinWrite;
use provost_model::{
    Change, ConsumerGroupName, IfMatch, PageSize, PartitionId, PolicyName, PolicyOwner, SymmetricKey,
    TelemetryCursor, TelemetryStart,
};
use provost_wire::hub::service::{DeviceInput, MethodRequest};

use crate::house::{HOST, House, device, made};

#[tokio::test]
async fn s04_tokens() {
    let house = House::new().await;
    let keys = house.policy_keys("service").await;
    let wrong = SymmetricKey::from_bytes(vec![1; 32]).unwrap();
    let expired = house.now().before(Duration::from_mins(6));
    let good = |resource: &str| house.token(resource, &keys.primary, Some("service"));
    for (token, code) in [
        (Some(good(HOST)), None),
        (Some(good("HUB.example:9443")), None),
        (Some(good(&format!("{HOST}/twins"))), None),
        (Some(house.token(HOST, &keys.secondary, Some("service"))), None),
        (Some(good(&format!("{HOST}/devices"))), Some(401_003)),
        (Some(good("other.example")), Some(401_003)),
        (Some(house.token(HOST, &wrong, Some("service"))), Some(401_003)),
        (
            Some(house.token(HOST, &keys.primary, Some("nobody"))),
            Some(401_003),
        ),
        (Some(house.token(HOST, &keys.primary, None)), Some(401_003)),
        (
            Some(sas::sign(HOST, &keys.primary, expired, Some("service"))),
            Some(401_003),
        ),
        (Some("SharedAccessSignature x".to_owned()), Some(401_003)),
        (Some("Bearer abc".to_owned()), Some(401_002)),
        (None, Some(401_003)),
    ] {
        let caller = house
            .service
            .authenticate_service("hub.example:443", "/twins/d1", token.as_deref())
            .await;
        assert_eq!(caller.err().map(|error| error.code()), code, "{token:?}");
    }
    let token = good(HOST);
    let elsewhere = house
        .service
        .authenticate_service("nowhere.example", "/", Some(&token))
        .await;
    assert_eq!(elsewhere.unwrap_err().code(), 401_001);
}

#[tokio::test]
async fn s04_deleted_policy_is_refused_at_once() {
    let house = House::new().await;
    let token = house.token(HOST, &house.policy_keys("service").await.primary, Some("service"));
    house.caller("service").await;
    let owner = PolicyOwner::Hub(house.hub.name.clone());
    let deleted = house.store.write(move |tx| {
        tx.delete_access_policy(&owner, &PolicyName::parse("service").unwrap())?;
        tx.announce(&Change::Configuration)?;
        Ok::<_, HubError>(tx.record(&made("accessPolicy"), ())?)
    });
    deleted.await.unwrap();
    let refused = house
        .service
        .authenticate_service(HOST, "/twins/d1", Some(&token))
        .await;
    assert_eq!(refused.unwrap_err().code(), 401_003);
}

/// Every operation and what it answers to this caller, with the right it needs.
#[expect(clippy::too_many_lines, reason = "a table: one entry for each operation")]
async fn outcomes(house: &House, caller: &ServiceCaller) -> Vec<(&'static str, Right, Option<HubError>)> {
    use Right::{Read, Service, Write};
    let (hub, id, none) = (&house.service, device("d1"), device("none"));
    let top = PageSize::clamp(None, 10, 10);
    let method = MethodRequest {
        name: "m".to_owned(),
        payload: None,
        response_timeout: Duration::from_secs(5),
        connect_timeout: Duration::ZERO,
    };
    let any = || IfMatch::Any;
    let (input, twin) = (DeviceInput::default(), TwinWrite::default);
    let group = ConsumerGroupName::parse("g").unwrap();
    let partition = PartitionId::new(0).unwrap();
    let read = TelemetryRead {
        partition: None,
        device_id: None,
        limit: top,
        wait: Duration::ZERO,
    };
    vec![
        ("get", Read, hub.device(caller, &id).await.err()),
        ("list", Read, hub.devices(caller, top).await.err()),
        ("counts", Read, hub.device_statistics(caller).await.err()),
        (
            "put",
            Write,
            hub.put_device(caller, &id, input, any()).await.err(),
        ),
        ("bulk", Write, hub.bulk(caller, vec![]).await.err()),
        (
            "delete",
            Write,
            hub.delete_device(caller, &none, any()).await.err(),
        ),
        ("connected", Service, hub.connected_statistics(caller).err()),
        ("twin", Service, hub.twin(caller, &id).await.err()),
        (
            "patch",
            Service,
            hub.patch_twin(caller, &id, twin(), any()).await.err(),
        ),
        (
            "replace",
            Service,
            hub.replace_twin(caller, &id, twin(), any()).await.err(),
        ),
        (
            "method",
            Service,
            hub.invoke_method(caller, &id, &method).await.err(),
        ),
        (
            "read",
            Service,
            hub.read_telemetry(caller, &read, TelemetryCursor::default())
                .await
                .err(),
        ),
        (
            "begin to read",
            Service,
            hub.telemetry_cursor(caller, &read, TelemetryStart::Latest)
                .await
                .err(),
        ),
        (
            "partitions",
            Service,
            hub.telemetry_partitions_of(caller).await.err(),
        ),
        ("groups", Service, hub.consumer_groups(caller).await.err()),
        (
            "group",
            Service,
            hub.consumer_group(caller, group.clone()).await.err(),
        ),
        (
            "make group",
            Service,
            hub.put_consumer_group(caller, group.clone()).await.err(),
        ),
        (
            "checkpoint",
            Service,
            hub.put_checkpoint(caller, group.clone(), partition, 0, Some(7))
                .await
                .err(),
        ),
        (
            "end group",
            Service,
            hub.delete_consumer_group(caller, group).await.err(),
        ),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Read,
    Write,
    Service,
}

/// Every operation with every default policy: who may, and 401002 for the others.
#[tokio::test]
async fn s04_rights() {
    use Right::{Read, Service, Write};
    let house = House::new().await;
    house.create("d1").await;
    for (policy, rights) in [
        ("iothubowner", &[Read, Write, Service][..]),
        ("service", &[Service]),
        ("device", &[]),
        ("registryRead", &[Read]),
        ("registryReadWrite", &[Read, Write]),
    ] {
        let caller = house.caller(policy).await;
        for (operation, right, error) in outcomes(&house, &caller).await {
            let is_refused = matches!(error, Some(HubError::RightMissing));
            let may = rights.contains(&right);
            assert_eq!(is_refused, !may, "{policy} {operation} {error:?}");
        }
    }
    assert_eq!(HubError::RightMissing.code(), 401_002);
}
