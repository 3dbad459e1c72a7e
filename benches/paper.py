"""Writes what the figures of a note are compared with: the paper's generator with random weights, as it is exported plainly
and as Timbrel exports it, and a matrix product that shows the processor's peak.

    python benches/paper.py FOLDER MODEL.onnx...

leaves paper-literal.onnx, paper-fast.onnx and peak.onnx in FOLDER, and in operations.json the multiplications of one note of
each of them and of the given models. Speed does not depend on the weights; both exports have the same ones.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper, shape_inference

from timbrel_training import config, export, generators
from timbrel_training.errors import run_command
from timbrel_training.normaliser import PUBLISHED_MEL

ROOT = Path(__file__).resolve().parent.parent

# Rows and columns of the product that shows the peak: large enough that nothing but multiplying counts, and the weights
# are packed once, as those of a network are.
PEAK_SIZE = 1024


class Literal(torch.nn.Module):
    """A generator without its `for_inference()`: exported as it was trained (nearest upsampling, the mean of pixel norm as a
    reduction)."""

    def __init__(self, generator: torch.nn.Module):
        super().__init__()
        self.generator = generator
        self.representation = generator.representation
        self.latent_size = generator.latent_size
        self.pitch_min, self.pitch_max = generator.pitch_min, generator.pitch_max

    def forward(self, latent: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
        return self.generator(latent, pitch)


def paper_generator() -> torch.nn.Module:
    """The network of config/paper.toml with random weights."""
    torch.manual_seed(0)
    read = config.read(ROOT / "training/config/paper.toml")
    settings = {
        "representation": read.representation,
        "normaliser": PUBLISHED_MEL,
        "pitch_min": read.data.pitch_min,
        "pitch_max": read.data.pitch_max,
        **read.generator.settings,
    }
    return generators.build(read.generator.kind, settings).eval().requires_grad_(False)


def peak_model() -> onnx.ModelProto:
    """y = x w, square, with constant w."""
    weights = np.random.default_rng(0).standard_normal((PEAK_SIZE, PEAK_SIZE)).astype(np.float32)
    shape = [PEAK_SIZE, PEAK_SIZE]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = helper.make_opsetid("", export.OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=export.IR_VERSION)


def multiplications(model: onnx.ModelProto) -> int:
    """Multiply-adds of one note in the matrix products and convolutions of a graph."""
    for value in [*model.graph.input, *model.graph.output]:
        first = value.type.tensor_type.shape.dim[0]
        if first.dim_param:
            first.Clear()
            first.dim_value = 1
    model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    values = [*model.graph.value_info, *model.graph.input, *model.graph.output]
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in values}
    shapes |= {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        counted = node.op_type in ("Conv", "MatMul", "Gemm", "Einsum")
        if counted and any(0 in shapes.get(name, [0]) for name in [*node.input[:2], node.output[0]]):
            raise ValueError(f"The shapes around {node.name} are not known, so it cannot be counted.")
        if node.op_type == "Conv":
            total += math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type in ("MatMul", "Gemm"):
            transposed = any(a.name == "transA" and a.i for a in node.attribute)
            inner = shapes[node.input[0]][0 if transposed else -1]
            total += math.prod(shapes[node.output[0]]) * inner
        elif node.op_type == "Einsum":
            total += _einsum(node, shapes)
        elif node.op_type in ("ConvTranspose", "LSTM", "GRU", "RNN"):
            raise ValueError(f"{node.op_type} is not counted: add it to multiplications()")
    return total


def _einsum(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    equation = next(a.s.decode() for a in node.attribute if a.name == "equation").replace(" ", "")
    sizes: dict[str, int] = {}
    for letters, name in zip(equation.split("->")[0].split(","), node.input, strict=True):
        sizes |= dict(zip(letters, shapes[name], strict=True))
    return math.prod(sizes.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL.onnx")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    generator = paper_generator()
    files = [arguments.folder / name for name in ("paper-literal.onnx", "paper-fast.onnx", "peak.onnx")]
    for path, module in zip(files, (Literal(generator), generator)):
        if not path.exists():
            print(f"{path}: {export.export(module, path, {'name': path.stem})}")
    onnx.save(peak_model(), files[2])
    counts = {path.name: multiplications(onnx.load(path)) for path in [*files, *arguments.models]}
    (arguments.folder / "operations.json").write_text(json.dumps(counts, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
