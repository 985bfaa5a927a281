use provost_hub::{RenewalStep, TelemetryCounts};
use provost_model::{HubName, ReprovisionCounts};

use super::*;

#[test]
fn the_text_has_names_types_labels_and_an_end() {
    let metrics = Metrics::default();
    metrics.registration("mqtt", "refused", "expired");
    metrics.attestation("x509", "refused", "expired");
    metrics.operation("dps", "enrollments", 204);
    metrics.operation("dps", "enrollments", 429);
    let open = metrics.connection("https");
    let hub = HubName::parse("Hub1").unwrap();
    metrics.run("http", &assigned(&hub));
    let telemetry = TelemetryCounts {
        messages: 7,
        bytes: 900,
        removed: 2,
    };
    let text = metrics.render(
        &[HubNumbers {
            hub,
            sessions: 3,
            telemetry,
            reprovisions: vec![ReprovisionCounts {
                left: 4,
                ..ReprovisionCounts::default()
            }],
            renewals: vec![(RenewalStep::Issued, 5), (RenewalStep::Refused(409_005), 1)],
            renewals_pending: 2,
        }],
        &[],
    );
    for line in [
        "# TYPE provost_registration_attempts counter",
        "provost_registration_attempts_total{protocol=\"mqtt\",outcome=\"refused\",reason=\"expired\"} 1",
        "provost_registration_attempts_total{protocol=\"http\",outcome=\"assigned\",reason=\"\"} 1",
        "provost_attestation_attempts_total{kind=\"x509\",result=\"refused\",reason=\"expired\"} 1",
        "provost_device_assignments_total{hub=\"hub1\"} 1",
        "provost_service_operations_total{service=\"dps\",operation=\"enrollments\",status=\"2xx\"} 1",
        "provost_service_operations_total{service=\"dps\",operation=\"enrollments\",status=\"429\"} 1",
        "provost_hub_sessions{hub=\"hub1\"} 3",
        "provost_telemetry_messages_total{hub=\"hub1\"} 7",
        "provost_telemetry_bytes_total{hub=\"hub1\"} 900",
        "provost_telemetry_removed_total{hub=\"hub1\"} 2",
        "provost_connections{listener=\"https\"} 1",
        "provost_fleet_reprovision_devices{hub=\"hub1\",state=\"left\"} 4",
        "provost_certificate_renewals_total{hub=\"hub1\",step=\"issued\",code=\"\"} 5",
        "provost_certificate_renewals_total{hub=\"hub1\",step=\"refused\",code=\"409005\"} 1",
        "provost_certificate_renewals_pending{hub=\"hub1\"} 2",
    ] {
        assert!(
            text.lines().any(|present| present == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    drop(open);
    let text = metrics.render(&[], &[]);
    assert!(
        text.contains("provost_connections{listener=\"https\"} 0\n"),
        "{text}"
    );
}

fn assigned(hub: &HubName) -> RegistrationState {
    RegistrationState::Assigned {
        hub: hub.clone(),
        device_id: provost_model::DeviceId::parse("press-1").unwrap(),
        substatus: provost_model::Substatus::InitialAssignment,
    }
}
