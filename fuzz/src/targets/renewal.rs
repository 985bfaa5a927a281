//! What a device sends to renew its certificate, and the topics it is answered on.

use provost_wire::hub::device::{
    DeviceTopic, RenewalRequest, RequestId, credentials_topic, parse_credentials_topic, parse_topic,
    renewal_topic,
};

pub(crate) fn run(data: &[u8]) {
    if let Ok(request) = RenewalRequest::parse(data, "d1") {
        let again = RenewalRequest::parse(&request.to_json("d1"), "d1");
        assert_eq!(again, Ok(request), "a request reads back");
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = parse_credentials_topic(text);
    if let Some(id) = RequestId::parse(text) {
        let asked = renewal_topic(id.as_str());
        assert!(
            matches!(parse_topic(&asked), DeviceTopic::IssueCertificate { rid: Some(rid) } if rid == text),
            "the id of a request is read off its topic"
        );
        let answered = credentials_topic(202, id.as_str());
        assert_eq!(parse_credentials_topic(&answered), Some((202, text)));
        assert_eq!(answered.split('/').count(), 5, "clients count the parts");
    }
}
