//! Looks into an ONNX file before ONNX Runtime does: any thread, plain slices, nothing is executed.
//!
//! An ONNX file is a protocol buffer (`onnx.proto`, message `ModelProto`). Only the few fields are read that decide
//! whether the file may be handed on: the manifest in its metadata, and everything that could make the runtime open other
//! files, need foreign code, or run for ever.

use std::collections::HashSet;

use anyhow::{Result, bail};

/// Messages nested deeper than this are no generator: graph, node, attribute, tensor make four.
const MAX_DEPTH: usize = 16;

/// What was found in a file.
#[derive(Debug, Default)]
pub struct Scan<'a> {
    /// `metadata_props` under the key `timbrel`.
    pub manifest: Option<&'a str>,
    pub nodes: usize,
    /// Operators of other domains than ONNX's own, as (domain, name), and those that functions in the file define.
    foreign: HashSet<(&'a str, &'a str)>,
    functions: HashSet<(&'a str, &'a str)>,
    /// Operators that can run for ever.
    loops: Option<&'a str>,
    external_data: bool,
}

/// Domains whose operators are built into ONNX Runtime. Some of them open files.
const RUNTIME_DOMAINS: [&str; 3] = ["com.microsoft", "com.ms.", "ai.onnx"];

/// Key of the manifest in the file's metadata.
pub const MANIFEST_KEY: &str = "timbrel";

/// Reads a file's structure and refuses what must not reach ONNX Runtime.
pub fn scan(file: &[u8]) -> Result<Scan<'_>> {
    const BROKEN: &str = "is not an ONNX model, or it is cut short: copy or download it again";
    let mut scan = Scan::default();
    let mut found_graph = false;
    let mut model = Fields(file);
    while let Some((number, value)) = model.next().map_err(|Malformed| anyhow::anyhow!(BROKEN))? {
        let result = match (number, value) {
            (GRAPH, Value::Bytes(graph)) => {
                found_graph = true;
                scan.graph(graph, 0)
            }
            (METADATA_PROPS, Value::Bytes(entry)) => scan.metadata(entry),
            (FUNCTIONS, Value::Bytes(function)) => scan.function(function),
            _ => Ok(()),
        };
        result.map_err(|Malformed| anyhow::anyhow!(BROKEN))?;
    }
    if !found_graph || scan.nodes == 0 {
        bail!(BROKEN);
    }
    if scan.external_data {
        bail!("keeps its weights in other files; export it as one file, with the weights inside");
    }
    if let Some(operator) = scan.loops {
        bail!("contains the operator {operator}, which could run for ever; export it without control flow");
    }
    if let Some((domain, _)) = scan.foreign.difference(&scan.functions).next() {
        let domain: String = domain.chars().take(60).collect();
        bail!(
            "needs custom operators ({domain:?}), which Timbrel does not load; export it with standard ONNX operators"
        );
    }
    Ok(scan)
}

// Field numbers of onnx.proto.
const GRAPH: u32 = 7; // ModelProto
const METADATA_PROPS: u32 = 14;
const FUNCTIONS: u32 = 25;
const NODE: u32 = 1; // GraphProto
const INITIALIZER: u32 = 5;
const SPARSE_INITIALIZER: u32 = 15;
const OP_TYPE: u32 = 4; // NodeProto
const ATTRIBUTE: u32 = 5;
const DOMAIN: u32 = 7;
const ATTRIBUTE_T: u32 = 5; // AttributeProto
const ATTRIBUTE_G: u32 = 6;
const ATTRIBUTE_TENSORS: u32 = 10;
const ATTRIBUTE_GRAPHS: u32 = 11;
const ATTRIBUTE_SPARSE_TENSOR: u32 = 22;
const ATTRIBUTE_SPARSE_TENSORS: u32 = 23;
const EXTERNAL_DATA: u32 = 13; // TensorProto
const DATA_LOCATION: u32 = 14;
const FUNCTION_NAME: u32 = 1; // FunctionProto
const FUNCTION_NODE: u32 = 7;
const FUNCTION_DOMAIN: u32 = 10;

