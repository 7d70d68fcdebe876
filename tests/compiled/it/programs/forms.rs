//! Where functions stand: free, in blocks, in `impl`s of every kind, and in what macros write.

use super::choice::Choice;
use super::fragments;
use super::function::{ANYWHERE, Call, Function, Kind, Place};
use super::words;

/// A part of a program: items with the attributes and without, and what is called.
pub(super) struct Form {
    pub(super) plain: String,
    pub(super) cached: String,
    pub(super) subjects: Vec<Subject>,
}

/// A function as the judge sees it; see `cachekit_compiled_tests::judge::Subject`.
pub(super) struct Subject {
    pub(super) name: String,
    /// Expressions that print results.
    pub(super) calls: Vec<String>,
    pub(super) keys: Vec<usize>,
    pub(super) kept: &'static str,
    pub(super) reach: &'static str,
    pub(super) lasts: Option<(u64, u64)>,
    pub(super) none_lasts: Option<u64>,
    /// For each step, an expression that prints what it said.
    pub(super) companion: Option<[String; 5]>,
}

pub(super) fn any(choice: &mut Choice) -> Form {
    match choice.below(9) {
        0 | 1 => free(choice),
        2 => in_blocks(choice),
        3 | 4 => methods(choice),
        5 => in_traits(choice),
        6 => repeated(choice),
        _ => fragments::any(choice),
    }
}

/// Keys as numbers: what is equal has one number.
fn numbered(keys: &[Vec<String>]) -> Vec<usize> {
    keys.iter().map(|key| keys.iter().position(|other| other == key).unwrap_or(0)).collect()
}

pub(super) fn subject(
    function: &Function,
    reach: &'static str,
    calls: &[Call],
    call: impl Fn(&Call) -> String,
) -> Subject {
    let keys: Vec<_> = calls.iter().map(|call| call.key.clone()).collect();
    Subject {
        name: function.name.clone(),
        calls: calls.iter().map(|each| function.shown(&call(each))).collect(),
        keys: numbered(&keys),
        kept: function.options.kept,
        reach: if function.options.is_local() { "Process" } else { reach },
        lasts: function.options.lasts,
        none_lasts: function.options.none_lasts,
        companion: None,
    }
}

/// What is asked of the companion beside a free function.
pub(super) fn companion(function: &Function, call: &Call) -> [String; 5] {
    let name = function.options.companion.unwrap_or(&function.name);
    let Call { turbofish, values, parts, .. } = call;
    let set = match parts.as_str() {
        "" => String::new(),
        parts => format!("{parts}, "),
    };
    let result = format!("{}{turbofish}({values})", function.name);
    steps(function, &result, |step| match step {
        "refresh" => format!("{name}::refresh{turbofish}({values})"),
        "set" => format!("{name}::set{turbofish}({set}value)"),
        step => format!("{name}::{step}{turbofish}({parts})"),
    })
}

fn steps(function: &Function, result: &str, call: impl Fn(&str) -> String) -> [String; 5] {
    let waited = |call: String| match function.kind {
        Kind::Sync => call,
        _ => format!("::cachekit_compiled_tests::block_on({call})"),
    };
    let step = |name: &str| waited(call(name));
    [
        format!("::std::format!(\"{{:?}}\", {})", step("peek")),
        format!("::std::format!(\"{{:?}}\", {})", step("contains")),
        format!("::std::format!(\"{{:?}}\", {}.was_cached())", step("invalidate")),
        format!("::std::format!(\"{{:?}}\", {})", step("refresh")),
        format!(
            "{{ let value = {}; {}; ::std::string::String::new() }}",
            waited(result.to_owned()),
            step("set")
        ),
    ]
}

