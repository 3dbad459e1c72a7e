"""Weights at half precision: half the file for a small, known error."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Shape constants and biases are not worth a Cast each.
LEAST_VALUES = 256


def halve_weights(model: onnx.ModelProto) -> None:
    """Stores the large float32 weights of a model as float16, each with a Cast back to float32, in place.

    ONNX Runtime folds the casts when it loads the file, so the model runs as fast as before.
    """
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < LEAST_VALUES or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
