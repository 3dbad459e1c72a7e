//! ONNX files byte by byte, as far as tests need it: messages of `onnx.proto` out of fields.

/// Types of numbers.
pub const FLOAT: u64 = 1;
pub const INT64: u64 = 7;

/// A size that the graph leaves open.
pub const OPEN: u64 = 0;

/// An operator node.
pub fn node(operator: &str, inputs: &[&str], output: &str, domain: &str) -> Vec<u8> {
    let mut node = Vec::new();
    inputs.iter().for_each(|input| node.extend(bytes(1, input.as_bytes())));
    node.extend(bytes(2, output.as_bytes()));
    node.extend(bytes(4, operator.as_bytes()));
    node.extend(bytes(7, domain.as_bytes()));
    node
}

/// A node that changes the type of numbers.
pub fn cast(input: &str, output: &str, element: u64) -> Vec<u8> {
    let attribute = [bytes(1, b"to"), number(3, element), number(20, 2)].concat();
    [node("Cast", &[input], output, ""), bytes(5, &attribute)].concat()
}

/// An initialiser that says its data lies in another file.
pub fn external(location: &str) -> Vec<u8> {
    let entry = [bytes(1, b"location"), bytes(2, location.as_bytes())].concat();
    let tensor = [number(1, 4), number(2, FLOAT), bytes(8, b"stolen"), bytes(13, &entry), number(14, 1)].concat();
    bytes(5, &tensor)
}

/// An entry of the model's metadata.
pub fn metadata(key: &str, value: &str) -> Vec<u8> {
    bytes(14, &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat())
}

/// An initialiser of floats, with sizes as [`outlet`] takes them; a message that the graph holds in field 5.
pub fn floats(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    tensor(name, FLOAT, dims, &raw)
}

/// An initialiser of whole numbers in one row.
pub fn integers(name: &str, values: &[u64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    tensor(name, INT64, &[values.len() as u64], &raw)
}

fn tensor(name: &str, element: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let mut tensor: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    tensor.extend([number(2, element), bytes(8, name.as_bytes()), bytes(9, raw)].concat());
    tensor
}

/// An input (field 11 of the graph) or an output (field 12).
pub fn outlet(name: &str, element: u64, dims: &[u64]) -> Vec<u8> {
    let dim = |&dim: &u64| if dim == OPEN { bytes(2, b"n") } else { number(1, dim) };
    let dims: Vec<u8> = dims.iter().flat_map(|size| bytes(1, &dim(size))).collect();
    let tensor_type = [number(1, element), bytes(2, &dims)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor_type))].concat()
}

/// A field of a number.
pub fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field of bytes: a text or a message.
pub fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
