//! From source to a program: parse, resolve and evaluate the modules it imports, keep the result.
//!
//! Programs are cached by content, so a changed source is a different key and there is nothing to
//! invalidate. Compiling happens on a few threads of its own, which end when there is nothing to
//! do.

pub(crate) mod calls;
pub(crate) mod clashes;
pub(crate) mod graph;
mod names;
pub(crate) mod parse;
pub(crate) mod pool;
pub(crate) mod shares;
pub(crate) mod trees;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder};
use shared::id::{AppId, ContentHash};
use shared::invocation::ScriptImage;
use shared::limits::fixed;
use shared::script_error::{Diagnostic, Frame, ScriptError, ScriptErrorKind};
use tokio::sync::oneshot;

use super::engine::Language;
use super::excerpt::excerpt;
use super::program::{Program, Used, frame_name, leaves_constants};
use graph::Graph;
use parse::Runnable;
use pool::Pool;
use shares::{Entry, Shares};
use trees::{Keep, Trees};

/// Scripts that are compiled at the same time.
const THREADS: usize = 2;
/// Compiled trees weigh about this much per byte of source.
const TREE_BYTES_PER_SOURCE_BYTE: u64 = 40;
/// More than any program weighs.
const HEAVIEST: u64 = 1 << 30;

#[derive(Clone, PartialEq, Eq)]
struct Key {
    app: AppId,
    hash: ContentHash,
    modules: Option<ContentHash>,
    // Two scripts with the same source still differ in what their frames are called.
    name: shared::name::ScriptName,
    version: i64,
}

impl Key {
    fn of(image: &ScriptImage) -> Self {
        Self {
            app: image.app,
            hash: image.hash,
            modules: image.modules.hash,
            name: image.name.clone(),
            version: image.version,
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_contents(&self.hash, state);
    }
}

/// Asks for the program of an image without making a key of it.
struct Asked<'a>(&'a ScriptImage);

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_contents(&self.0.hash, state);
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let image = self.0;
        key.hash == image.hash
            && key.app == image.app
            && key.version == image.version
            && key.modules == image.modules.hash
            && key.name == image.name
    }
}

/// The hash of the source tells nearly all programs apart, and its first bytes are as good as any.
fn hash_contents<H: Hasher>(hash: &ContentHash, state: &mut H) {
    let (words, _rest) = hash.as_bytes().as_chunks::<8>();
    state.write_u64(words.first().copied().map_or(0, u64::from_le_bytes));
}

#[derive(Clone)]
struct Weigh;

impl quick_cache::Weighter<Key, Arc<Program>> for Weigh {
    fn weight(&self, _key: &Key, program: &Arc<Program>) -> u64 {
        program.weight
    }
}

/// Compiles and remembers.
pub(crate) struct Compiler {
    language: Arc<Language>,
    cache: Cache<Key, Arc<Program>, Weigh>,
    /// What decides which programs stay in the cache.
    shares: Mutex<Shares<Key>>,
    pool: Pool,
    trees: Arc<Trees>,
}

impl Compiler {
    /// A compiler that keeps about `cache_bytes` of programs.
    pub(crate) fn new(language: Arc<Language>, cache_bytes: u64) -> Arc<Self> {
        // It has room for more than it ever holds, so that it takes nothing out by itself.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(1_000)
            .weight_capacity(cache_bytes.saturating_add(HEAVIEST).saturating_mul(4))
            .shards(2)
            .build()
            .expect("all options that have no default are set");
        let hasher = DefaultHashBuilder::default();
        Arc::new(Self {
            language,
            cache: Cache::with_options(options, Weigh, hasher, DefaultLifecycle::default()),
            shares: Mutex::new(Shares::new(cache_bytes)),
            pool: Pool::new(THREADS),
            trees: Arc::default(),
        })
    }

    /// The program, if it is there.
    pub(crate) fn cached(&self, image: &ScriptImage) -> Option<Arc<Program>> {
        let program = self.cache.get(&Asked(image))?;
        program.used.mark();
        Some(program)
    }

    /// The trees of what is being deployed.
    pub(crate) fn trees(&self) -> &Arc<Trees> {
        &self.trees
    }