/// Free functions.
fn free(choice: &mut Choice) -> Form {
    let mut form = Form { plain: String::new(), cached: String::new(), subjects: Vec::new() };
    let count = 1 + choice.below(2);
    for (index, name) in words::function_names(choice, count).into_iter().enumerate() {
        // Two companions of one name are a mistake of the author's.
        let function = Function::any(choice, name, Place { renamed: index == 0, ..ANYWHERE });
        let salt = format!("\"free {index}\"");
        form.plain += &function.item(false, "", &salt);
        form.cached += &function.item(true, "", &salt);
        let calls = function.calls(choice);
        let mut subject = subject(&function, "Found", &calls, |call| {
            format!("{name}{}({})", call.turbofish, call.values)
        });
        subject.companion = Some(companion(&function, &calls[0]));
        form.subjects.push(subject);
    }
    form
}

/// Two functions of one name and one signature, each in a block of its own.
fn in_blocks(choice: &mut Choice) -> Form {
    let name = words::function_names(choice, 1)[0];
    let function = Function::any(choice, name, Place { vis: "", ..ANYWHERE });
    let calls = function.calls(choice);
    let arms: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(number, call)| {
            let call = format!("{name}{}({})", call.turbofish, call.values);
            format!("{number} => {},", function.shown(&call))
        })
        .collect();
    let arms = format!("match call {{ {} _ => ::std::unreachable!() }}", arms.concat());
    let items = |cached| {
        let [one, two] = ["\"one\"", "\"two\""].map(|salt| function.item(cached, "", salt));
        format!(
            "pub fn in_blocks(block: ::core::primitive::usize, call: ::core::primitive::usize) \
             -> ::std::string::String {{\nif block == 0 {{\n{one}\nreturn {arms};\n}}\n{two}\n{arms}\n}}"
        )
    };
    let subjects = (0..2).map(|block| {
        let mut subject = subject(&function, "Backend", &calls, |_| String::new());
        subject.name = format!("{name} of block {block}");
        let of = |number| format!("in_blocks({block}, {number})");
        subject.calls = (0..calls.len()).map(of).collect();
        subject
    });
    Form { subjects: subjects.collect(), plain: items(false), cached: items(true) }
}

const SHOP: &str = r"
pub struct Shop { id: ::cachekit::InstanceId, pub factor: u32, pub name: ::std::string::String }
impl Shop {
    pub fn new(factor: u32) -> Self {
        Self { id: ::cachekit::InstanceId::new(), factor, name: ::std::format!(f!()) }
    }
}
impl ::cachekit::Instance for Shop { fn instance(&self) -> &::cachekit::InstanceId { &self.id } }
";

