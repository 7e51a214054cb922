//! Lists of tags, page by page.

use std::collections::HashSet;

use serde::Deserialize;
use sluice_http::header::{ETAG, HeaderValue, IF_NONE_MATCH, LINK};
use sluice_http::{Answer, StatusCode, Url, same_origin};

use crate::client::Repository;
use crate::error::{Error, ErrorKind};
use crate::link;
use crate::reference::is_tag;
use crate::session::{Ask, failed};

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// A list of tags as it came, page by page: what the next one is compared with.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pages: Vec<Seen>,
    fetched: usize,
}

#[derive(Debug, Clone)]
struct Seen {
    url: Url,
    /// What the registry tells this state of the page by.
    etag: Option<HeaderValue>,
    next: Option<Url>,
    tags: Vec<String>,
}

impl Listing {
    /// The tags, in the registry's order.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.pages.iter().flat_map(|page| page.tags.iter().map(String::as_str))
    }

    /// How many pages there are.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// How many of them came whole; of the others the registry said that they are as before.
    #[must_use]
    pub fn fetched(&self) -> usize {
        self.fetched
    }

    /// Whether a later listing could be spared anything by this one.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        self.pages.iter().any(|page| page.etag.is_some())
    }
}

impl Repository {
    /// All tags, in the registry's order. What is no tag is left out.
    ///
    /// # Errors
    /// When the registry fails, on whichever page, or its list has no end: never a shorter list.
    pub async fn tags(&self) -> Result<Vec<String>, Error> {
        Ok(self.list(None).await?.pages.into_iter().flat_map(|page| page.tags).collect())
    }

    /// All tags. A page that is as it was in `before` is not sent again where the registry gives its pages an `ETag`.
    ///
    /// # Errors
    /// As [`Repository::tags`].
    pub async fn list(&self, before: Option<&Listing>) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        let mut count = 0;
        let mut next = Some(self.url("tags/list?n=1000").await?);
        let mut seen = HashSet::new();
        while let Some(url) = next {
            if !seen.insert(url.clone()) || seen.len() > self.limits().pages {
                let why =
                    format!("the list of tags has no end, or more than {} pages (limit pages)", self.limits().pages);
                return Err(self.error(ErrorKind::TooManyPages, why));
            }
            let known = before.and_then(|it| it.pages.get(listing.pages.len()));
            let known = known.filter(|it| it.url == url && it.etag.is_some());
            let mut ask = Ask::get(url.clone());
            if let Some(etag) = known.and_then(|it| it.etag.clone()) {
                ask.headers.insert(IF_NONE_MATCH, etag);
            }
            let answer = self.ask(ask).await?;
            let page = match known.filter(|_| answer.status == StatusCode::NOT_MODIFIED) {
                Some(known) => known.clone(),
                None => {
                    listing.fetched += 1;
                    self.page(url, answer).await?
                }
            };
            count += page.tags.len();
            if count > self.limits().tags {
                let why = format!("the repository has more than {} tags (limit tags)", self.limits().tags);
                return Err(self.error(ErrorKind::Limit, why));
            }
            next = page.next.clone();
            listing.pages.push(page);
        }
        Ok(listing)
    }

    async fn page(&self, url: Url, answer: Answer) -> Result<Seen, Error> {
        if !answer.status.is_success() {
            return Err(failed(self, answer, "the registry").await);
        }
        let next = self.next_page(&url, &answer)?;
        let etag = answer.headers.get(ETAG).cloned();
        let data = answer.body.all(self.limits().page_bytes).await.map_err(|error| self.exchanged(&error))?;
        let page: Page = serde_json::from_slice(&data)
            .map_err(|_| self.error(ErrorKind::BadBody, "the answer is no list of tags; is this a registry?"))?;
        let tags = page.tags.unwrap_or_default().into_iter().filter(|tag| is_tag(tag)).collect();
        Ok(Seen { url, etag, next, tags })
    }

    /// Where the list goes on.
    pub(crate) fn next_page(&self, url: &Url, answer: &Answer) -> Result<Option<Url>, Error> {
        let refuse = |why: &str| self.error(ErrorKind::BadLink, why);
        let Some(header) = answer.headers.get(LINK) else { return Ok(None) };
        let header = header.to_str().map_err(|_| refuse("the link to the next page cannot be read"))?;
        let next = link::next(header).map_err(|link::Junk| refuse("the link to the next page cannot be read"))?;
        let Some(target) = next else { return Ok(None) };
        let next = url.join(target).map_err(|_| refuse("the link to the next page is no address"))?;
        if !same_origin(url, &next) {
            let why =
                format!("the link to the next page leads to another server: `{}`", sluice_http::redact(next.as_str()));
            return Err(refuse(&why));
        }
        Ok(Some(next))
    }
}
