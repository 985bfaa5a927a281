use provost_model::{CertificateDer, CertificateName, ProvisioningStatus};
use provost_pki::{Certificate, ChainError, ChainWalk, Issuer, PresentedChain, VerifiedChain};
use provost_store::GroupAnchor;

use super::{AnchorKind, Judge, Match, Proof, Refusal, Snapshot, Step, Stop};

/// A registered certificate that may be the next issuer.
struct Candidate {
    certificate: Certificate,
    /// Groups it is a signing certificate of.
    signer_of: Vec<GroupAnchor>,
    /// Verified CA certificates of the instance that are it, under one name or several.
    authorities: Vec<CertificateName>,
}

/// A group that matches at a level.
struct Hit {
    group: GroupAnchor,
    by: AnchorKind,
    issuer: Issuer,
}

/// Which groups a climb stops at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Any,
    Disabled,
}

/// A climb that came to a group.
struct Climbed<'a> {
    walk: ChainWalk<'a>,
    hit: Hit,
    seen: Seen,
}

/// What the walk has seen that tells one refusal from another.
#[derive(Default)]
struct Seen {
    unverified: Option<CertificateName>,
    verified: bool,
}

impl<S: Snapshot> Judge<'_, S> {
    /// The group of a chain: a disabled one anywhere along it, else the one at the first level above
    /// the leaf that has any.
    pub(super) fn group_of_chain(&mut self) -> Result<Match, Stop> {
        // Copied out of the claim, so that the walk does not borrow the judge.
        let claim = self.claim;
        self.named_chain()?;
        let chain = claim.chain.ok_or(Refusal::NoProof)?;
        if let Some(climbed) = self.disabled_along(chain)? {
            return self.match_of(climbed);
        }
        let climbed = self.climb(chain, Wanted::Any)?;
        self.match_of(climbed)
    }

    /// A certificate of a disabled entry is refused wherever it stands in a chain
    /// (certificate-management.md ): also above a group that is enabled.
    fn disabled_along<'c>(&mut self, chain: &'c PresentedChain) -> Result<Option<Climbed<'c>>, Stop>
    where
        Self: 'c,
    {
        if !self.snapshot.has_disabled_groups().map_err(Stop::Store)? {
            return Ok(None);
        }
        let steps_before = self.trace.steps().len();
        match self.climb(chain, Wanted::Disabled) {
            Ok(climbed) => Ok(Some(climbed)),
            Err(Stop::Refused(_)) => {
                // The climb that follows takes the same steps and says where the chain ends.
                self.trace.truncate(steps_before);
                Ok(None)
            }
            Err(store) => Err(store),
        }
    }

    /// Walks from the leaf's issuer upward to the first level with a wanted group.
    fn climb<'c>(&mut self, chain: &'c PresentedChain, wanted: Wanted) -> Result<Climbed<'c>, Stop>
    where
        Self: 'c,
    {
        let (memo, at) = (self.rules.memo, self.claim.at);
        let mut walk = ChainWalk::start(chain, memo, at).map_err(Self::chain_refusal)?;
        let mut seen = Seen::default();
        for height in 1.. {
            let candidates = self.candidates(&walk, &mut seen)?;
            let issuers = Self::ascend(&mut walk, &candidates)
                .map_err(|error| Self::end_of_chain(error, height, &seen))?;
            self.trace.push(Step::Level {
                height,
                issuers: issuers.iter().map(|issuer| issuer.certificate.clone()).collect(),
            });
            if let Some(hit) = self.hit(&candidates, &issuers, wanted)? {
                return Ok(Climbed { walk, hit, seen });
            }
        }
        Err(Refusal::NoEntry.into())
    }

    /// The registered certificates that may have signed the current level: signing certificates of
    /// groups and verified CA certificates of the instance.
    fn candidates(&mut self, walk: &ChainWalk<'_>, seen: &mut Seen) -> Result<Vec<Candidate>, Stop> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for subject in walk.wanted_subjects() {
            for group in self.snapshot.groups_by_signer(&subject).map_err(Stop::Store)? {
                let Some(certificate) = group.certificate.as_ref().and_then(|der| self.parsed(der)) else {
                    continue;
                };
                candidate(&mut candidates, certificate).signer_of.push(group);
            }
            for authority in self.snapshot.authorities(&subject).map_err(Stop::Store)? {
                self.trace.push(Step::Authority {
                    name: authority.name.clone(),
                    is_verified: authority.is_verified,
                });
                if !authority.is_verified {
                    seen.unverified = Some(authority.name);
                    continue;
                }
                seen.verified = true;
                if let Some(certificate) = self.parsed(&authority.certificate) {
                    candidate(&mut candidates, certificate)
                        .authorities
                        .push(authority.name);
                }
            }
        }
        Ok(candidates)
    }

    fn ascend(walk: &mut ChainWalk<'_>, candidates: &[Candidate]) -> Result<Vec<Issuer>, ChainError> {
        let registered: Vec<Certificate> = candidates
            .iter()
            .map(|candidate| candidate.certificate.clone())
            .collect();
        walk.ascend(&registered)
    }

    /// Of the wanted groups that match at this level: a disabled one, else the oldest.
    fn hit(
        &mut self,
        candidates: &[Candidate],
        issuers: &[Issuer],
        wanted: Wanted,
    ) -> Result<Option<Hit>, Stop> {
        let mut hits: Vec<Hit> = Vec::new();
        for issuer in issuers.iter().filter(|issuer| issuer.registered) {
            let same = candidates
                .iter()
                .filter(|candidate| candidate.certificate == issuer.certificate);
            for candidate in same {
                hits.extend(candidate.signer_of.iter().map(|group| Hit {
                    group: group.clone(),
                    by: AnchorKind::SigningCertificate,
                    issuer: issuer.clone(),
                }));
                for name in &candidate.authorities {
                    let groups = self.snapshot.groups_by_authority(name).map_err(Stop::Store)?;
                    hits.extend(groups.into_iter().map(|group| Hit {
                        group,
                        by: AnchorKind::CaReference(name.clone()),
                        issuer: issuer.clone(),
                    }));
                }
            }
        }
        let is_disabled = |hit: &Hit| hit.group.status == ProvisioningStatus::Disabled;
        if wanted == Wanted::Disabled && !hits.iter().any(is_disabled) {
            return Ok(None);
        }
        for hit in &hits {
            self.trace.push(Step::Group {
                key: hit.group.group_key.clone(),
                by: hit.by.clone(),
                status: hit.group.status,
            });
        }
        Ok(hits.into_iter().min_by(|a, b| {
            let rank = |hit: &Hit| {
                (
                    hit.group.status == ProvisioningStatus::Enabled,
                    hit.group.created_at,
                )
            };
            rank(a)
                .cmp(&rank(b))
                .then_with(|| a.group.group_key.cmp(&b.group.group_key))
        }))
    }

    fn match_of(&mut self, climbed: Climbed<'_>) -> Result<Match, Stop> {
        let Climbed {
            mut walk,
            hit,
            mut seen,
        } = climbed;
        let mut chain = walk.chain_to(&hit.issuer).map_err(Self::chain_refusal)?;
        if hit.by == AnchorKind::SigningCertificate && self.rules.signing_certificates_need_verified_ca {
            chain = self.above_signer(&mut walk, &chain, &mut seen)?;
        }
        let entry = self.decided(&hit.group.group_key)?;
        Ok(Match::new(entry, Proof::Chain(chain), self.claim.chain))
    }

    /// Goes on from a signing certificate to a verified CA certificate of the instance, which may be
    /// the signing certificate itself.
    fn above_signer(
        &mut self,
        walk: &mut ChainWalk<'_>,
        to_signer: &VerifiedChain,
        seen: &mut Seen,
    ) -> Result<VerifiedChain, Stop> {
        let signer = to_signer.anchor();
        let subject = signer.subject_hash();
        let own = self.snapshot.authorities(&subject).map_err(Stop::Store)?;
        if let Some(same) = own
            .into_iter()
            .find(|authority| authority.is_verified && authority.certificate.0 == signer.der())
        {
            let authority = Some(same.name);
            self.trace.push(Step::AboveSigner { authority });
            return Ok(to_signer.clone());
        }
        loop {
            let candidates = self.candidates(walk, seen)?;
            let Ok(issuers) = Self::ascend(walk, &candidates) else {
                self.trace.push(Step::AboveSigner { authority: None });
                return Err(Refusal::AuthorityMissing {
                    issuer: Some(signer.clone()),
                }
                .into());
            };
            for issuer in issuers.iter().filter(|issuer| issuer.registered) {
                let authority = candidates
                    .iter()
                    .filter(|candidate| candidate.certificate == issuer.certificate)
                    .find_map(|candidate| candidate.authorities.first());
                let path = walk.chain_to(issuer).map_err(Self::chain_refusal)?;
                if let Some(name) = authority.filter(|_| path.issuers().contains(signer)) {
                    let authority = Some(name.clone());
                    self.trace.push(Step::AboveSigner { authority });
                    return Ok(path);
                }
            }
        }
    }

    /// Says why a chain ended without a group.
    fn end_of_chain(error: ChainError, height: usize, seen: &Seen) -> Refusal {
        let refusal = Self::chain_refusal(error);
        let Refusal::AuthorityMissing {
            issuer: Some(certificate),
        } = &refusal
        else {
            return refusal;
        };
        if let Some(name) = &seen.unverified {
            return Refusal::AuthorityUnverified { name: name.clone() };
        }
        // The CA is known and nobody refers to it; or there is no CA at all, only a device that
        // vouches for itself. Either way an enrollment is what is missing.
        let is_alone = height == 1 && certificate.is_self_issued();
        if seen.verified || is_alone {
            return Refusal::NoEntry;
        }
        refusal
    }

    /// A registered certificate, taken from the presented ones where it is among them: the commonest
    /// case, and it saves reading it again.
    pub(super) fn parsed(&self, der: &CertificateDer) -> Option<Certificate> {
        let presented = self
            .claim
            .chain
            .and_then(|chain| chain.iter().find(|certificate| certificate.der() == der.0));
        presented.cloned().or_else(|| Certificate::from_der(&der.0).ok())
    }
}

fn candidate(candidates: &mut Vec<Candidate>, certificate: Certificate) -> &mut Candidate {
    let position = candidates
        .iter()
        .position(|candidate| candidate.certificate == certificate);
    let index = position.unwrap_or(candidates.len());
    if position.is_none() {
        candidates.push(Candidate {
            certificate,
            signer_of: Vec::new(),
            authorities: Vec::new(),
        });
    }
    #[expect(
        clippy::indexing_slicing,
        reason = "the index is of an item found or just pushed"
    )]
    &mut candidates[index]
}