/// A method of every kind of receiver, or a function beside it.
fn methods(choice: &mut Choice) -> Form {
    let name = words::function_names(choice, 1)[0];
    let mut function = Function::any(choice, name, Place { renamed: false, ..ANYWHERE });
    if function.names_lifetime() || function.kind == Kind::Boxed {
        function.kind = Kind::Async;
    }
    let secure = function.options.attribute.ends_with("secure");
    let has_key = function.options.list.iter().any(|option| option.starts_with("key"));
    let stale = function.options.list.iter().any(|option| option.starts_with("stale"));
    // The receiver's form, and what makes one of an object.
    let (receiver, from) = choice.one_of(&[
        ("&self", "Shop::new(@)"),
        ("&self", "Shop::new(@)"),
        ("&mut self", "Shop::new(@)"),
        ("self", "Shop::new(@)"),
        ("mut self", "Shop::new(@)"),
        ("self: ::std::boxed::Box<Self>", "::std::boxed::Box::new(Shop::new(@))"),
        ("self: ::std::sync::Arc<Self>", "::std::sync::Arc::new(Shop::new(@))"),
        ("self: &::std::sync::Arc<Self>", "::std::sync::Arc::new(Shop::new(@))"),
        ("self: ::core::pin::Pin<&Self>", "::core::pin::Pin::new(&Shop::new(@))"),
        ("self: &Self", "Shop::new(@)"),
        ("", ""),
    ]);
    let (option, salt) = match (receiver, choice.below(5)) {
        ("", _) | (_, 0) => ("self = shared", "\"shared\""),
        (_, 1) if !has_key && !secure && !receiver.contains("Pin") => {
            ("self = instance", "self.factor")
        }
        (_, 2) => ("self = key(self.factor)", "self.factor"),
        (_, 3) => ("self = key(\"{self.name}/{self.factor}\")", "(&self.name, self.factor)"),
        _ => ("self = key((&self.name, 7))", "(&self.name, 7)"),
    };
    if has_key || stale {
        // A key mentions the object itself, and a copy of it is more than this one offers.
        function
            .options
            .list
            .retain(|option| !option.starts_with("key") && !option.starts_with("stale"));
        let skipped: Vec<_> = function.arguments.iter().filter(|each| each.skipped).collect();
        if has_key && !skipped.is_empty() {
            let names: Vec<_> = skipped.iter().map(|each| each.pattern.as_str()).collect();
            function.options.list.push(format!("skip({})", names.join(", ")));
        }
    }
    function.options.list.push(option.to_owned());
    let instance = option == "self = instance";
    if instance {
        // Every object of the calls below is a new one.
        (function.options.kept, function.options.lasts) = ("Nothing", None);
        function.options.list.retain(|option| !option.starts_with("fill_lock"));
    }
    let mut calls = function.calls(choice);
    let mut objects = Vec::new();
    for call in &mut calls {
        let object = 1 + choice.below(2);
        objects.push(from.replace('@', &object.to_string()));
        if option != "self = shared" {
            call.key.push(object.to_string());
        }
    }
    let items = |cached| {
        let method = function.item(cached, receiver, salt);
        let shop = SHOP.replace("f!()", "\"shop {}\", factor % 2");
        format!("{shop}\nimpl Shop {{\n{method}\n}}")
    };
    let path = |number: usize, what: &str, turbofish: &str, values: &str| match receiver {
        "" => format!("Shop::{what}{turbofish}({values})"),
        _ => format!("{}.{what}{turbofish}({values})", objects[number]),
    };
    let mut subject =
        subject(&function, if instance { "Process" } else { "Found" }, &calls, |_| String::new());
    subject.calls = calls
        .iter()
        .enumerate()
        .map(|(number, call)| function.shown(&path(number, name, &call.turbofish, &call.values)))
        .collect();
    let first = &calls[0];
    let handle = format!("{}_cache", name.trim_start_matches("r#"));
    let handle = path(0, &handle, &first.turbofish, &first.parts);
    let result = path(0, name, &first.turbofish, &first.values);
    if !instance {
        subject.companion = Some(steps(&function, &result, |step| match (step, function.kind) {
            ("refresh", Kind::Sync) => format!("{handle}.refresh(|| {result})"),
            ("refresh", _) => format!("async {{ {handle}.refresh({result}).await }}"),
            ("set", _) => format!("{handle}.set(value)"),
            _ => format!("{handle}.{step}()"),
        }));
    }
    Form { plain: items(false), cached: items(true), subjects: vec![subject] }
}

