//! Paging (dps-service-api.md 2.5): in order of IDs, each page after the last ID of the one before.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provost_model::EnrollmentKind;
use provost_model::{EnrollmentGroupId, PageSize, Timestamp};
use provost_store::{Looked, RegistrationFilter, StoreError};

use crate::ProvisioningError;

/// The most entries a page holds.
pub(crate) const MAX_ENTRIES: usize = 1000;
/// The most registration records a page holds, as in the real service.
pub(crate) const MAX_RECORDS: usize = 100;
const DEFAULT: usize = 100;

/// What a client asks for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// Most items; absent or 0 asks for the default, 100.
    pub max_items: Option<usize>,
    /// Where the page before ended, as it was handed out.
    pub continuation: Option<String>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in order of their IDs.
    pub items: Vec<T>,
    /// Where the next page begins: letters, digits, `-` and `_`; `None` at the end.
    pub continuation: Option<String>,
    /// The size that was applied.
    pub size: usize,
}

/// Which listing a continuation belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryKind {
    Enrollments,
    Groups,
    /// Of the group with this key.
    Registrations(String),
    /// Of an instance, with what narrows them.
    Records(RegistrationFilter),
}

/// A page about to be read.
pub(crate) struct Begin {
    after: Option<String>,
    size: PageSize,
}

impl PageRequest {
    /// # Errors
    /// 400000 for a continuation that was not handed out for this listing.
    pub(crate) fn begin(&self, kind: &QueryKind, max: usize) -> Result<Begin, ProvisioningError> {
        let after = self
            .continuation
            .as_deref()
            .filter(|token| !token.is_empty())
            .map(|token| {
                kind.read(token).ok_or_else(|| ProvisioningError::Invalid {
                    code: 400_000,
                    message: "Bad Request: the continuation does not belong to this query".to_owned(),
                })
            })
            .transpose()?;
        let size = PageSize::clamp(self.max_items, DEFAULT, max);
        Ok(Begin { after, size })
    }
}

impl Begin {
    /// Reads the page with `list` and finds out whether there is more.
    pub(crate) fn read<T>(
        self,
        kind: &QueryKind,
        list: impl Fn(Option<&str>, PageSize) -> Result<Vec<T>, StoreError>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, StoreError> {
        let size = self.size.get();
        let items = list(self.after.as_deref(), self.size)?;
        let mut continuation = None;
        if let Some(last) = items.last().filter(|_| items.len() >= size).map(key) {
            let one = PageSize::clamp(Some(1), 1, 1);
            if !list(Some(&last), one)?.is_empty() {
                continuation = Some(kind.token(&last));
            }
        }
        Ok(Page {
            items,
            continuation,
            size,
        })
    }
}

impl Begin {
    /// Reads a page of a listing that looks at more than it gives: the page may be empty although
    /// there is more.
    pub(crate) fn look<T>(
        self,
        kind: &QueryKind,
        look: impl FnOnce(Option<&str>, PageSize) -> Result<Looked<Vec<T>>, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let Looked { found, until } = look(self.after.as_deref(), self.size)?;
        Ok(Page {
            items: found,
            continuation: until.map(|until| kind.token(&until)),
            size: self.size.get(),
        })
    }
}

impl<T> Page<T> {
    /// The same page of other items.
    pub(crate) fn try_map<U, E>(self, into: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        Ok(Page {
            items: self.items.into_iter().map(into).collect::<Result<_, _>>()?,
            continuation: self.continuation,
            size: self.size,
        })
    }
}

impl QueryKind {
    pub(crate) fn entries(kind: EnrollmentKind) -> Self {
        match kind {
            EnrollmentKind::Individual => Self::Enrollments,
            EnrollmentKind::Group => Self::Groups,
        }
    }

    /// Line feeds stand in no ID.
    fn prefix(&self) -> String {
        match self {
            Self::Enrollments => "e\n".to_owned(),
            Self::Groups => "g\n".to_owned(),
            Self::Registrations(group) => format!("r\n{group}\n"),
            Self::Records(filter) => {
                let group = filter.group.as_ref().map_or("", EnrollmentGroupId::key);
                let before = filter.updated_before.map_or(0, Timestamp::as_micros);
                format!("l\n{group}\n{before}\n{}\n", filter.orphans_only)
            }
        }
    }

    fn token(&self, last: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{last}", self.prefix()))
    }

    fn read(&self, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let last = text.strip_prefix(&self.prefix())?;
        (!last.is_empty() && !last.contains('\n')).then(|| last.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn continuations_belong_to_their_query() {
        let kinds = [
            QueryKind::Enrollments,
            QueryKind::Groups,
            QueryKind::Registrations("a".into()),
            QueryKind::Registrations("b".into()),
            QueryKind::Records(RegistrationFilter::default()),
            QueryKind::Records(RegistrationFilter {
                orphans_only: true,
                ..RegistrationFilter::default()
            }),
        ];
        for own in &kinds {
            let token = own.token("press-1");
            for other in &kinds {
                let read = other.read(&token);
                assert_eq!(
                    read.as_deref() == Some("press-1"),
                    own == other,
                    "{own:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn other_texts_are_bad_requests() {
        for text in ["x", "!", "abc=", &URL_SAFE_NO_PAD.encode("e\n")] {
            let request = PageRequest {
                max_items: None,
                continuation: Some(text.to_owned()),
            };
            let error = request.begin(&QueryKind::Enrollments, 10).err().unwrap();
            assert_eq!(error.code(), 400_000, "{text}");
        }
    }

    proptest! {
        /// Pages together are the whole listing, whatever the size.
        #[test]
        fn pages_add_up(all in proptest::collection::btree_set("[a-z]{1,4}", 0..30), size in 1..10_usize) {
            let all: Vec<String> = all.into_iter().collect();
            let kind = QueryKind::Enrollments;
            let list = |after: Option<&str>, page: PageSize| {
                Ok(all.iter().filter(|id| after.is_none_or(|after| id.as_str() > after))
                    .take(page.get()).cloned().collect::<Vec<_>>())
            };
            let (mut seen, mut continuation) = (Vec::new(), None);
            loop {
                let request = PageRequest { max_items: Some(size), continuation };
                let page = request.begin(&kind, 1000).unwrap().read(&kind, list, Clone::clone).unwrap();
                prop_assert!(page.items.len() <= size);
                seen.extend(page.items);
                continuation = page.continuation;
                if continuation.is_none() { break; }
            }
            prop_assert_eq!(seen, all);
        }

        #[test]
        fn tokens_are_header_safe(last in "[A-Za-z0-9._:-]{1,128}") {
            let token = QueryKind::Groups.token(&last);
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(QueryKind::Groups.read(&token), Some(last));
        }
    }
}
