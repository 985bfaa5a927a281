use serde_json::{Value, json};

use crate::{Endpoints, FixtureAuthority};

impl Endpoints {
    /// Uploads a CA certificate to the provisioning service, trusted at once.
    pub async fn trust(&self, name: &str, authority: &FixtureAuthority) -> Value {
        let upload = json!({ "properties": { "certificate": authority.pem(), "isVerified": true } });
        let path = self.authority_path(&format!("/{name}"));
        self.management().put(&path, &upload).await.ok()
    }

    /// Deletes a CA certificate of the provisioning service.
    pub async fn distrust(&self, name: &str) {
        let path = self.authority_path(&format!("/{name}"));
        self.management().delete(&path).await.no_content();
    }
}
