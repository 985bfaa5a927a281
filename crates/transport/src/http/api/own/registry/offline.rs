//! The root of a namespace's credential that is kept offline.

use provost_model::pem;
use provost_registry::{CredentialInput, OfflineAnswers, OfflineRoot};
use provost_wire::json;
use provost_wire::own::registry::{
    OfflineAnswerView, OfflineAnswersInput, OfflineCrlView, OfflineImportView, OfflineRequestView,
    OfflineRootInput, OfflineRootView,
};
use provost_wire::time;

use super::{Answer, Answered, Request, shown};

impl Request<'_> {
    pub(super) async fn offline_root(&self) -> Answered {
        let status = self.registry.offline_root(self.admin, self.namespace).await?;
        Ok(shown(&view(&status)))
    }

    pub(super) async fn put_offline_root(&self) -> Answered {
        let OfflineRootInput { location, tags } = OfflineRootInput::parse(&self.call.body)?;
        let input = CredentialInput { location, tags };
        let put = self
            .registry
            .put_offline_credential(self.admin, self.namespace, input)
            .await?;
        let status = self.registry.offline_root(self.admin, self.namespace).await?;
        let code = if put.is_new { 201 } else { 200 };
        Ok(Answer::json(code, json::to_bytes(&view(&status))))
    }

    pub(super) async fn offline_answers(&self) -> Answered {
        let OfflineAnswersInput { root, chains, crl } = OfflineAnswersInput::parse(&self.call.body)?;
        let answers = OfflineAnswers { root, chains, crl };
        let done = self
            .registry
            .import_answers(self.admin, self.namespace, answers)
            .await?;
        let status = self.registry.offline_root(self.admin, self.namespace).await;
        let answers = done.into_iter().map(|answer| OfflineAnswerView {
            what: answer.what.to_owned(),
            name: answer.name,
            outcome: answer.outcome.as_str().to_owned(),
        });
        Ok(shown(&OfflineImportView {
            answers: answers.collect(),
            // A CRL can also be of a root whose credential is gone.
            warnings: status.map(|status| status.warnings).unwrap_or_default(),
        }))
    }
}

fn view(status: &OfflineRoot) -> OfflineRootView {
    let root = &status.root;
    let request = |request: &provost_registry::OfflineRequest| {
        OfflineRequestView::of(&request.ca, request.policy.as_str(), request.purpose.as_str())
    };
    OfflineRootView {
        namespace: root.namespace.to_string(),
        root: root.id.to_string(),
        state: root.state.as_str().to_owned(),
        root_certificate: root.certificate.as_ref().map(|der| pem("CERTIFICATE", &der.0)),
        crl_urls: status.publication.crls.clone(),
        certificate_urls: status.publication.issuers.clone(),
        requests: status.requests.iter().map(request).collect(),
        revoked: status.revoked.iter().map(Into::into).collect(),
        missing: status.missing.iter().map(ToString::to_string).collect(),
        crl: status.crl.as_ref().map(|crl| OfflineCrlView {
            number: crl.number,
            entries: crl.entries,
            this_update: crl.this_update.map(time::iso_seconds),
            next_update: crl.next_update.map(time::iso_seconds),
        }),
        next_crl_number: status.crl.as_ref().map_or(1, |crl| crl.number.saturating_add(1)),
        warnings: status.warnings.clone(),
    }
}