/// A method of a trait, provided or implemented for two types.
fn in_traits(choice: &mut Choice) -> Form {
    let name = words::function_names(choice, 1)[0];
    let place = Place { patterns: false, futures: false, renamed: false, vis: "", ..ANYWHERE };
    let mut function = Function::any(choice, name, place);
    let names = ["\"one\"", "\"two\""];
    let provided = choice.chance(50);
    function.options.list.retain(|option| !option.starts_with("stale"));
    function.options.list.push("self = shared".to_owned());
    let by_macro = choice.chance(50);
    let calls = function.calls(choice);
    let items = |cached| {
        let written = function.written("&self", "");
        let declared = written.split(" {").next().unwrap_or_default();
        if provided {
            let item = function.item(cached, "&self", "Self::SALT");
            return format!(
                "pub trait Load {{ const SALT: &'static str;\n{item}\n}}\n\
                 pub struct One;\npub struct Two;\n\
                 impl Load for One {{ const SALT: &'static str = \"one\"; }}\n\
                 impl Load for Two {{ const SALT: &'static str = \"two\"; }}"
            );
        }
        let declared =
            format!("pub trait Load {{ {declared}; }}\npub struct One;\npub struct Two;");
        if by_macro {
            let item = function.item(cached, "&self", "$salt");
            return format!(
                "{declared}\nmacro_rules! load {{ ($($t:ty: $salt:expr),*) => {{ $(impl Load for $t {{\n{item}\n}})* }}; }}\n\
                 load!(One: \"one\", Two: \"two\");"
            );
        }
        let [one, two] = names.map(|salt| function.item(cached, "&self", salt));
        format!("{declared}\nimpl Load for One {{\n{one}\n}}\nimpl Load for Two {{\n{two}\n}}")
    };
    let subjects = ["One", "Two"].map(|of| {
        subject(&function, "Backend", &calls, |call| {
            let values =
                if call.values.is_empty() { String::new() } else { format!(", {}", call.values) };
            format!("<{of} as Load>::{name}{}(&{of}{values})", call.turbofish)
        })
    });
    Form { plain: items(false), cached: items(true), subjects: subjects.into() }
}

/// Functions of one name that one macro writes: in `impl`s, inside their methods, in modules.
fn repeated(choice: &mut Choice) -> Form {
    let name = words::function_names(choice, 1)[0];
    let how = choice.below(4);
    let place = Place { renamed: false, vis: if how == 2 { "pub" } else { "" }, ..ANYWHERE };
    let mut function = Function::any(choice, name, place);
    function.options.list.retain(|option| !option.starts_with("stale"));
    // Modules are apart anyway, and items in functions see no receiver.
    if how == 0 {
        function.options.list.push("self = shared".to_owned());
        function.vis = "pub";
    }
    let calls = function.calls(choice);
    let arms: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(number, call)| {
            let path = match how {
                0 => format!("Self::{name}"),
                _ => name.to_owned(),
            };
            let call = format!("{path}{}({})", call.turbofish, call.values);
            format!("{number} => {},", function.shown(&call))
        })
        .collect();
    let arms = format!("match call {{ {} _ => ::std::unreachable!() }}", arms.concat());
    let asked = "(call: ::core::primitive::usize) -> ::std::string::String";
    let items = |cached| {
        let item = function.item(cached, "", "$salt");
        let inside = match how {
            0 => format!("pub struct $t; impl $t {{\n{item}\npub fn ask{asked} {{ {arms} }}\n}}"),
            1 => format!("pub struct $t; impl $t {{ pub fn ask{asked} {{\n{item}\n{arms}\n}} }}"),
            2 => format!(
                "#[allow(non_snake_case)] pub mod $t {{ use super::RUNS;\n{item}\npub fn ask{asked} {{ {arms} }} }}"
            ),
            _ => {
                format!("pub struct $t; impl Ask for $t {{ fn ask{asked} {{\n{item}\n{arms}\n}} }}")
            }
        };
        let ask =
            if how == 3 { format!("pub trait Ask {{ fn ask{asked}; }}") } else { String::new() };
        format!(
            "{ask}\nmacro_rules! repeat {{ ($($t:ident = $salt:literal),* $(,)?) => {{ $({inside})* }}; }}\n\
             repeat!(Order = \"order\", User = \"user\");"
        )
    };
    let subjects = ["Order", "User"].map(|of| {
        let mut subject = subject(&function, "Backend", &calls, |_| String::new());
        subject.name = format!("{name} of {of}");
        subject.calls = (0..calls.len()).map(|number| format!("{of}::ask({number})")).collect();
        if how == 3 {
            subject.calls =
                (0..calls.len()).map(|number| format!("<{of} as Ask>::ask({number})")).collect();
        }
        subject
    });
    Form { plain: items(false), cached: items(true), subjects: subjects.into() }
}