impl<'a> Scan<'a> {
    fn metadata(&mut self, entry: &'a [u8]) -> Result<(), Malformed> {
        let (mut key, mut value) = ("", "");
        let mut fields = Fields(entry);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Value::Bytes(bytes)) => key = text(bytes)?,
                (2, Value::Bytes(bytes)) => value = text(bytes)?,
                _ => {}
            }
        }
        if key == MANIFEST_KEY {
            self.manifest = Some(value);
        }
        Ok(())
    }

    fn function(&mut self, function: &'a [u8]) -> Result<(), Malformed> {
        let (mut name, mut domain) = ("", "");
        let mut fields = Fields(function);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (FUNCTION_NODE, Value::Bytes(node)) => self.node(node, 1)?,
                (FUNCTION_NAME, Value::Bytes(bytes)) => name = text(bytes)?,
                (FUNCTION_DOMAIN, Value::Bytes(bytes)) => domain = text(bytes)?,
                _ => {}
            }
        }
        // A function cannot vouch for an operator that the runtime itself knows.
        if !RUNTIME_DOMAINS.iter().any(|own| domain.starts_with(own)) {
            self.functions.insert((domain, name));
        }
        Ok(())
    }

    fn graph(&mut self, graph: &'a [u8], depth: usize) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed);
        }
        let mut fields = Fields(graph);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (NODE, Value::Bytes(node)) => self.node(node, depth + 1)?,
                (INITIALIZER, Value::Bytes(tensor)) => self.tensor(tensor)?,
                (SPARSE_INITIALIZER, Value::Bytes(tensor)) => self.sparse_tensor(tensor)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &'a [u8], depth: usize) -> Result<(), Malformed> {
        self.nodes += 1;
        let (mut operator, mut domain) = ("", "");
        let mut fields = Fields(node);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (OP_TYPE, Value::Bytes(bytes)) => operator = text(bytes)?,
                (DOMAIN, Value::Bytes(bytes)) => domain = text(bytes)?,
                (ATTRIBUTE, Value::Bytes(attribute)) => self.attribute(attribute, depth + 1)?,
                _ => {}
            }
        }
        if matches!(operator, "Loop" | "Scan") {
            self.loops = Some(operator);
        }
        if !matches!(domain, "" | "ai.onnx") {
            self.foreign.insert((domain, operator));
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &'a [u8], depth: usize) -> Result<(), Malformed> {
        let mut fields = Fields(attribute);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (ATTRIBUTE_T | ATTRIBUTE_TENSORS, Value::Bytes(tensor)) => self.tensor(tensor)?,
                (ATTRIBUTE_SPARSE_TENSOR | ATTRIBUTE_SPARSE_TENSORS, Value::Bytes(tensor)) => {
                    self.sparse_tensor(tensor)?;
                }
                (ATTRIBUTE_G | ATTRIBUTE_GRAPHS, Value::Bytes(graph)) => self.graph(graph, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &'a [u8]) -> Result<(), Malformed> {
        let mut fields = Fields(tensor);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (EXTERNAL_DATA, _) => self.external_data = true,
                (DATA_LOCATION, Value::Number(location)) => self.external_data |= location != 0,
                _ => {}
            }
        }
        Ok(())
    }

    /// A sparse tensor is a tensor of values (field 1) and one of indices (field 2).
    fn sparse_tensor(&mut self, sparse: &'a [u8]) -> Result<(), Malformed> {
        let mut fields = Fields(sparse);
        while let Some((number, field)) = fields.next()? {
            if let (1 | 2, Value::Bytes(tensor)) = (number, field) {
                self.tensor(tensor)?;
            }
        }
        Ok(())
    }
}

/// The bytes are no protocol buffer.
#[derive(Debug)]
struct Malformed;

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Goes through the fields of one message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        if number == 0 {
            return Err(Malformed);
        }
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }

    /// At most ten bytes of seven bits, lowest first.
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}
