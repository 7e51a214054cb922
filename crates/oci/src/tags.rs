//! Lists of tags, page by page.

use std::collections::HashSet;

use serde::Deserialize;
use sluice_http::header::LINK;
use sluice_http::{Answer, Url, same_origin};

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

impl Repository {
    /// All tags, in the registry's order. What is no tag is left out.
    ///
    /// # Errors
    /// When the registry fails, on whichever page, or its list has no end: never a shorter list.
    pub async fn tags(&self) -> Result<Vec<String>, Error> {
        let mut tags = Vec::new();
        let mut next = Some(self.url("tags/list?n=1000").await?);
        let mut seen = HashSet::new();
        while let Some(url) = next {
            if !seen.insert(url.clone()) || seen.len() > self.limits().pages {
                let why =
                    format!("the list of tags has no end, or more than {} pages (limit pages)", self.limits().pages);
                return Err(self.error(ErrorKind::TooManyPages, why));
            }
            let answer = self.ask(Ask::get(url.clone())).await?;
            if !answer.status.is_success() {
                return Err(failed(self, answer, "the registry").await);
            }
            next = self.next_page(&url, &answer)?;
            let data = answer.body.all(self.limits().page_bytes).await.map_err(|error| self.exchanged(&error))?;
            let page: Page = serde_json::from_slice(&data)
                .map_err(|_| self.error(ErrorKind::BadBody, "the answer is no list of tags; is this a registry?"))?;
            tags.extend(page.tags.unwrap_or_default().into_iter().filter(|tag| is_tag(tag)));
            if tags.len() > self.limits().tags {
                let why = format!("the repository has more than {} tags (limit tags)", self.limits().tags);
                return Err(self.error(ErrorKind::Limit, why));
            }
        }
        Ok(tags)
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