    /// The program, compiled if need be. Who asks while it is being compiled waits for that.
    pub(crate) async fn get(&self, image: Arc<ScriptImage>) -> Result<Arc<Program>, ScriptError> {
        self.keep(image, &mut Keep::default()).await
    }

    /// The same; the trees it was made of are kept.
    pub(crate) async fn keep(
        &self,
        image: Arc<ScriptImage>,
        keep: &mut Keep,
    ) -> Result<Arc<Program>, ScriptError> {
        let key = Key::of(&image);
        let entry = (key.clone(), Arc::downgrade(&image));
        let compiled = async {
            let (program, kept) = self.compiled(image).await?;
            *keep = kept;
            let program = Arc::new(program);
            self.share(entry, &program);
            Ok(program)
        };
        self.cache.get_or_insert_async(&key, compiled).await
    }

    /// Makes room for a program.
    fn share(&self, (key, image): (Key, Weak<ScriptImage>), program: &Arc<Program>) {
        let (app, used) = (key.app, Arc::clone(&program.used));
        let entry = Entry {
            key,
            weight: program.weight,
            used,
            image,
        };
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = shares.add(app, entry);
        drop(shares);
        for key in gone {
            self.cache.remove(&key);
        }
    }

    async fn compiled(&self, image: Arc<ScriptImage>) -> Result<(Program, Keep), ScriptError> {
        let (reply, answer) = oneshot::channel();
        let (language, trees) = (Arc::clone(&self.language), Arc::clone(&self.trees));
        let whose = Some(image.app);
        let work = Box::new(move || {
            // Nobody may be waiting any more.
            let mut keep = Keep::default();
            let program = compile(&language, &image, (&trees, &mut keep));
            drop(reply.send(program.map(|program| (program, keep))));
        });
        let queued = self.pool.run(whose, work);
        // It passed its deploy, so that is no fault of the script: an event is tried again.
        let too_slow = || {
            ScriptError::new(
                ScriptErrorKind::Overloaded,
                "the script was not compiled in time: the server compiles too much else",
            )
        };
        if !queued {
            return Err(too_slow());
        }
        // Compiling has a limit of its own; the rest is waiting for a free thread.
        match tokio::time::timeout(fixed::COMPILE_TIME * 2, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(too_slow()),
        }
    }
}

fn compile(
    language: &Language,
    image: &ScriptImage,
    (trees, keep): (&Trees, &mut Keep),
) -> Result<Program, ScriptError> {
    let name = frame_name(image);
    let started = Instant::now();
    let mut sources = BTreeMap::from([(name.clone(), Arc::clone(&image.source))]);
    let mut weight = image.source.len() as u64;
    let lookup = |module: &str| {
        image
            .modules
            .modules
            .get(module)
            .map(|found| Arc::clone(&found.source))
    };
    let named = (name.as_str(), &*image.source);
    let as_error = |d: Box<Diagnostic>| {
        let source = lookup(&d.script).unwrap_or_else(|| Arc::clone(&image.source));
        as_error(&d, &source)
    };
    let mut graph = Graph::new(language, (trees, keep), &lookup, started);
    let Runnable { ast, map } = graph.script(named).map_err(as_error)?;
    let mut maps = graph.take_maps();
    maps.insert(name.clone(), map);
    let modules = graph.evaluate()?;
    for module in modules.keys() {
        if let Some(source) = lookup(module) {
            weight += source.len() as u64;
            sources.insert(module.clone(), source);
        }
    }
    Ok(Program {
        leaves_constants: leaves_constants(&ast),
        ast,
        modules,
        sources,
        maps,
        weight: weight * TREE_BYTES_PER_SOURCE_BYTE,
        used: Arc::new(Used::default()),
    })
}

fn as_error(diagnostic: &Diagnostic, source: &str) -> ScriptError {
    let message = match &diagnostic.hint {
        Some(hint) => format!("{}; {hint}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut error = ScriptError::new(ScriptErrorKind::Compile, message);
    error.frames.push(Frame {
        function: "main".to_owned(),
        script: diagnostic.script.clone(),
        line: diagnostic.line,
        column: diagnostic.column,
    });
    error.excerpt = excerpt(source, diagnostic.line, diagnostic.column);
    error
}
