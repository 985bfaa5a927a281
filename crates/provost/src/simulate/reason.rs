use provost_device::DeviceError;
use provost_device::provisioning::{RegisterError, RegistrationOutcome, RegistrationStatus};

use crate::cli::chain;

/// Why a registration failed, in words that are the same for every device it happened to.
pub(super) fn of_register_error(error: &RegisterError) -> String {
    match error {
        RegisterError::Refused {
            status,
            error_code,
            message,
            ..
        } => {
            let code = error_code.map_or_else(|| status.to_string(), |code| code.to_string());
            format!("{code} {message}").trim_end().to_owned()
        }
        RegisterError::StillAssigning { .. } => "still assigning when patience ended".to_owned(),
        RegisterError::Connection(error) => of_device_error(error),
        _ => error.to_string(),
    }
}

/// Why a final outcome is not an assignment; `None` when it is one.
pub(super) fn of_outcome(outcome: &RegistrationOutcome) -> Option<String> {
    let code = outcome
        .error_code
        .map(|code| format!(" {code}"))
        .unwrap_or_default();
    match outcome.status {
        RegistrationStatus::Assigned => None,
        RegistrationStatus::Failed => Some(format!("registration failed{code}")),
        RegistrationStatus::Disabled => Some(format!("enrollment disabled{code}")),
    }
}

/// Why a connection failed.
pub(super) fn of_device_error(error: &DeviceError) -> String {
    chain(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_no_single_device() {
        let refused = RegisterError::Refused {
            status: 401,
            error_code: Some(401_002),
            message: "Unauthorized".to_owned(),
            tracking_id: Some("t-1".to_owned()),
            retry_after: None,
        };
        assert_eq!(of_register_error(&refused), "401002 Unauthorized");
        let waiting = RegisterError::StillAssigning {
            operation_id: "4.x".to_owned(),
        };
        assert_eq!(of_register_error(&waiting), "still assigning when patience ended");
        assert_eq!(
            of_register_error(&RegisterError::Connection(DeviceError::Closed)),
            "server closed the connection"
        );
    }
}
