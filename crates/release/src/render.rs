//! A chart with values becomes what a release has, on a thread for what blocks.

use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_helm::{Chart, Limits, RenderOptions, Rendered};
use tokio::task::spawn_blocking;

use crate::{Release, lookup};

/// Changes what a chart made before it is stored and applied. Runs on a thread for what blocks.
pub type PostRender = Arc<dyn Fn(Rendered) -> Result<Rendered, String> + Send + Sync>;

/// What is released.
#[derive(Clone)]
pub struct Chosen {
    /// The chart.
    pub chart: Chart,
    /// The values over its own.
    pub values: Map<String, Value>,
    /// What changes the rendered objects.
    pub post: Option<PostRender>,
    /// Labels that the definitions in the chart's `crds/` get, which are not rendered.
    pub crd_labels: Vec<(&'static str, String)>,
    /// What rendering may cost.
    pub limits: Limits,
}

/// NOTES.txt longer than this is cut: it is stored in every record (SECURITY D69).
const NOTES_BYTES: usize = 256 << 10;

impl Release<'_> {
    /// Renders for a revision.
    pub(crate) async fn render(
        &self,
        chosen: &Chosen,
        revision: &sluice_helm::Release,
        skip_schema: bool,
    ) -> Result<Rendered, String> {
        let capabilities = self.capabilities.get(&self.applier.client).await?;
        let options = RenderOptions {
            release: revision.clone(),
            capabilities,
            lookup: Some(lookup::of(self.applier)),
            skip_schema,
            sub_notes: false,
            limits: chosen.limits,
        };
        let Chosen { chart, values, post, .. } = chosen.clone();
        let rendering = spawn_blocking(move || {
            let rendered = sluice_helm::render(&chart, &values, &options).map_err(|error| error.to_string())?;
            let mut rendered = match post {
                Some(post) => {
                    post(rendered).map_err(|error| format!("error while running post render on files: {error}"))?
                }
                None => rendered,
            };
            if rendered.notes.len() > NOTES_BYTES {
                rendered.notes.truncate(rendered.notes.floor_char_boundary(NOTES_BYTES));
            }
            Ok(rendered)
        });
        rendering.await.unwrap_or_else(|_| Err("rendering was aborted".to_owned()))
    }
}
